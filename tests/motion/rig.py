"""The motion bridge as a real process between a real broker and a real serial line with the ESP32 twin on it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smartcar_mqtt.simulator.esp32.line_log import ReceivedLine
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.room import Room
from smartcar_mqtt.simulator.world.wiring import DOCUMENTED, Wiring
from tests.support.environment import SMARTCAR, car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_client import PATIENCE_S, MqttClient, Received
from tests.support.program import Output, Program
from tests.support.watched_world import ROOM, WatchedWorld

BASE = "smartcar/car/motion"
FULL = (255, 255)
HALT = (0, 0)
START_S = 20.0
MOTIONS = frozenset({"FORWARD", "BACKWARD", "LEFT", "RIGHT"})
WORDS = {"forward": "FORWARD", "backward": "BACKWARD", "left": "RIGHT", "right": "LEFT"}
"""What the bridge writes for a direction where motors and settings are as shipped (docs/serial-protocol.md)."""


class Rig:
    """Everything from the MQTT client down to the wheels.

    Args:
        folder: for the stable name of the serial port and for the bridge's state.
        room: where the car stands.
        settings: configuration of the bridge, `SECTION__KEY` to value.
        wiring, speed_control: what car and firmware the twin is.
        start: False leaves it to the test when the bridge starts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        room: Room = ROOM,
        settings: dict[str, object] | None = None,
        wiring: Wiring = DOCUMENTED,
        speed_control: bool = False,
        start: bool = True,
    ) -> None:
        self.folder = folder
        self.settings = settings or {}
        self.broker = Mosquitto()
        self.world = WatchedWorld(room, wiring=wiring)
        self.device = folder / "esp32"
        self.twin = SerialTwin(self.world, link=self.device, speed_control=speed_control)
        self.output = Output()
        self.client: MqttClient
        self._program: Program | None = None
        self._start = start

    def __enter__(self) -> Self:
        self.broker.start()
        self.twin.start()
        self.client = MqttClient(self.broker.port, protocol=str(self.settings.get("MQTT__PROTOCOL", "5")))
        self.client.__enter__()
        if self._start:
            self.start_bridge()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.broker.running:
            self.broker.resume()
        if self._program is not None:
            self._program.stop()
        self.client.__exit__(None, None, None)
        self.twin.close()
        self.broker.close()
        if kind is not None:
            print("\n".join(self.output.lines[-40:]))
            print([f"{each.time:.3f} {each.line}" for each in self.twin.received[-40:]])

    # The bridge

    @property
    def bridge(self) -> Program:
        """The running bridge."""
        assert self._program is not None
        return self._program

    def start_bridge(self, *, ready: bool = True) -> None:
        """Start it; with `ready`, wait until it has told its state and knows its firmware."""
        mark = self.client.count
        self.launch()
        if ready:
            self.wait_state(since=mark, link=True, motion="stopped", timeout=START_S)
            self.client.wait(
                lambda each: each.topic == f"{BASE}/state" and each.json()["speed_control"] is not None,
                since=mark,
                what="state with speed_control",
            )

    def launch(self) -> None:
        """Start it without waiting."""
        own = {
            "MQTT__HOST": self.broker.host,
            "MQTT__PORT": self.broker.port,
            "MQTT__STATE_HZ": 20,  # so that no test waits for a value that is not urgent
            "MOTION__DEVICE": self.device,
            "CAR__STATE_DIRECTORY": self.folder / "state",
            "LOGGING__DIRECTORY": "",
            **self.settings,
        }
        environment = car_environment(own, self.folder)
        self._program = Program("motion", [SMARTCAR, "run", "motion"], output=self.output, environment=environment)

    @property
    def latch_file(self) -> Path:
        """Where the emergency stop is remembered."""
        return self.folder / "state" / "car-emergency-stop.json"

    # Commands

    def ask(self, entity: str, payload: str | bytes = "PRESS", *, retain: bool = False) -> dict[str, Any]:
        """Send a command; what has become of it."""
        answer: dict[str, Any] = self.client.ask(f"{BASE}/{entity}/set", payload, retain=retain)
        return answer

    def ask_later(self, entity: str, payload: str | bytes = "PRESS") -> bytes:
        """Send a command; the mark for `answer`."""
        return self.client.ask_later(f"{BASE}/{entity}/set", payload)

    def drive(self, direction: str, duration: float | None = None, **fields: object) -> dict[str, Any]:
        """A command to move; what has become of it."""
        return self.ask("drive", as_json(direction=direction, duration=duration, **fields))

    def obeyed(self, direction: str, duration: float | None = None, **fields: object) -> None:
        """A command to move that must be obeyed."""
        answer = self.drive(direction, duration, **fields)
        assert answer["status"] == "done", answer

    def obeyed_soon(self, direction: str, duration: float) -> None:
        """A command that must be obeyed as soon as the bridge trusts its link and its data again: within a second."""
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.drive(direction, duration))["status"] != "done" and time.monotonic() < deadline:
            assert "late" in answer["reason"] or "no data" in answer["reason"], answer
        assert answer["status"] == "done", answer

    # What can be seen

    @property
    def state(self) -> dict[str, Any]:
        """The newest state."""
        newest = self.client.newest(f"{BASE}/state")
        assert newest is not None
        found: dict[str, Any] = newest.json()
        return found

    def wait_state(self, *, since: int = 0, timeout: float = PATIENCE_S, **values: object) -> dict[str, Any]:
        """The first state from message `since` on that has these values."""
        found: dict[str, Any] = self.client.wait(
            lambda each: each.topic == f"{BASE}/state" and values.items() <= each.json().items(),
            since=since,
            timeout=timeout,
            what=f"state with {values}",
        ).json()
        return found

    def settle(self, **values: object) -> dict[str, Any]:
        """The newest state as soon as it has these values."""
        newest = self.client.newest(f"{BASE}/state")
        return self.wait_state(since=newest.number if newest else 0, **values)

    def look_again(self, topic: str) -> Received:
        """What a client that connects now is told of a topic."""
        with MqttClient(self.broker.port) as newcomer:
            return newcomer.wait_topic(topic)

    def is_forgotten(self, topic: str) -> bool:
        """Whether a client that connects now is told nothing of a topic: retained messages come before all others."""
        with MqttClient(self.broker.port) as newcomer:
            newcomer.wait(lambda each: not each.retained)
            return not any(each.retained for each in newcomer.messages(topic))

    def wait_frames(self, count: int, *, since: int | None = None) -> list[Received]:
        """So many telemetry messages from now on."""
        mark = self.client.count if since is None else since
        return self.client.wait_many(
            lambda each: each.topic == f"{BASE}/telemetry", count, since=mark, what="telemetry", timeout=20
        )

    def wait_result(self, *, since: int = 0, **values: object) -> dict[str, Any]:
        """The first message of `result` from message `since` on that has these values."""
        found: dict[str, Any] = self.client.wait(
            lambda each: each.topic == f"{BASE}/result" and values.items() <= each.json().items(),
            since=since,
            what=f"result with {values}",
        ).json()
        return found

    def wait_collision(self, kind: str, *, since: int = 0) -> Received:
        """The first event of that kind from message `since` on."""
        return self.client.wait(
            lambda each: each.topic == f"{BASE}/collision" and each.json()["event_type"] == kind,
            since=since,
            what=f"collision event {kind}",
        )

    def wait_line(self, line: str, *, since: int = 0, timeout: float = PATIENCE_S) -> ReceivedLine:
        """The first line of this text that the bridge has written, from line number `since` on."""
        return self.twin.wait_for(line, timeout, since=since)

    def lines(self, since: int = 0) -> list[str]:
        """What the bridge has written from line number `since` on."""
        return [each.line for each in self.twin.received_since(since)]

    def motions(self, since: int = 0) -> list[str]:
        """The motion words among them, whatever is stuck to them."""
        return [line for line in self.lines(since) if any(word in line.upper() for word in MOTIONS)]

    @property
    def mark(self) -> int:
        """The number of the next line, for `since`."""
        return self.twin.received_count

    def change(self, change: Any) -> Any:
        """Change the world from the twin's thread."""
        return self.twin.look(lambda _world, _firmware: change(self.world))

    def block_way(self, centimetres: float) -> None:
        """Put something wide that far ahead of the car."""
        self.change(lambda world: world.block_way(centimetres))

    def clear_way(self) -> None:
        """Take it away."""
        self.change(lambda world: world.remove_obstacle("thing"))

    def wait_online(self, payload: bytes, *, since: int = 0, timeout: float = PATIENCE_S) -> None:
        """Wait until the bridge's availability is this."""
        self.client.wait(
            lambda each: each.topic == f"{BASE}/availability" and each.payload == payload,
            since=since,
            timeout=timeout,
            what=f"availability {payload!r}",
        )


def as_json(**fields: object) -> str:
    """A JSON command of the fields that are not None."""
    return json.dumps({name: value for name, value in fields.items() if value is not None})
