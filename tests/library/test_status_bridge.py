"""Bridges that show what the car is doing: what they hear, what they forget, when they are told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smartcar_mqtt.car_status import CarStatus, Phase
from smartcar_mqtt.clock import ManualClock, Scheduler, SystemClock
from smartcar_mqtt.config import Car, Config, Logging, Mqtt, Section
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.status_bridge import BLOCKED_S, StatusBridge
from tests.library.example import running
from tests.support.mosquitto import Mosquitto
from tests.support.noting_broker import NotingBroker
from tests.support.observer import Observer


class Sign(StatusBridge):
    """Keeps what it was told."""

    name = "sign"
    title = "Sign"
    follows = (*StatusBridge.follows, "tts/level")

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        self.seen: list[CarStatus] = []
        self.levels: list[Any] = []
        super().__init__(config, scheduler, broker)

    def car_status_changed(self, before: CarStatus) -> None:
        assert before != self.car_status
        self.seen.append(self.car_status)

    def heard(self, source: str, message: Any) -> None:
        if source == "tts/level":
            self.levels.append(message)
        super().heard(source, message)


def make_config(folder: Path, port: int = 1883) -> Config:
    mqtt = Mqtt(host="127.0.0.1", port=port, birth_delay=0.0)
    car = Car(state_directory=str(folder))
    return Config({"car": car, "mqtt": mqtt, "logging": Logging(directory=""), "sign": Section()}, {}, "a test")


class Street:
    """A sign on a hand-moved clock, without a network."""

    def __init__(self, folder: Path) -> None:
        config = make_config(folder)
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.broker = NotingBroker(config)
        self.sign = Sign(config, self.scheduler, self.broker)

    def connect(self) -> None:
        self.broker.connect()

    def caught_up(self) -> None:
        self.broker.receive("smartcar/car/sign/sync", b"sync")

    def tell(self, source: str, message: object) -> None:
        payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self.broker.receive(f"smartcar/car/{source}", payload, retained=True)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.scheduler.run_due()


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return Street(tmp_path)


def test_before_the_first_connection_nothing_is_known(street: Street) -> None:
    assert street.sign.car_status == CarStatus(connected=None)
    street.connect()
    assert street.sign.car_status == CarStatus(connected=True)
    street.broker.lose()
    assert street.sign.car_status == CarStatus(connected=False)


def test_it_is_told_of_each_change_once(street: Street) -> None:
    street.connect()
    street.sign.seen.clear()
    for _ in range(3):
        street.tell("orchestrator/state", {"phase": "thinking", "more": "of no interest"})
    assert street.sign.seen == [CarStatus(phase=Phase.THINKING, connected=True)]


def test_what_was_said_before_a_loss_stays_until_all_has_been_heard_again(street: Street) -> None:
    street.connect()
    street.tell("orchestrator/state", {"phase": "thinking"})
    street.tell("voice/state", {"muted": True})
    street.caught_up()
    street.broker.lose()
    street.connect()
    street.tell("voice/state", {"muted": True})
    assert street.sign.car_status.phase is Phase.THINKING
    street.caught_up()
    assert street.sign.car_status == CarStatus(muted=True, connected=True)


def test_a_cleared_message_is_forgotten(street: Street) -> None:
    street.connect()
    street.tell("orchestrator/availability", b"offline")
    assert street.sign.car_status.assistant_online is False
    street.tell("orchestrator/availability", b"")
    assert street.sign.car_status.assistant_online is None


def test_an_obstacle_is_news_for_a_while_and_then_only_an_obstacle(street: Street) -> None:
    street.connect()
    street.tell("motion/state", {"obstacle": True, "link": True})
    assert street.sign.car_status.blocked
    street.pass_time(BLOCKED_S - 0.1)
    assert street.sign.car_status.blocked
    street.pass_time(0.1)
    assert not street.sign.car_status.blocked
    assert street.sign.car_status.obstacle


def test_each_move_that_an_obstacle_blocks_is_news_again(street: Street) -> None:
    street.connect()
    street.tell("motion/state", {"obstacle": True, "link": True})
    street.pass_time(BLOCKED_S - 1)
    street.tell("motion/result", {"command": "drive", "status": "blocked"})
    street.pass_time(BLOCKED_S - 1)
    assert street.sign.car_status.blocked
    street.pass_time(1)
    assert not street.sign.car_status.blocked
    street.tell("motion/result", {"command": "drive", "status": "blocked"})
    assert street.sign.car_status.blocked


@pytest.mark.parametrize(
    ("state", "result"),
    [
        ({"obstacle": False, "link": True}, {"command": "drive", "status": "blocked"}),  # such as the emergency stop
        ({"warning_zone": True, "link": True}, {"command": "drive", "status": "done"}),
        ({"warning_zone": True, "link": True}, "blocked"),
        (None, {"command": "drive", "status": "blocked"}),
    ],
)
def test_what_has_nothing_to_do_with_an_obstacle_is_no_news_of_one(
    street: Street, state: object, result: object
) -> None:
    street.connect()
    street.tell("motion/state", state)
    street.tell("motion/result", result)
    assert not street.sign.car_status.blocked


def test_a_damaged_message_changes_nothing_and_is_logged_once(street: Street, caplog: pytest.LogCaptureFixture) -> None:
    street.connect()
    street.tell("orchestrator/state", {"phase": "thinking"})
    with caplog.at_level(logging.WARNING):
        for damaged in (b'{"phase": "idl', b"\xff", b"[" * 5000):
            street.tell("orchestrator/state", damaged)
    assert street.sign.car_status.phase is Phase.THINKING
    assert caplog.text.count("smartcar/car/orchestrator/state") == 1
    street.tell("orchestrator/state", {"phase": "idle"})
    street.tell("orchestrator/state", b"{")
    assert street.sign.car_status.phase is Phase.IDLE
    assert caplog.text.count("smartcar/car/orchestrator/state") == 1  # not with every other message


def test_what_a_subclass_follows_besides_reaches_it(street: Street) -> None:
    street.connect()
    street.tell("tts/level", 0.5)
    assert street.sign.levels == [0.5]


def test_the_switch_is_remembered_over_restarts(tmp_path: Path) -> None:
    street = Street(tmp_path)
    assert street.sign.follow_assistant is True
    Sign.entities["follow_assistant"].handler(street.sign, False)
    assert street.sign.follow_assistant is False
    assert Street(tmp_path).sign.follow_assistant is False


def test_with_a_real_broker_what_was_kept_is_heard_before_the_bridge_is_online(
    broker: Mosquitto, observer: Observer, tmp_path: Path
) -> None:
    observer.send("smartcar/car/orchestrator/availability", "online", retain=True)
    observer.send("smartcar/car/orchestrator/state", '{"phase": "listening"}', retain=True)
    observer.send("smartcar/car/motion/availability", "offline", retain=True)
    with running(Sign, make_config(tmp_path, broker.port), clock=SystemClock()) as sign:
        observer.wait("smartcar/car/sign/availability", lambda message: message.payload == b"online")
        assert sign.car_status == CarStatus(
            phase=Phase.LISTENING, assistant_online=True, motors_linked=False, connected=True
        )
        observer.send("smartcar/car/orchestrator/state", b"", retain=True)
        observer.flush()
        mark = observer.mark()
        observer.send("smartcar/car/sign/follow_assistant/set", "OFF")
        observer.wait("smartcar/car/sign/result", since=mark)
        assert sign.car_status.phase is None
        assert sign.follow_assistant is False
