"""From a message to the serial line without a broker: what is late, what fails inside, what is told."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges.motion import chassis as chassis_module
from bridges.motion.bridge import Motion
from bridges.motion.latch import read_latch, write_latch
from bridges.motion.serial_line.protocol import parse_line
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.clock import ManualClock, Scheduler
from smartcar_mqtt.config import load
from smartcar_mqtt.mqtt.broker import Broker, Message
from smartcar_mqtt.mqtt.problems import Problems
from tests.motion.bench import DATA, ListedLink
from tests.support.full_disk import full_disk

BASE = "smartcar/car/motion"


class ListedBroker(Broker):
    """A broker connection that keeps what is published and is connected at once."""

    waiting = 0

    def __init__(self) -> None:
        self.problems = Problems()
        self.published: list[tuple[str, bytes, bool]] = []
        self.connected = False
        self.echoes: list[bytes] = []
        self.held = False

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, **_: Any) -> None:
        if topic == f"{BASE}/echo":
            self.echoes.append(payload)
            self.return_echoes()
        else:
            self.published.append((topic, payload, retain))

    def return_echoes(self) -> None:
        """What the bridge has sent to itself comes back, unless it is held."""
        while self.echoes and not self.held:
            self.on_message(Message(f"{BASE}/echo", self.echoes.pop(0), retained=False))

    def stream(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload, False))

    def subscribe(self, *filters: str, **_: Any) -> None:
        """Everything comes from the test."""

    def unsubscribe(self, *filters: str) -> None:
        """As above."""

    def connect(self) -> None:
        self.connected = True
        self.on_connected()
        self.on_message(Message(f"{BASE}/sync", b"sync", retained=False))


class Car:
    """The bridge between a listed broker and a listed serial line, its clock moved by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chassis_module, "SerialLink", ListedLink)
        (folder / "empty.yaml").write_text("")
        environment = {
            "SMARTCAR__CAR__STATE_DIRECTORY": str(folder),
            "SMARTCAR__MOTION__SWAP_LEFT_RIGHT": "false",  # words go out as they are asked for
        }
        config = load(folder / "empty.yaml", sections={"motion": MotionSettings}, environment=environment)
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.broker = ListedBroker()
        self.bridge = Motion(config, self.scheduler, self.broker)
        self.link: ListedLink = self.bridge._chassis._link  # type: ignore[assignment]
        self.bridge.open()
        self.broker.connect()
        self.data()

    def data(self, center: int = 100, gas: int = 150) -> None:
        line = (DATA % (100, center, 100, center <= 10, center <= 20)).replace(b"MQ2:150", b"MQ2:%d" % gas)
        self.link.on_line(parse_line(line))
        self.link.written.clear()

    def send(self, entity: str, payload: bytes, **traits: Any) -> None:
        self.broker.on_message(Message(f"{BASE}/{entity}/set", payload, **{"retained": False, **traits}))

    def latch(self, payload: bytes, **traits: Any) -> None:
        """Send a command to the emergency stop, and wait until it is stored."""
        self.send("emergency_stop", payload, **traits)
        stored = threading.Event()
        assert self.bridge._worker.submit(stored.set)
        assert stored.wait(5)

    def told(self, topic: str) -> list[Any]:
        return [json.loads(payload) for name, payload, _ in self.broker.published if name == f"{BASE}/{topic}"]


