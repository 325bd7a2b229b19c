"""The LED bridge: the light, whose state follows what the ring really shows, and everything that comes before it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import pytest
from PIL import Image

from bridges.led.bridge import REMEMBER_AFTER_S
from bridges.led.effects.registry import EFFECTS
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
    desk.light(**SOLID_RED, brightness=9)
    before, mark = desk.lamp, bus.count
    assert desk.command("ring", {"flash": 2})["status"] == "done"
    desk.pass_time(3)
    assert blinks(bus, mark) == [RED, DARK] * 4
    assert bus.newest == [(9, 0, 0)] * PIXELS
    assert desk.lamp == before
    answer = desk.light(flash="quick", effect="fire")
    assert (answer["status"], desk.lamp) == ("refused", before)


def blinks(bus: FakeBus, mark: int) -> list[Colours]:
    """The frames from a mark on in which the ring was fully red or dark, each once."""
    return [frame for frame, _ in itertools.groupby(bus.frames[mark:]) if frame in (RED, DARK)]


def test_off_with_a_flash_flashes_and_is_off(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED, brightness=9)
    mark = bus.count
    assert desk.command("ring", b'{"state":"OFF","flash":2}')["status"] == "done"
    assert desk.lamp["state"] == "OFF"
    desk.pass_time(1)
    assert RED in blinks(bus, mark)
    desk.pass_time(3)
    assert blinks(bus, mark) == [RED, DARK] * 4
    assert (desk.lamp["state"], bus.newest) == ("OFF", DARK)
    desk.light(flash="short")  # and ON with a flash is on
    desk.pass_time(4)
    assert (desk.lamp["state"], bus.newest) == ("ON", [(9, 0, 0)] * PIXELS)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ({"state": "ON", "flash": 1, "brightness": 50}, {"effect": "solid", "brightness": 50, "color": COLOUR}),
        ({"state": "ON", "flash": 1, "color": {"r": 0, "g": 9, "b": 0}}, {"color": {"r": 0, "g": 9, "b": 0}}),
        ({"flash": "short", "effect": "Comet"}, {"effect": "comet", "color": COLOUR, "brightness": 255}),
        ({"state": "ON", "flash": 1, "brightness": 0}, {"state": "OFF"}),
        ({"state": "OFF", "flash": 0.1, "color": {"r": 0, "g": 0, "b": 7}, "transition": 0}, {"state": "OFF"}),
    ],
)
def test_what_else_stands_in_a_command_with_a_flash_is_done(
    desk: LedDesk, command: dict[str, object], shown: dict[str, object]
) -> None:
    desk.light(**SOLID_RED)
    assert desk.command("ring", command)["status"] == "done"
    for seconds in (0, 5):
        desk.pass_time(seconds)
        assert shown.items() <= desk.lamp.items()


def test_a_flash_has_the_colour_and_the_brightness_of_its_command(desk: LedDesk, bus: FakeBus) -> None:
    desk.light(**SOLID_RED)
    mark = bus.count
    desk.light(flash=1, color={"r": 0, "g": 255, "b": 0}, brightness=100, transition=0)
    desk.pass_time(0.5)
    assert [(0, 100, 0)] * PIXELS in bus.frames[mark:]
    assert DARK in bus.frames[mark:]


def test_a_flash_of_a_ring_that_is_gone_is_not_called_done(desk: LedDesk, bus: FakeBus) -> None:
    bus.unplug()
    desk.light(**SOLID_RED)
    desk.pass_time(1)
    answer = desk.command("ring", {"flash": 1})
    assert (answer["status"], "cannot be reached" in answer["reason"]) == ("blocked", True)


def test_a_light_that_is_off_flashes_and_stays_off(desk: LedDesk, bus: FakeBus) -> None:
    desk.light("OFF", **SOLID_RED)
    desk.pass_time(1)
    mark = bus.count
    assert desk.command("ring", {"flash": 1})["status"] == "done"
    desk.pass_time(2)
    assert RED in bus.frames[mark:]
    assert (desk.lamp["state"], bus.newest) == ("OFF", DARK)


def test_brightness_an_effect_or_a_colour_alone_switches_on(desk: LedDesk, bus: FakeBus) -> None:
    for command, changed in (
        ({"brightness": 50}, {"brightness": 50}),
        ({"effect": "  SOLID "}, {"effect": "solid"}),
        ({"color": COLOUR}, {"color": COLOUR}),
    ):
        desk.light("OFF", transition=0)
        assert desk.command("ring", command)["status"] == "done"
        assert {"state": "ON", **changed}.items() <= desk.lamp.items()
    assert desk.command("ring", {"transition": 2})["status"] == "refused"


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_are_understood_however_people_write_them(desk: LedDesk, effect: str) -> None:
    for written in (effect.upper(), effect.replace("_", " "), effect.replace("_", "-").title(), f" {effect} "):
        assert desk.light(effect=written)["status"] == "done"
        assert desk.lamp["effect"] == effect


def test_a_flash_waits_for_nobody_and_disturbs_no_safety(desk: LedDesk, bus: FakeBus) -> None:
    desk.hear("motion/state", {"emergency_stop": True})
    answer = desk.light(flash="short", color={"r": 0, "g": 255, "b": 0})
    assert (answer["status"], "the ring shows emergency_stop" in answer["reason"]) == ("blocked", True)
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
