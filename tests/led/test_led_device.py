"""The ring as a piece of hardware: missing, pulled, found again, and what it is left with at the end."""

from __future__ import annotations

import errno
import itertools
import logging
from collections.abc import Callable

import pytest

from bridges.led.bridge import FIRST_RETRY_S, LONGEST_RETRY_S, WIPE_S
from tests.led.bus import FakeBus
from tests.led.desk import BASE, PIXELS, LedDesk

RED, DARK = [(255, 0, 0)] * PIXELS, [(0, 0, 0)] * PIXELS
COLOUR = {"r": 255, "g": 0, "b": 0}
SOLID_RED = {"effect": "solid", "color": COLOUR, "transition": 0}

# -- the ring is not there, goes, comes --------------------------------------------------------------------------------


def test_a_missing_ring_is_told_once_and_found_later(
    make_desk: Callable[..., LedDesk], bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.unplug()
    desk = make_desk()
    desk.connect()
    assert desk.state["link"] is False
    told = desk.state["attributes"]["link"]
    assert told["driver"] == "spi"
    assert "dtparam=spi=on" in told["reason"]
    desk.pass_time(300, step=1)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"{told['reason']}; trying again"
    ]
    desk.light(**SOLID_RED)
    bus.plug()
    desk.pass_time(LONGEST_RETRY_S * 1.2, step=1)
    assert desk.state["link"] is True
    assert desk.state["attributes"]["link"] == {"driver": "spi", "reason": ""}
    assert bus.newest == RED


def test_a_missing_ring_is_tried_again_less_and_less_often(
    make_desk: Callable[..., LedDesk], monkeypatch: pytest.MonkeyPatch, bus: FakeBus
) -> None:
    bus.unplug()
    desk = make_desk()
    tries: list[float] = []
    open_ring = desk.led._ring.open
    monkeypatch.setattr(desk.led._ring, "open", lambda: (tries.append(desk.clock.monotonic()), open_ring()))
    desk.pass_time(400, step=0.5)
    pauses = [later - sooner for sooner, later in itertools.pairwise(tries)]
    assert tries[0] - 1000 == pytest.approx(FIRST_RETRY_S, rel=0.2)
    assert pauses[:3] == pytest.approx([10, 20, 40], rel=0.2)
    assert pauses[4:] == pytest.approx([LONGEST_RETRY_S] * len(pauses[4:]), rel=0.2)


def test_a_ring_that_goes_is_told_and_found_again(
    desk: LedDesk, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    desk.light(effect="comet")
    bus.unplug()
    desk.pass_time(1)
    assert desk.state["link"] is False
    assert desk.state["attributes"]["link"]["reason"] == "/dev/spidev0.0 has gone: No such device"
    desk.pass_time(3)  # no frames meanwhile
    mark = bus.count
    assert sum("has gone" in record.message for record in caplog.records) == 1
    bus.plug()
    desk.pass_time(FIRST_RETRY_S)
    assert desk.state["link"] is True
    assert bus.count > mark


def test_a_ring_that_opens_but_takes_nothing_is_not_there(
    make_desk: Callable[..., LedDesk], bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.refuse(errno.EIO)
    desk = make_desk()
    desk.connect()
    desk.pass_time(100, step=1)
    assert {message.json["link"] for message in desk.broker.on(f"{BASE}/state")} == {False}
    assert sum("does not take data" in record.message for record in caplog.records) == 1
    bus.refuse(None)
    desk.pass_time(LONGEST_RETRY_S * 1.2, step=1)
    assert desk.state["link"] is True


def test_without_a_ring_everything_else_works(make_desk: Callable[..., LedDesk], bus: FakeBus) -> None:
    desk = make_desk(driver="none")
    desk.connect()
    desk.light(**SOLID_RED)
    assert desk.lamp["color"] == COLOUR
    assert desk.state["link"] is True
    assert bus.count == 0


# -- the end -----------------------------------------------------------------------------------------------------------


def test_the_end_leaves_the_ring_dark(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED)
    mark = bus.count
    desk.close()
    assert bus.newest == DARK
    lit = [sum(any(colour) for colour in frame) for frame in bus.frames[mark:]]
    assert lit == sorted(lit, reverse=True)
    assert len(lit) == PIXELS
    assert 0 < desk.paused_s <= WIPE_S


def test_a_dark_ring_goes_without_a_show(desk: LedDesk, bus: FakeBus) -> None:
    desk.light("OFF", transition=0)
    mark = bus.count
    desk.close()
    assert bus.frames[mark:] == [DARK]
    assert desk.paused_s == 0


def test_the_end_may_leave_a_colour(make_desk: Callable[..., LedDesk], bus: FakeBus) -> None:
    desk = make_desk(farewell="#102030")
    desk.connect()
    desk.close()
    assert bus.newest == [(0x10, 0x20, 0x30)] * PIXELS


def test_whatever_goes_wrong_with_the_show_it_ends_dark(
    desk: LedDesk, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.light(**SOLID_RED)

    def fail(_seconds: float) -> None:
        raise ZeroDivisionError("a bug")

    desk.led.pause = fail
    with pytest.raises(ZeroDivisionError):
        desk.close()
    assert bus.newest == DARK
    desk.led.pause = desk._pause


def test_a_ring_that_is_gone_at_the_end_is_told(desk: LedDesk, bus: FakeBus, caplog: pytest.LogCaptureFixture) -> None:
    desk.light(**SOLID_RED)
    bus.unplug()
    desk.close()
    assert "the ring stays as it was: /dev/spidev0.0 has gone" in caplog.text
    bus.plug()