@pytest.fixture
def car(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Car:
    return Car(tmp_path, monkeypatch)


@pytest.mark.parametrize(("entity", "payload"), [("drive", b"stop"), ("stop", b"PRESS"), ("emergency_stop", b"ON")])
def test_a_stop_is_obeyed_however_late(car: Car, entity: str, payload: bytes) -> None:
    car.send(entity, payload, expires_in=-1.0)
    assert car.link.written == ["STOP"]


@pytest.mark.parametrize(("entity", "payload"), [("drive", b"left"), ("left", b"PRESS"), ("scan", b"PRESS")])
def test_anything_else_expires(car: Car, entity: str, payload: bytes) -> None:
    car.send(entity, payload, expires_in=-1.0)
    car.data()
    assert car.link.written == []
    assert [each["status"] for each in car.told("result")] == ["expired"]


def test_a_command_that_is_not_late_is_obeyed(car: Car) -> None:
    car.send("drive", b"left", expires_in=1.0)
    assert car.link.written == ["LEFT"]


def test_an_error_inside_a_command_stops_the_car(car: Car, monkeypatch: pytest.MonkeyPatch) -> None:
    car.send("drive", b"left")
    monkeypatch.setattr(car.bridge._chassis.guard, "drive", lambda *_: 1 / 0)
    car.send("drive", b"right")
    assert car.link.written == ["LEFT", "STOP"]
    assert "internal error" in car.told("result")[-1]["reason"]
    for line in (b"ACK:LEFT:OK", b"ACK:STOP:OK"):
        car.link.on_line(parse_line(line))
    assert car.bridge.motion == "stopped"


def test_losing_and_finding_the_broker_writes_stop(car: Car) -> None:
    car.send("drive", b"left")
    car.broker.on_lost("gone")
    assert car.link.written == ["LEFT", "STOP"]
    car.broker.connect()
    assert car.link.written == ["LEFT", "STOP", "STOP"]


def test_the_latch_is_written_before_the_command_is_done(car: Car, tmp_path: Path) -> None:
    car.latch(b"ON")
    assert read_latch(tmp_path / "car-emergency-stop.json") is True
    car.latch(b"OFF")
    assert read_latch(tmp_path / "car-emergency-stop.json") is False


def test_a_release_that_is_blocked_leaves_the_latch(car: Car, tmp_path: Path) -> None:
    car.latch(b"ON")
    car.latch(b'{"value": "OFF", "source": "llm"}')
    assert car.told("result")[-1]["status"] == "blocked"
    assert read_latch(tmp_path / "car-emergency-stop.json") is True


def test_a_latch_that_cannot_be_stored_stops_all_the_same(car: Car, tmp_path: Path) -> None:
    (tmp_path / "car-emergency-stop.new").mkdir()
    car.latch(b"ON")
    assert car.link.written == ["STOP"]
    assert car.bridge.emergency_stop is True
    answer = car.told("result")[-1]
    assert answer["status"] == "done"
    assert "the emergency stop is on, but this would not survive a restart" in answer["reason"]


def test_the_shortest_default_lease_is_one_that_home_assistant_can_show() -> None:
    settings = msgspec.convert({"default_lease": 0.1}, MotionSettings)
    assert Motion.entities["drive_duration"].check_value(settings.default_lease) == 0.1
    with pytest.raises(msgspec.ValidationError, match="default_lease"):
        msgspec.convert({"default_lease": 0.05}, MotionSettings)


@pytest.mark.parametrize(
    ("sent", "published"),
    [(b"5.000000000000001", 5.0), (b"4.96", 5.0), (b"0.30000000000000004", 0.3), (b"1.25 s", 1.3)],
)
def test_a_drive_duration_is_rounded_to_its_step_and_published_so(car: Car, sent: bytes, published: float) -> None:
    car.send("drive_duration", sent)
    assert car.told("result")[-1]["status"] == "done"
    assert car.told("state")[-1]["drive_duration"] == published


def test_a_full_disk_is_told_in_the_answer_of_the_emergency_stop(car: Car, tmp_path: Path) -> None:
    with full_disk():
        car.latch(b"ON")
        car.latch(b"OFF")
    reasons = [answer["reason"] for answer in car.told("result")]
    assert ["on, but" in reasons[0], "off, but" in reasons[1]] == [True, True]
    assert [path.name for path in tmp_path.iterdir()] == ["empty.yaml"]
    car.latch(b"ON")
    assert car.told("result")[-1]["reason"] == ""
    assert read_latch(tmp_path / "car-emergency-stop.json") is True


def test_the_latch_is_read_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_latch(tmp_path / "car-emergency-stop.json", on=True)
    car = Car(tmp_path, monkeypatch)
    car.send("drive", b"left")
    assert car.link.written == []
    assert car.told("state")[-1]["emergency_stop"] is True


def test_gas_alarm_has_two_thresholds(car: Car) -> None:
    for gas, alarm in ((999, False), (1000, True), (801, True), (800, True), (799, False), (999, False)):
        car.data(gas=gas)
        assert car.bridge.gas_alarm is alarm, gas
    assert [each["event_type"] for each in car.told("gas_warning")] == ["alarm", "clear"]


def test_frames_are_counted(car: Car) -> None:
    for _ in range(51):
        car.clock.advance(0.1)
        car.data()
    assert car.bridge.frames_per_second == pytest.approx(10, abs=0.5)


def test_a_line_that_is_down_takes_the_readings_with_it(car: Car) -> None:
    car.data(center=15)
    assert (car.bridge.warning_zone, car.bridge.link) == (True, True)
    car.link.on_down("unplugged")
    assert (car.bridge.warning_zone, car.bridge.obstacle, car.bridge.sensors_blind) == (None, None, None)
    assert (car.bridge.link, car.bridge.frames_per_second) == (False, 0)
