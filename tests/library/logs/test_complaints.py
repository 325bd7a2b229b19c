"""Complaints: once for each cause, again after a while, and never without a bound."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from smartcar_mqtt.car_status import Phase, phase_of
from smartcar_mqtt.logs.complaints import MOST_CAUSES, REPEAT_S, Complaints
from smartcar_mqtt.mqtt.broker import Message
from smartcar_mqtt.mqtt.subscriptions import Followed


class Now:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_cause_is_told_once_and_again_much_later(caplog: pytest.LogCaptureFixture) -> None:
    now = Now()
    complaints = Complaints(logging.getLogger("test"), now)
    for _ in range(5):
        complaints.warn("a", "%s is odd", "a")
        complaints.warn("b", "%s is odd", "b")
    assert [record.message for record in caplog.records] == ["a is odd", "b is odd"]
    now.seconds = REPEAT_S
    complaints.warn("a", "%s is odd", "a")
    assert len(caplog.records) == 3


def test_causes_without_end_are_not_told_without_end(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"), Now())
    for number in range(1000):
        complaints.warn(number, "%d is odd", number)
    assert len(caplog.records) == MOST_CAUSES


def test_an_unknown_phase_is_told_once_however_often_it_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        assert phase_of("pondering") is Phase.IDLE
        assert phase_of("listening") is Phase.LISTENING
    assert [record.message for record in caplog.records] == [
        "orchestrator/state: unknown phase 'pondering'; it is shown as idle"
    ]


@pytest.mark.parametrize("damaged", [b"{", b"\xff", b"[" * 5000])
def test_messages_that_are_damaged_now_and_then_are_told_once(damaged: bytes, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []
    followed = Followed("smartcar", "car", ("motion/state",))
    for _ in range(20):
        for payload in (damaged, msgspec.json.encode({"link": True})):
            followed.deliver(Message("smartcar/car/motion/state", payload, False), lambda *what: heard.append(what))
    assert len(heard) == 20
    assert len(caplog.records) == 1
