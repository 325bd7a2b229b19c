"""The measuring bench: a broker, a serial line whose far end we hold, and the programs under test.

One thread does everything on this side: it publishes, reads the serial lines and plays the ESP32. So no other thread
of ours holds the interpreter when a byte arrives, and a time stamp is taken as soon as the kernel says that there is
something to read. Mosquitto, the bridge and the bare programs are processes of their own; their output goes to files.
"""

from __future__ import annotations

import collections
import os
import random
import select
import socket
import sys
import tempfile
import time
import tty
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.environment import car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.program import Output, Program

CAR = "bench"
BASE = f"smartcar/{CAR}/motion"
DISCOVERY = f"homeassistant/device/smartcar_{CAR}_motion/config"
FRAMES_HZ = 20.0
"""How often the firmware sends DATA at most."""
READY_S = 15.0
ANSWER_S = 3.0
"""Longest wait for anything that should take milliseconds."""
WARM_UP = 20
"""Repetitions before the first that counts."""
DIRECTIONS = (b"FORWARD", b"BACKWARD", b"LEFT", b"RIGHT")
now = time.monotonic


class BenchError(Exception):
    """The measurement did not come about."""


@dataclass
class Effort:
    """How much is measured, and whom to tell how far it is."""

    quick: bool = False
    tell: Callable[[str], None] = lambda _text: None
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def choose(self, full: int, quick: int) -> int:
        """The number of repetitions, or seconds, for this run."""
        return quick if self.quick else full


class Source(Protocol):
    """Something that the loop looks after."""

    due: float | None
    """When `tick` shall be called next; None: never."""

    def fileno(self) -> int: ...

    def ready(self, at: float) -> None:
        """There is something to read, since `at`."""

    def tick(self, at: float) -> None:
        """The time `due` has come."""


class Loop:
    """Waits for all sources at once, in the thread that calls it."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._sources: dict[int, Source] = {}

    def add(self, source: Source) -> None:
        """Look after a source from now on."""
        self._sources[source.fileno()] = source
        self._poll.register(source.fileno(), select.POLLIN)

    def until(self, condition: Callable[[], bool], timeout: float = ANSWER_S, *, what: str = "an answer") -> None:
        """Go on until the condition holds; raises BenchError where it does not within `timeout` seconds."""
        if not self._run(condition, now() + timeout):
            raise BenchError(f"{timeout:g} s have passed without {what}")

    def pause(self, seconds: float) -> None:
        """Go on for some time."""
        self._run(lambda: False, now() + seconds)

    def _run(self, condition: Callable[[], bool], end: float) -> bool:
        while not condition():
            at = now()
            for source in self._sources.values():
                if source.due is not None and source.due <= at:
                    source.tick(at)
            if at >= end:
                return False
            next_due = min([end, *(source.due for source in self._sources.values() if source.due is not None)])
            for descriptor, _ in self._poll.poll(max(0.0, (next_due - now()) * 1000)):
                self._sources[descriptor].ready(now())
        return True


def data_line(center: int = 120, gas: int = 150, *, obstacle: bool = False) -> bytes:
    """A DATA line as the firmware sends it."""
    near = b"1" if obstacle else b"0"
    return b"DATA:S1:80,S2:%d,S3:95,MQ2:%d,SERVO:90,LMOTOR:0,RMOTOR:0,OBSTACLE:%b,WARNING:%b\r\n" % (
        center,
        gas,
        near,
        near,
    )


class Board:
    """The far end of a serial line: sends DATA lines, confirms commands, and notes when each line arrived.

    Args:
        frames_hz: DATA lines a second; 0 sends none.
        answers: whether commands are confirmed.
    """

    def __init__(self, *, frames_hz: float = FRAMES_HZ, answers: bool = True) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self._slave)
        self.frames_hz = frames_hz
        self.arrived: collections.deque[tuple[float, bytes]] = collections.deque()
        """Times and lines since this was last cleared."""
        self.due: float | None = now() if frames_hz else None
        self._answers = answers
        self._rest = b""
        self._sent = 0

    def fileno(self) -> int:
        return self.master

    def close(self) -> None:
        """Hang up."""
        os.close(self.master)
        os.close(self._slave)

    def ready(self, at: float) -> None:
        *lines, self._rest = (self._rest + os.read(self.master, 4096)).split(b"\n")
        self.arrived.extend((at, line) for line in lines)
        if self._answers:
            self.send(b"".join(b"ACK:%b:%b\r\n" % (line, confirmation(line)) for line in lines))

    def tick(self, at: float) -> None:
        self._sent += 1
        self.send(data_line(center=100 + self._sent % 37, gas=150 + self._sent % 5))
        self.due = max((self.due or at) + 1 / self.frames_hz, at)

    def send(self, data: bytes) -> int:
        """Write to the serial line; returns how much of it found room."""
        try:
            return os.write(self.master, data) if data else 0
        except BlockingIOError:
            return 0

    def count(self, line: bytes) -> int:
        """How many of these lines have arrived."""
        return sum(found == line for _, found in self.arrived)

    def when(self, line: bytes) -> float:
        """When the first of these lines arrived."""
        return next(at for at, found in self.arrived if found == line)


def confirmation(line: bytes) -> bytes:
    """What the seed's firmware says to a command."""
    return b"OK" if line in {*DIRECTIONS, b"STOP"} else b"UNKNOWN"


