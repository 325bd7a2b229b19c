"""What is asked of the demo on an emulated Raspberry Pi: `python -m tests.pi.drive_and_see`, with `smartcar` beside it.

Every bridge comes online, the wheels of the simulated car turn when somebody says so, telemetry arrives, the light and
the face are drawn, and the camera's bridge finds something. Exit code 1, and a sentence, where one of them does not.
"""

from __future__ import annotations

import ctypes
import json
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from smartcar_mqtt.simulator.control.client import ControlClient

SMARTCAR = str(Path(sys.executable).with_name("smartcar"))
BRIDGES = ("motion", "led", "display", "vision")
PATIENCE_S = 300.0
"""The longest wait for each thing; the emulated processor is some 20 times slower than a Pi."""
MOST_DRIVES = 5
"""A command that was late on a starved machine is refused, as it must be; it is sent again so many times."""
LEAST_TURN_DEG = 5.0
PNG = b"\x89PNG"
AT_HWCAP = 16
HWCAP_ATOMICS = 1 << 8
"""Linux, arch/arm64/include/uapi/asm/hwcap.h: atomics of ARMv8.1, which a Cortex-A72 (ARMv8.0) lacks."""


class NotSeenError(Exception):
    """Something that had to come did not."""


class Heard:
    """The newest message of every topic of the car, and how many came."""

    def __init__(self, port: int) -> None:
        self.newest: dict[str, bytes] = {}
        self.count: dict[str, int] = {}
        self._changed = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("smartcar/car/#")
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            topic = message.topic.removeprefix("smartcar/car/")
            self.newest[topic] = message.payload
            self.count[topic] = self.count.get(topic, 0) + 1
            self._changed.notify_all()

    def wait(self, what: str, there: Callable[[], Any]) -> Any:
        """What `there` returns as soon as it is true."""
        with self._changed:
            if not self._changed.wait_for(there, PATIENCE_S):
                raise NotSeenError(f"{what}: not seen in {PATIENCE_S:.0f} s")
            return there()

    def state(self, bridge: str) -> dict[str, Any]:
        """A bridge's newest state; empty before the first."""
        state: dict[str, Any] = json.loads(self.newest.get(f"{bridge}/state", b"{}"))
        return state


def say(text: str) -> None:
    print(f"    {text}", flush=True)


def say_processor() -> None:
    """Name the processor, and make sure that it is no better than a Pi's."""
    machine, python = platform.machine(), platform.python_version()
    capabilities = ctypes.CDLL(None).getauxval
    capabilities.restype = ctypes.c_ulong
    if machine == "aarch64" and capabilities(AT_HWCAP) & HWCAP_ATOMICS:
        raise NotSeenError("this processor has the atomics of ARMv8.1, which that of a Raspberry Pi 4 has not")
    say(f"{machine}, Python {python}, {'no' if machine == 'aarch64' else 'perhaps'} ARMv8.1 atomics (a Pi 4 has none)")


def drive_until_it_turns(heard: Heard, room: ControlClient, port: int) -> None:
    """`smartcar drive left`, until the simulated car stands another way than before."""
    before = room.ask({"do": "state"})["pose"]["heading_deg"]
    for attempt in range(1, MOST_DRIVES + 1):
        command = [SMARTCAR, "drive", "left", "--duration", "2", "--broker", f"127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        say(f"smartcar drive left: {(done.stdout + done.stderr).strip()}")
        heard.wait("the car stands", lambda: heard.state("motion").get("motion") == "stopped")
        turned = room.ask({"do": "state"})["pose"]["heading_deg"] - before
        turned = (turned + 180) % 360 - 180
        if done.returncode == 0 and abs(turned) >= LEAST_TURN_DEG:
            say(f"the wheels turned: heading {turned:+.0f} degrees, and they stand again")
            return
        say(f"not yet ({attempt} of {MOST_DRIVES}): heading {turned:+.1f} degrees")
    raise NotSeenError("smartcar drive left: the wheels did not turn")


def see_something(heard: Heard) -> None:
    """Wait for a detection: where the simulated car starts, a ball and a person stand before its camera."""

    def found() -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = json.loads(heard.newest.get("vision/objects", b"{}")).get("objects", [])
        return seen if heard.state("vision").get("object_count") else []

    things = heard.wait("a detection", found)
    state = heard.state("vision")
    say(f"the camera's bridge found: {', '.join(thing['label'] for thing in things)}")
    say(f"{state['backend']}, {state['model']}: {state['inference_time']:.0f} ms a frame on this emulated processor")


def ask_the_demo(said: dict[str, Any]) -> None:
    """All that is asked while the demo runs."""
    port = said["broker"]["port"]
    not_online = [name for name in BRIDGES if said["bridges"].get(name) != "online"]
    if not_online:
        raise NotSeenError(f"not online: {', '.join(not_online)}")
    settings = yaml.safe_load((Path(said["serial"]).parent / "system.yaml").read_text())
    heard = Heard(port)
    with ControlClient(settings["vision"]["device"], timeout_s=PATIENCE_S) as room:
        frames = heard.wait("telemetry", lambda: heard.count.get("motion/telemetry", 0) >= 10 and heard.count)
        say(f"telemetry: {frames['motion/telemetry']} frames, newest {heard.newest['motion/telemetry'].decode()}")
        see_something(heard)
        drive_until_it_turns(heard, room, port)
        for topic in ("display/face", "led/picture"):
            picture = heard.wait(topic, lambda topic=topic: heard.newest.get(topic))
            if not picture.startswith(PNG):
                raise NotSeenError(f"{topic} is no picture")
            say(f"{topic}: a picture of {len(picture)} bytes")


def main() -> int:
    """Run it all; the exit code."""
    print("A demo with motion, led, display and vision", flush=True)
    try:
        say_processor()
        began = time.monotonic()
        chosen = [word for name in BRIDGES for word in ("--bridge", name)]
        command = [SMARTCAR, "demo", "--json", "--broker-port", "0", *chosen]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            try:
                line = demo.stdout.readline()
                if not line:
                    raise NotSeenError("the demo did not come up")
                say(f"all bridges are up after {time.monotonic() - began:.0f} s")
                ask_the_demo(json.loads(line))
            finally:
                demo.terminate()
        say(f"the demo has ended with exit code {demo.returncode}")
    except NotSeenError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if demo.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
