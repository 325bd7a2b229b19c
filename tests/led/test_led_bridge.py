"""The LED bridge: the light, whose state follows what the ring really shows, and everything that comes before it."""

from __future__ import annotations

import errno
import io
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bridges.led.bridge import FIRST_RETRY_S, LONGEST_RETRY_S, REMEMBER_AFTER_S, WIPE_S
from bridges.led.effects import EFFECTS
from tests.led.bus import Colours, FakeBus
from tests.led.desk import BASE, PIXELS, LedDesk

RED, DARK = [(255, 0, 0)] * PIXELS, [(0, 0, 0)] * PIXELS
COLOUR = {"r": 255, "g": 0, "b": 0}
SOLID_RED = {"effect": "solid", "color": COLOUR, "transition": 0}


def is_at(frame: Colours, effect: str, t: float) -> bool:
    """Whether a frame shows this moment of an effect, or one up to 0.05 s before it."""
    moments = [EFFECTS[effect].draw(max(0, t - before / 500), PIXELS, RED[0]) for before in range(25)]
    return any(alike(frame, moment) for moment in moments)


def alike(first: Colours, second: Colours) -> bool:
    """Whether nobody would see a difference."""
    return all(
        abs(level - other) <= 8
        for colour, its_other in zip(first, second, strict=True)
        for level, other in zip(colour, its_other, strict=True)
    )


