"""The control port: injects faults into the simulated car and answers questions; JSON lines over TCP.

`{"do": "unplug"}` is answered with `{"ok": true}`, a question with its answer, and everything that is not one of the
requests below with `{"error": "..."}`; then nothing has changed. Bound to 127.0.0.1: this is a tool for tests.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Annotated, Any, Self

import msgspec

from smartcar_mqtt.simulator.camera.scene import scene_of
from smartcar_mqtt.simulator.esp32.firmware import Firmware
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.room import AdcValue, Obstacle
from smartcar_mqtt.simulator.world.world import World
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

LONGEST_REQUEST_BYTES = 65_536
IDLE_TIMEOUT_S = 3600.0  # a client that says nothing for so long has gone
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
Coordinate = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]
Angle = Annotated[float, msgspec.Meta(ge=-3600, le=3600)]

Answer = dict[str, Any]
DONE: Answer = {"ok": True}


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag=str.lower):
    """A request: its class name in lower case is the value of `do`."""

    def perform(self, twin: SerialTwin) -> Answer:
        """Do it and say what came of it."""
        raise NotImplementedError


class State(Request, frozen=True):
    """Where the car is and what the board does."""

    def perform(self, twin: SerialTwin) -> Answer:
        """Pose, motors, newest distances (-1 without echo), faults, number of lines received from the Pi."""
        return {
            **twin.look(_state),
            "faults": twin.faults(),
            "received": twin.received_count,
            "lost_bytes": twin.lost_bytes,
            "serial": twin.device if twin.plugged else None,
        }


class Scene(Request, frozen=True):
    """What stands in the room, for somebody who wants to draw it."""

    def perform(self, twin: SerialTwin) -> Answer:
        """Pose, servo and camera now; walls, obstacles as they stand now, and colours, as in a room file."""
        scene = twin.look(lambda world, firmware: scene_of(world, firmware.servo_deg))
        answer: Answer = msgspec.to_builtins(scene)
        return answer


class Received(Request, frozen=True):
    """The lines that the Pi has sent, from number `since` on."""

    since: int = 0

    def perform(self, twin: SerialTwin) -> Answer:
        """Number, time and text of each."""
        return {"lines": [line._asdict() for line in twin.received_since(self.since)]}


class Unplug(Request, frozen=True):
    """Pull the cable; `power_off` lets the board die with it."""

    power_off: bool = False

    def perform(self, twin: SerialTwin) -> Answer:
        """Close the serial port."""
        twin.unplug(power_off=self.power_off)
        return DONE


class Replug(Request, frozen=True):
    """Plug the cable in again."""

    def perform(self, twin: SerialTwin) -> Answer:
        """Open a new port; the board boots."""
        twin.replug()
        return {**DONE, "serial": twin.device}


class Reboot(Request, frozen=True):
    """Let the board start anew."""

    def perform(self, twin: SerialTwin) -> Answer:
        """Motors off, then the banner."""
        twin.reboot()
        return DONE


class Garbage(Request, frozen=True):
    """Send a number of random bytes."""

    bytes: Annotated[int, msgspec.Meta(ge=1, le=65_536)]

    def perform(self, twin: SerialTwin) -> Answer:
        """Send them at once."""
        twin.garbage(self.bytes)
        return DONE


class Raw(Request, frozen=True):
    """This text as it stands, one byte a character (latin-1), without an end of line of its own."""

    text: str

    def perform(self, twin: SerialTwin) -> Answer:
        """Send it at once."""
        twin.raw(_latin_1(self.text))
        return DONE


class Usb(Request, frozen=True):
    """This text, one byte a character (latin-1), on the board's USB port."""

    text: str

    def perform(self, twin: SerialTwin) -> Answer:
        """Write it there."""
        twin.usb(_latin_1(self.text))
        return DONE


class Cut(Request, frozen=True):
    """Only `at` bytes of the next line, with or without its end."""

    at: Annotated[int, msgspec.Meta(ge=0)]
    keep_end: bool = True

    def perform(self, twin: SerialTwin) -> Answer:
        """Cut the firmware's next line."""
        twin.cut_next_line(self.at, keep_end=self.keep_end)
        return DONE


class Silence(Request, frozen=True):
    """Send nothing, still obey."""

    on: bool = True

    def perform(self, twin: SerialTwin) -> Answer:
        """Switch it on or off."""
        twin.silence(self.on)
        return DONE


class Deaf(Request, frozen=True):
    """Obey nothing, still send."""

    on: bool = True

    def perform(self, twin: SerialTwin) -> Answer:
        """Switch it on or off."""
        twin.deaf(self.on)
        return DONE


