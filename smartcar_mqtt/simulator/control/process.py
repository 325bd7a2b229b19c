"""The simulated ESP32 as a process: prints one line when it is ready and runs until a signal ends it."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path

import msgspec

from smartcar_mqtt.simulator.control.server import ControlServer
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.wiring import CROSSED, DOCUMENTED
from smartcar_mqtt.simulator.world.world import World

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_simulator(
    link: Path | None = None,
    room: str | Path = "living_room",
    control_port: int | None = None,
    *,
    usb_link: Path | None = None,
    seed: int = 0,
    crossed_wiring: bool = False,
    speed_control: bool = False,
) -> None:
    """Run a twin until SIGTERM or SIGINT; call it from the main thread.

    Prints one line of JSON when ready: `{"serial": path, "control": [host, port] or null}`; the path is that of the
    link if there is one. `usb_link` names the board's USB port, which there is only with it. `control_port` 0 takes any
    free port, None opens none (see the module `server`).

    Raises:
        RoomError: the room cannot be used.
        FileExistsError: something that is not a link stands at `link`.
        OSError: the link, the serial port or the control port cannot be had.
    """
    world = World.load(room, seed=seed, wiring=CROSSED if crossed_wiring else DOCUMENTED)
    twin = SerialTwin(world, link=link, usb_link=usb_link, speed_control=speed_control, seed=seed)
    # Blocked before any thread starts, so that the signals reach `sigwait` here and nobody else.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    try:
        with twin, contextlib.ExitStack() as stack:
            control = None
            if control_port is not None:
                control = stack.enter_context(ControlServer(twin, control_port)).address
            ready = {"serial": str(link or twin.device), "control": control}
            sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
            sys.stdout.flush()
            signal.sigwait(END_SIGNALS)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
