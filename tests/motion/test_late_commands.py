"""Safety rule 9: a late command does not move the car, whatever has held it back; a stop is obeyed however old."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.motion.rig import BASE, HALT, Rig
from tests.support.cable import Cable

MOVES = ("drive", "forward", "backward", "left", "right", "scan")


class HeldRig:
    """A rig whose bridge reaches the broker through a cable that can hold back what the broker sends."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.cable = Cable(rig.broker.port)
        self.cable.plug()
        rig.settings["MQTT__PORT"] = self.cable.port
        rig.start_bridge()


@pytest.fixture
def held(make_rig: Callable[..., Rig]) -> Iterator[HeldRig]:
    found = HeldRig(make_rig(start=False))
    yield found
    found.cable.flow()
    found.rig.bridge.stop()
    found.cable.pull()


def pause(seconds: float) -> None:
    """Let real time pass: what is held back grows old by nothing else."""
    threading.Event().wait(seconds)


def send(rig: Rig, entity: str, **fields: Any) -> bytes:
    return rig.ask_later(entity, json.dumps(fields) if fields else "PRESS")


def payload_of(entity: str) -> dict[str, Any]:
    return {"direction": "left", "duration": 1} if entity == "drive" else {}


@pytest.mark.parametrize("seconds", [1.8, 3, 6])
def test_what_a_stalled_link_hands_over_late_does_not_move_the_car(held: HeldRig, seconds: float) -> None:
    rig = held.rig
    mark = rig.mark
    held.cable.hold()
    late = send(rig, "drive", direction="left", duration=1)
    pause(seconds)
    held.cable.flow()
    answer = rig.client.answer(late)
    assert answer["status"] == "expired"
    assert "late" in answer["reason"]
    assert rig.world.wheels == HALT
    assert rig.motions(mark) == []
    rig.obeyed_soon("left", 0.1)


def test_every_command_that_moves_is_refused_when_late_and_every_stop_is_obeyed(held: HeldRig) -> None:
    rig = held.rig
    rig.obeyed("left", 5)
    mark = rig.mark
    held.cable.hold()
    stop = send(rig, "stop")
    late = [send(rig, entity, **payload_of(entity)) for entity in MOVES]
    released = rig.ask_later("emergency_stop", "OFF")
    latched = rig.ask_later("emergency_stop", "ON")
    pause(2.5)
    held.cable.flow()
    assert rig.client.answer(stop)["status"] == "done"
    assert [rig.client.answer(each)["status"] for each in late] == ["expired"] * len(MOVES)
    assert rig.client.answer(released)["status"] == "expired"
    assert rig.client.answer(latched)["status"] == "done"
    assert rig.motions(mark) == []
    rig.settle(emergency_stop=True, motion="stopped")


@pytest.mark.parametrize("frozen_s", [1.6, 4])
@pytest.mark.parametrize("entity", ["drive", "left"])
def test_what_a_frozen_bridge_finds_when_it_wakes_does_not_move_the_car(
    own_rig: Rig, entity: str, frozen_s: float
) -> None:
    rig = own_rig
    for phase_s in (0.05, 0.35):  # anywhere between two echoes
        pause(phase_s)
        mark = rig.mark
        rig.bridge.freeze()
        late = send(rig, entity, **payload_of(entity))
        pause(frozen_s)
        rig.bridge.thaw()
        answer = rig.client.answer(late)
        assert answer["status"] in {"expired", "blocked"}
        assert rig.motions(mark) == [], answer
        rig.obeyed_soon("left", 0.1)


def test_what_a_frozen_broker_hands_over_does_not_move_the_car(own_rig: Rig) -> None:
    own_rig.broker.pause()
    late = send(own_rig, "drive", direction="left", duration=1)
    pause(2.5)
    mark = own_rig.mark
    own_rig.broker.resume()
    assert own_rig.client.answer(late)["status"] == "expired"
    assert own_rig.motions(mark) == []


def test_a_stop_is_obeyed_however_old(held: HeldRig) -> None:
    rig = held.rig
    rig.obeyed("left", 5)
    mark = rig.mark
    held.cable.hold()
    stop = send(rig, "drive", direction="stop", time=1_767_225_600, expires=1_767_225_601)
    pause(2)
    held.cable.flow()
    assert rig.client.answer(stop)["status"] == "done"
    assert "STOP" in rig.lines(mark)


def test_the_sender_may_say_when_a_command_was_sent_and_until_when_it_is_wanted(own_rig: Rig) -> None:
    rig = own_rig
    now = time.time()
    assert rig.drive("left", 0.2, time=now)["status"] == "done"
    assert rig.drive("left", 0.2, expires=now + 5)["status"] == "done"
    assert rig.drive("left", 0.2, time=1000.0, expires=1000.0)["status"] == "done", "clocks that were never set"
    mark = rig.mark
    for fields, word in (
        ({"time": now - 10}, "ago"),
        ({"time": now + 60}, "ahead"),
        ({"expires": now - 1}, "expired"),
    ):
        answer = rig.drive("left", 0.2, **fields)
        assert answer["status"] == "expired"
        assert word in answer["reason"]
    answer = rig.ask("forward", json.dumps({"time": now - 10}))
    assert answer["status"] == "expired"
    assert rig.motions(mark) == []


@pytest.mark.parametrize("name", ["time", "expires"])
@pytest.mark.parametrize("value", ['"now"', "true", "-1", "1e300", "[]", "NaN"])
def test_a_time_that_is_none_is_refused(rig: Rig, name: str, value: str) -> None:
    answer = rig.ask("drive", f'{{"direction": "left", "{name}": {value}}}')
    assert answer["status"] == "refused"
    assert name in answer["reason"] or "JSON" in answer["reason"]


def test_an_echo_that_somebody_else_sends_proves_nothing(held: HeldRig) -> None:
    rig = held.rig
    held.cable.hold()
    late = send(rig, "drive", direction="left", duration=1)
    for _ in range(20):
        rig.client.publish(f"{BASE}/echo", "0123456789abcdef")
        pause(0.1)
    held.cable.flow()
    assert rig.client.answer(late)["status"] == "expired"