@pytest.fixture
def make_desk(tmp_path: Path, bus: FakeBus) -> Iterator[Callable[..., LedDesk]]:
    """Makes the bridge with these settings, not connected yet; closed with the test."""
    made: list[LedDesk] = []

    def make(**settings: Any) -> LedDesk:
        made.append(LedDesk(tmp_path / "state", bus, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def desk(make_desk: Callable[..., LedDesk]) -> LedDesk:
    """One that is connected."""
    desk = make_desk()
    desk.connect()
    return desk


# -- the light ---------------------------------------------------------------------------------------------------------


def test_it_boots_until_the_broker_is_there_and_then_breathes(make_desk: Callable[..., LedDesk], bus: FakeBus) -> None:
    desk = make_desk()
    desk.pass_time(1)
    assert is_at(bus.newest, "booting", 1)
    desk.connect()
    desk.pass_time(1)
    assert desk.lamp["effect"] == "idle"
    assert desk.state["shown_by"] == "user"
    assert len(set(bus.newest)) == 1
    desk.jump(100)
    assert is_at(bus.newest, "idle", 101)


def test_a_command_is_shown_and_told(desk: LedDesk, bus: FakeBus) -> None:
    assert desk.light(**SOLID_RED, brightness=128)["status"] == "done"
    assert bus.newest == [(128, 0, 0)] * PIXELS
    assert desk.lamp == {
        "state": "ON",
        "effect": "solid",
        "color": COLOUR,
        "brightness": 128,
        "color_mode": "rgb",
    }
    desk.light("OFF", transition=0)
    assert bus.newest == DARK
    assert desk.lamp["state"] == "OFF"


def test_brightness_and_colour_alone_keep_the_rest(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(effect="comet", transition=0)
    desk.light(brightness=60)
    assert (desk.lamp["effect"], desk.lamp["brightness"]) == ("comet", 60)
    desk.light(color=COLOUR)
    assert (desk.lamp["effect"], desk.lamp["color"], desk.lamp["brightness"]) == ("comet", COLOUR, 60)
    desk.light(effect="rainbow")
    desk.light(color=COLOUR)
    assert (desk.lamp["effect"], desk.lamp["color"]) == ("solid", COLOUR)


def test_brightness_nought_is_off_and_not_remembered(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED, brightness=100)
    desk.light(brightness=0, transition=0)
    assert (desk.lamp["state"], bus.newest) == ("OFF", DARK)
    desk.light(transition=0)
    assert (desk.lamp["state"], bus.newest) == ("ON", [(100, 0, 0)] * PIXELS)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_can_be_chosen(desk: LedDesk, bus: FakeBus, effect: str) -> None:
    desk.light(effect=effect, color=COLOUR, transition=0)
    desk.pass_time(0.2)
    assert desk.lamp["effect"] == effect
    assert (desk.lamp["color"] == COLOUR) or not EFFECTS[effect].colourful


def test_an_effect_that_nobody_knows_is_refused(desk: LedDesk) -> None:
    answer = desk.light(effect="lava")
    assert (answer["status"], "lava" in answer["reason"]) == ("refused", True)
    assert desk.lamp["effect"] == "idle"


def test_a_transition_takes_the_time_that_was_asked_for(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED)
    desk.light(color={"r": 0, "g": 0, "b": 255}, transition=4)
    desk.pass_time(2, step=0.25)
    red, _, blue = bus.newest[0]
    assert abs(red - blue) < 15
    desk.pass_time(2.5, step=0.25)
    assert bus.newest == [(0, 0, 255)] * PIXELS


def test_a_flash_blinks_and_leaves_the_light_as_it_was(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(effect="solid", color={"r": 0, "g": 9, "b": 0}, transition=0)
    before, mark = desk.lamp, bus.count
    desk.light(flash=2, color=COLOUR)
    desk.pass_time(3)
    seen = bus.frames[mark:]
    assert [frame for frame in seen if frame in (RED, DARK)] == [RED, DARK] * 4
    assert bus.newest == [(0, 9, 0)] * PIXELS
    assert desk.lamp == before
    assert desk.light(flash="quick")["status"] == "refused"


def test_a_flash_waits_for_nobody_and_disturbs_no_safety(desk: LedDesk, bus: FakeBus) -> None:
    desk.hear("motion/state", {"emergency_stop": True})
    desk.light(flash="short", color={"r": 0, "g": 255, "b": 0})
    desk.pass_time(1)
    assert all(green == 0 for frame in bus.frames[-20:] for _, green, _ in frame)
    desk.hear("motion/state", {"emergency_stop": False})
    desk.light(flash="long", color={"r": 0, "g": 255, "b": 0})
    desk.hear("motion/state", {"emergency_stop": True})  # also not one that has begun
    mark = bus.count
    desk.pass_time(1)
    assert all(green == 0 for frame in bus.frames[mark:] for _, green, _ in frame)


def test_the_light_is_remembered_over_a_restart(make_desk: Callable[..., LedDesk], bus: FakeBus) -> None:
    first = make_desk()
    first.connect()
    first.light(**SOLID_RED, brightness=77)
    first.close()
    second = make_desk()
    second.connect()
    second.pass_time(1)
    assert bus.newest == [(77, 0, 0)] * PIXELS


def test_the_light_is_also_remembered_by_who_is_killed_later(make_desk: Callable[..., LedDesk]) -> None:
    first = make_desk()
    first.connect()
    first.light(effect="fire")
    first.jump(REMEMBER_AFTER_S)
    first.command("follow_assistant", "ON")  # the worker has come past the writing
    second = make_desk()
    second.connect()
    assert second.lamp["effect"] == "fire"


# -- what comes before it ----------------------------------------------------------------------------------------------


def test_a_phase_is_shown_in_between(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED)
    desk.phase("speaking")
    desk.pass_time(1.1)
    assert (desk.lamp["effect"], desk.state["shown_by"]) == ("speaking", "assistant")
    assert is_at(bus.newest, "speaking", 1.1)
    desk.phase("idle")
    desk.pass_time(1)
    assert (desk.lamp["effect"], desk.lamp["color"], desk.state["shown_by"]) == ("solid", COLOUR, "user")
    assert bus.newest == RED


def test_a_light_that_is_off_comes_back_dark_after_a_phase(desk: LedDesk, bus: FakeBus) -> None:
    desk.light("OFF", transition=0)
    desk.phase("thinking")
    desk.pass_time(1)
    assert desk.lamp["state"] == "ON"
    assert bus.newest != DARK
    desk.phase("idle")
    desk.pass_time(1)
    assert (desk.lamp["state"], bus.newest) == ("OFF", DARK)


def test_a_command_during_a_phase_is_for_later(desk: LedDesk, bus: FakeBus) -> None:
    desk.phase("listening")
    assert desk.light(**SOLID_RED)["status"] == "done"
    assert desk.lamp["effect"] == "listening"
    desk.phase("idle")
    desk.pass_time(1)
    assert bus.newest == RED


def test_the_wakeword_is_answered_without_any_fading(desk: LedDesk, bus: FakeBus) -> None:
    desk.phase("wakeword_detected")
    assert is_at(bus.newest, "wakeword_detected", 0)


def test_an_emergency_stop_is_there_at_once_and_however_dim_the_ring_is(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(effect="rainbow", brightness=1)
    desk.pass_time(1)
    desk.phase("speaking")
    desk.hear("motion/state", {"emergency_stop": True})
    assert bus.newest == [(128, 0, 0)] * PIXELS
    assert desk.state["shown_by"] == "safety"
    assert (desk.lamp["effect"], desk.lamp["color"]) == ("emergency_stop", COLOUR)


def test_an_obstacle_is_news_for_a_while(desk: LedDesk, bus: FakeBus) -> None:
    desk.hear("motion/state", {"obstacle": True, "link": True})
    assert desk.lamp["effect"] == "obstacle"
    desk.pass_time(10, step=0.1)
    assert desk.lamp["effect"] == "idle"


def test_a_lost_broker_is_shown_and_over_when_it_is_back(desk: LedDesk, bus: FakeBus) -> None:
    desk.broker.lose()
    desk.scheduler.run_due()
    assert is_at(bus.newest, "link_lost", 0)
    desk.connect()
    assert desk.lamp["effect"] == "idle"


def test_who_does_not_follow_the_assistant_keeps_the_light(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED)
    desk.phase("speaking")
    desk.command("follow_assistant", "OFF")
    desk.pass_time(1)
    assert bus.newest == RED
    desk.command("follow_assistant", "ON")
    assert desk.lamp["effect"] == "speaking"


# -- frames ------------------------------------------------------------------------------------------------------------


def test_a_still_picture_costs_nothing(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED)
    desk.jump(REMEMBER_AFTER_S)
    mark = bus.count
    assert desk.idle
    desk.jump(1000)
    assert bus.count == mark


def test_so_does_a_dark_ring_whose_effect_would_move(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(effect="rainbow", transition=0)
    desk.light("OFF", transition=0)
    desk.jump(REMEMBER_AFTER_S)
    assert desk.idle


def test_frames_come_as_fast_as_the_effect_wants_them(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(effect="comet", transition=0)
    mark = bus.count
    desk.pass_time(1, step=0.001)
    assert bus.count - mark == pytest.approx(min(60, EFFECTS["comet"].fps), abs=4)


def test_no_faster_than_the_configuration_allows(make_desk: Callable[..., LedDesk], bus: FakeBus) -> None:
    desk = make_desk(fps=5)
    desk.connect()
    desk.light(effect="comet", transition=0)
    mark = bus.count
    desk.pass_time(1, step=0.001)
    assert 4 <= bus.count - mark <= 5


def test_the_same_frame_is_not_written_twice(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(effect="error", transition=0)  # four pictures a second, more moments than that
    mark = bus.count
    desk.pass_time(2, step=0.001)
    frames = bus.frames[mark:]
    assert all(first != second for first, second in itertools.pairwise(frames))


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


# -- picture and current -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["still", "animated"])
def test_the_picture_follows(make_desk: Callable[..., LedDesk], bus: FakeBus, kind: str) -> None:
    desk = make_desk(picture=kind)
    desk.connect()
    desk.light(effect="comet", color=COLOUR)
    desk.pass_time(0.5)
    shown = desk.broker.wait(f"{BASE}/picture")
    assert shown.retain
    assert getattr(Image.open(io.BytesIO(shown.payload)), "is_animated", False) == (kind == "animated")
    desk.light("OFF")
    desk.pass_time(0.5)
    dark = desk.broker.wait(f"{BASE}/picture", lambda message: message is not shown)
    assert brightest(dark.payload) < brightest(shown.payload)


def brightest(encoded: bytes) -> int:
    """How much red the reddest point of a picture has beyond its green."""
    levels = Image.open(io.BytesIO(encoded)).convert("RGB").tobytes()
    return max(red - green for red, green in zip(levels[::3], levels[1::3], strict=True))


def test_what_is_over_at_once_gets_no_picture(make_desk: Callable[..., LedDesk], bus: FakeBus) -> None:
    desk = make_desk(picture="still")
    desk.connect()
    desk.pass_time(1)
    desk.broker.wait(f"{BASE}/picture")
    for phase in ("wakeword_detected", "listening", "thinking", "idle"):
        desk.phase(phase)
        desk.pass_time(0.1)
    desk.pass_time(1)
    desk.command("follow_assistant", "ON")  # the worker has come past the painting
    pictures = desk.broker.on(f"{BASE}/picture")
    assert {message.payload for message in pictures} == {pictures[0].payload}


def test_no_picture_where_none_is_wanted(desk: LedDesk) -> None:
    desk.light(effect="fire")
    desk.pass_time(1)
    desk.command("follow_assistant", "ON")
    assert not desk.broker.on(f"{BASE}/picture")


def test_the_current_is_what_the_colours_need(desk: LedDesk) -> None:
    desk.light(**SOLID_RED)
    assert desk.state["current"] == PIXELS * (1 + 20)
    desk.light("OFF")
    assert desk.state["current"] == PIXELS


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