class Client:
    """A paho client without a thread, so that `publish` writes to the socket before it returns; TCP_NODELAY is on."""

    def __init__(self, port: int) -> None:
        self.due: float | None = now() + 1
        self.messages: dict[str, bytes] = {}
        """The newest payload on each topic that was subscribed to."""
        self._acknowledged = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench", protocol=paho.MQTTv5)
        self._client.on_message = self._message
        self._client.on_subscribe = self._subscribed
        self._client.connect(Mosquitto.host, port)
        while not self._client.is_connected():
            self._client.loop(0.1)
        found = self._client.socket()
        assert isinstance(found, socket.socket)
        self._socket = found
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()

    def ready(self, at: float) -> None:
        self._client.loop_read()

    def tick(self, at: float) -> None:
        self._client.loop_misc()
        self.due = at + 1

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> float:
        """Publish; returns the time just before."""
        at = now()
        self._client.publish(topic, payload, qos=qos, retain=retain)
        return at

    def subscribe(self, *topics: str, loop: Loop) -> None:
        """Subscribe and wait until the broker has confirmed it."""
        before = self._acknowledged
        self._client.subscribe([(topic, 1) for topic in topics])
        loop.until(lambda: self._acknowledged > before, what="a confirmed subscription")

    def _message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        self.messages[message.topic] = bytes(message.payload)

    def _subscribed(self, *_: object) -> None:
        self._acknowledged += 1


def bridge_command() -> list[str]:
    """How systemd starts the bridge."""
    return [str(Path(sys.executable).with_name("smartcar")), "run", "motion"]


class Rig:
    """Everything that a benchmark needs, in a `with` statement: broker, loop, client, and what is started."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.loop = Loop()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartcar-bench-")))
            # Mosquitto as it is installed, its Nagle's algorithm at work.
            self.broker = stack.enter_context(Mosquitto())
            self.client = Client(self.broker.port)
            stack.callback(self.client.close)
            self.loop.add(self.client)
            self.client.subscribe(f"{BASE}/availability", f"{BASE}/state", DISCOVERY, "bare/+", loop=self.loop)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def board(self, *, frames_hz: float = FRAMES_HZ, answers: bool = True) -> Board:
        """A serial line."""
        found = Board(frames_hz=frames_hz, answers=answers)
        self._stack.callback(found.close)
        self.loop.add(found)
        return found

    def environment(self, **settings: object) -> dict[str, str]:
        """A bridge's environment: our broker, these settings (`SECTION__KEY`), nothing of this user's."""
        own = {
            "CAR__ID": CAR,
            "CAR__STATE_DIRECTORY": self.folder,
            "LOGGING__DIRECTORY": self.folder / "logs",
            "MQTT__HOST": self.broker.host,
            "MQTT__PORT": self.broker.port,
        }
        return car_environment({**own, **settings})

    def bridge(self, board: Board) -> Program:
        """A motion bridge on this serial line; returns when it may drive."""
        program = self._start("motion", bridge_command(), self.environment(MOTION__DEVICE=board.device))
        self._await_ready(program, f"{BASE}/availability")
        self.loop.until(
            lambda: b'"link":true' in self.client.messages.get(f"{BASE}/state", b""), READY_S, what="a serial link"
        )
        return program

    def bare(self, name: str, *arguments: str) -> Program:
        """One of the programs of `bare.py`; returns when it is ready."""
        command = [sys.executable, "-m", "tests.benchmarks.bare", name, str(self.broker.port), *arguments]
        program = self._start(name, command, None)
        self._await_ready(program, f"bare/{name}")
        return program

    def measure(self, board: Board, line: bytes, act: Callable[[], float]) -> float:
        """Milliseconds from what `act` does (it returns the time) to the arrival of a line on this board."""
        board.arrived.clear()
        began = act()
        self.loop.until(lambda: board.count(line) > 0, what=f"{line.decode()} on the serial line")
        return (board.when(line) - began) * 1000

    def _start(self, name: str, command: list[str], environment: Mapping[str, str] | None) -> Program:
        # Into a file: a thread that reads their output would wake up in the middle of a measurement.
        script = 'output=$1; shift; exec "$@" >"$output" 2>&1'
        shell = ["/bin/sh", "-c", script, "sh", str(self.folder / f"{name}.txt"), *command]
        program = Program(name, shell, output=Output(), environment=environment)
        self._stack.callback(program.stop)
        return program

    def _await_ready(self, program: Program, topic: str) -> None:
        try:
            self.loop.until(
                lambda: self.client.messages.get(topic) == b"online" or not program.running, READY_S, what="its start"
            )
            if program.running:
                return
            reason = "it has ended"
        except BenchError as error:
            reason = str(error)
        output = self.folder / f"{program.name}.txt"
        raise BenchError(f"{program.name} did not start: {reason}\n{output.read_text() if output.exists() else ''}")
