"""The vision bridge as a process between a real broker and the simulated room, seen as other programs see it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from smartcar_mqtt.simulator.control.server import ControlServer
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.room import Obstacle, Room
from smartcar_mqtt.simulator.world.world import World
from tests.support.cable import Cable
from tests.support.environment import SMARTCAR, car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer, Seen
from tests.support.program import Output, Program
from tests.vision.detection.colour_model import write_model
from tests.vision.viewer import Answer, get

BASE = "smartcar/car/vision"
START_S = 20.0
EMPTY_ROOM = msgspec.convert(
    {
        "start": {"at": [2.0, 1.0], "heading_deg": 0},
        "walls": [{"points": [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]}],
        "floor_colour": "#8a8a8a",
    },
    Room,
)
BALL = {"name": "ball", "kind": "ball", "shape": "circle", "at": [1.6, 2.2], "radius_m": 0.2, "height_m": 0.4}
PERSON = {"name": "person", "kind": "person", "shape": "circle", "at": [2.5, 2.8], "radius_m": 0.3, "height_m": 1.75}
THINGS = {"ball": {**BALL, "colour": "#e63946"}, "person": {**PERSON, "colour": "#2a9d8f"}}


class Rig:
    """From the room's objects to the topics and the socket.

    Args:
        folder: for models, captures and the socket.
        settings: configuration, `SECTION__KEY` to value.
        broker: an existing one; else one of its own.
        start: False leaves it to the test when the bridge starts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: dict[str, object] | None = None,
        broker: Mosquitto | None = None,
        room: Room = EMPTY_ROOM,
        start: bool = True,
    ) -> None:
        self.folder = folder
        self.model = folder / "colours.onnx"
        self.socket = folder / "vision.sock"
        self.captures = folder / "captures"
        self.twin = SerialTwin(World(room))
        self.output = Output()
        self.settings = settings or {}
        self.base = f"smartcar/{self.settings.get('CAR__ID', 'car')}/vision"
        self.observer: Observer
        self.cable: Cable
        """Between the bridge and the simulated camera; may be pulled."""
        self._given_broker = broker
        self._stack = ExitStack()
        self._program: Program | None = None
        self._start = start
        self._marks = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.broker = self._given_broker or stack.enter_context(Mosquitto())
            stack.enter_context(self.twin)
            control = stack.enter_context(ControlServer(self.twin))
            self.cable = Cable(control.address[1])
            stack.callback(self.cable.pull)
            self.cable.plug()
            self.observer = stack.enter_context(Observer(self.broker.port, client_id=f"observer-{self.cable.port}"))
            stack.callback(self.stop_bridge)
            if not self.model.exists():
                write_model(self.model)
            if self._start:
                self.start_bridge()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if kind is not None:
            print(self.output.tail())

    # -- what stands before the camera

    def put(self, *names: str) -> None:
        """These things stand before the camera, and nothing else."""
        obstacles = [msgspec.convert(THINGS[name], Obstacle) for name in names]  # type: ignore[arg-type]

        def change(world: World) -> None:
            for present in [each.name for each in world.obstacles]:
                world.remove_obstacle(present)
            for obstacle in obstacles:
                world.put_obstacle(obstacle)

        self.twin.change(change)

    # -- the bridge

    @property
    def bridge(self) -> Program:
        """The running bridge."""
        assert self._program is not None
        return self._program

    def start_bridge(self, **settings: object) -> None:
        """Start it; returns when it has told its state."""
        mark = self.observer.mark()
        self.launch(**settings)
        self.observer.wait(f"{self.base}/state", lambda seen: bool(seen.payload), since=mark, timeout=START_S)

    def launch(self, **settings: object) -> None:
        """Start it and wait for nothing."""
        own = {
            "MQTT__HOST": self.broker.host,
            "MQTT__PORT": self.broker.port,
            "MQTT__STATE_HZ": 20,
            "CAR__STATE_DIRECTORY": self.folder / "state",
            "LOGGING__DIRECTORY": "",
            "VISION__CAMERA": "simulated",
            "VISION__DEVICE": f"127.0.0.1:{self.cable.port}",
            "VISION__MODEL": self.model,
            "VISION__SOCKET": self.socket,
            "VISION__CAPTURE_DIRECTORY": self.captures,
            "VISION__OFF_DELAY": 0.5,
            **self.settings,
            **settings,
        }
        environment = car_environment(own, self.folder)
        self._program = Program("vision", [SMARTCAR, "run", "vision"], output=self.output, environment=environment)

    def stop_bridge(self) -> int:
        """End it as systemd does; its exit status."""
        program, self._program = self._program, None
        return program.stop() if program is not None else 0

    def memory_mb(self) -> float:
        """Resident memory of the bridge's process."""
        status = Path(f"/proc/{self.process}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def cpu_seconds(self) -> float:
        """Processor time that the bridge's process has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    @property
    def process(self) -> int:
        """Its process id."""
        return self.bridge.pid

    # -- what others see

    def ask(self, entity: str, payload: str) -> dict[str, Any]:
        """Send a command; what has become of it."""
        self._marks += 1
        mark = f"ask-{self._marks}"
        since = self.observer.mark()
        value = {} if payload == "PRESS" else {"value": payload}
        self.observer.send(f"{self.base}/{entity}/set", json.dumps({**value, "id": mark, "source": "test"}))
        found: dict[str, Any] = self.observer.wait(
            f"{self.base}/result", lambda seen: seen.json["id"] == mark, since=since, timeout=START_S
        ).json
        return found

    def mode(self, mode: str) -> None:
        """Set the mode."""
        assert self.ask("mode", mode)["status"] == "done"

    def state(self) -> dict[str, Any]:
        """The newest state."""
        newest: dict[str, Any] = [seen.json for seen in self.observer.seen(f"{self.base}/state") if seen.payload][-1]
        return newest

    def settle(self, *, timeout: float = 10.0, **values: object) -> dict[str, Any]:
        """The newest state as soon as it has these values."""
        since = max(0, self.observer.mark() - 1)
        if values.items() <= (newest := self.state()).items():
            return newest
        return self.wait_state(since=since, timeout=timeout, **values)

    def wait_state(self, *, since: int = 0, timeout: float = 10.0, **values: object) -> dict[str, Any]:
        """The first state from mark `since` on that has these values."""
        found: dict[str, Any] = self.wait(
            "state", lambda seen: bool(seen.payload) and values.items() <= seen.json.items(), since, timeout
        ).json
        return found

    def wait(
        self, channel: str, matches: Callable[[Seen], bool] = lambda _: True, since: int = 0, timeout: float = 10.0
    ) -> Seen:
        """The first message of a channel from mark `since` on that matches."""
        return self.observer.wait(f"{self.base}/{channel}", matches, since=since, timeout=timeout)

    def wait_event(self, channel: str, kind: str, *, since: int = 0, **values: object) -> dict[str, Any]:
        """The first event of that type from mark `since` on that has these values."""
        wanted = {"event_type": kind, **values}
        found: dict[str, Any] = self.wait(channel, lambda seen: wanted.items() <= seen.json.items(), since).json
        return found

    def get(self, address: str) -> Answer:
        """A request to the local stream's socket."""
        return get(self.socket, address)