class Block(Request, frozen=True):
    """Refuse every FORWARD."""

    on: bool = True

    def perform(self, twin: SerialTwin) -> Answer:
        """Switch it on or off."""
        twin.block(self.on)
        return DONE


class Slow(Request, frozen=True):
    """Every line so much later."""

    seconds: NotNegative

    def perform(self, twin: SerialTwin) -> Answer:
        """Set the delay; 0 ends it."""
        twin.slow(self.seconds)
        return DONE


class Rate(Request, frozen=True):
    """Synthetic DATA lines at this rate."""

    hz: NotNegative

    def perform(self, twin: SerialTwin) -> Answer:
        """Set the rate; 0 ends it."""
        twin.rate(self.hz)
        return DONE


class Pose(Request, frozen=True):
    """Set the pose of the car."""

    x_m: Coordinate
    y_m: Coordinate
    heading_deg: Angle = 0.0

    def perform(self, twin: SerialTwin) -> Answer:
        """Set the pose."""
        twin.change(lambda world: world.set_pose(self.x_m, self.y_m, self.heading_deg))
        return DONE


class Put(Request, frozen=True):
    """Add an obstacle, written as in a room file, or replace the one of that name."""

    obstacle: Obstacle

    def perform(self, twin: SerialTwin) -> Answer:
        """Put it there."""
        twin.change(lambda world: world.put_obstacle(self.obstacle))
        return DONE


class Move(Request, frozen=True):
    """Move an obstacle."""

    name: str
    x_m: Coordinate
    y_m: Coordinate

    def perform(self, twin: SerialTwin) -> Answer:
        """Move it there."""
        twin.change(lambda world: world.move_obstacle(self.name, self.x_m, self.y_m))
        return DONE


class Remove(Request, frozen=True):
    """Take an obstacle away."""

    name: str

    def perform(self, twin: SerialTwin) -> Answer:
        """Remove it."""
        twin.change(lambda world: world.remove_obstacle(self.name))
        return DONE


class Gas(Request, frozen=True):
    """How strong the middle of the gas cloud is, raw ADC above clean air."""

    strength_raw: AdcValue

    def perform(self, twin: SerialTwin) -> Answer:
        """Set it."""
        twin.change(lambda world: world.set_gas_raw(self.strength_raw))
        return DONE


ANY_REQUEST = (
    State
    | Scene
    | Received
    | Unplug
    | Replug
    | Reboot
    | Garbage
    | Raw
    | Usb
    | Cut
    | Silence
    | Deaf
    | Block
    | Slow
    | Rate
) | (Pose | Put | Move | Remove | Gas)


def answer(twin: SerialTwin, line: bytes) -> Answer:
    """Perform one request; what is not one changes nothing and is answered with `error`."""
    try:
        request: Request = decode_json(line, ANY_REQUEST)
        return request.perform(twin)
    except KeyError as error:
        return {"error": f"there is no obstacle named {error}"}
    except (DecodingError, msgspec.MsgspecError, RuntimeError, OSError) as error:
        return {"error": str(error)}


def _latin_1(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise msgspec.ValidationError(f"text has a character above 255 ({error.reason})") from error


def _state(world: World, firmware: Firmware) -> Answer:
    return {
        "pose": world.pose._asdict(),
        "speed_m_s": world.speed_m_s,
        "pins": str(firmware.pins),
        "motors": firmware.motors,
        "distances_cm": firmware.distances_cm,
        "servo_deg": firmware.servo_deg,
        "obstacle": firmware.obstacle,
        "warning": firmware.warning,
        "collisions": world.collisions,
        "touching": world.touching,
        "travelled_m": world.travelled_m,
    }


class ControlServer:
    """Serves the requests on 127.0.0.1; a thread for the port and one for each client. A context manager."""

    def __init__(self, twin: SerialTwin, port: int = 0) -> None:
        """Listen on `port`, 0 for any that is free.

        Raises:
            OSError: the port is taken.
        """
        self._server = _Server(("127.0.0.1", port), lambda line: answer(twin, line))
        self._thread = threading.Thread(target=self._server.serve_forever, name="twin-control", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], reply: Callable[[bytes], Answer]) -> None:
        self.reply = reply
        super().__init__(address, _Client)


class _Client(socketserver.StreamRequestHandler):
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        try:
            while line := self.rfile.readline(LONGEST_REQUEST_BYTES):
                if line.strip():
                    self.wfile.write(msgspec.json.encode(self.server.reply(line)) + b"\n")
                if not line.endswith(b"\n"):
                    return
        except (ConnectionError, TimeoutError):
            return  # the client has gone; there is nobody to tell
