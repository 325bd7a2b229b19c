"""The picture of each moment: fades, pauses, and when there is nothing to draw."""

from __future__ import annotations

import pytest

from bridges.led.animation import Animation, fade_seconds, repeats
from bridges.led.arbiter import Shown
from bridges.led.effects.registry import EFFECTS
from smartcar_mqtt.car_status import Layer

COUNT, FPS = 8, 50
RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def user(effect: str, colour: tuple[int, int, int] = RED, brightness: int = 200, *, on: bool = True) -> Shown:
    return Shown(Layer.USER, effect, colour, brightness, on)


@pytest.fixture
def animation() -> Animation:
    """A ring that has been red for a while."""
    animation = Animation(COUNT, FPS)
    animation.show(user("solid"), 0, 0)
    return animation


def look(animation: Animation, now: float) -> tuple[tuple[int, int, int], int]:
    """Colour of all pixels, which must be one, and brightness."""
    picture = animation.picture(now)
    assert len(picture.colours) == COUNT
    assert len(set(picture.colours)) == 1
    return picture.colours[0], picture.brightness


def test_before_anything_is_shown_it_is_dark() -> None:
    animation = Animation(COUNT, FPS)
    assert look(animation, 5) == (BLACK, 0)
    assert animation.next_after(5) is None


def test_a_still_effect_needs_no_frames(animation: Animation) -> None:
    assert look(animation, 1) == (RED, 200)
    assert animation.next_after(0) is None


def test_a_moving_effect_has_frames_as_fast_as_it_wants_but_not_faster_than_allowed() -> None:
    fastest = max(EFFECTS.values(), key=lambda effect: effect.fps)
    slowest = min((effect for effect in EFFECTS.values() if effect.fps), key=lambda effect: effect.fps)
    assert fastest.fps > FPS > slowest.fps
    animation = Animation(COUNT, FPS)
    animation.show(user(fastest.name), 0, 0)
    assert animation.next_after(0) == pytest.approx(1 / FPS, rel=0.02)
    animation.show(user(slowest.name), 0, 0)
    assert animation.next_after(0) == pytest.approx(1 / slowest.fps, rel=0.02)


def test_frames_keep_their_pace_however_late_the_last_one_was() -> None:
    animation = Animation(COUNT, FPS)
    animation.show(user("comet"), 0, 0)
    frame = animation.next_after(0)
    assert frame is not None
    assert animation.next_after(10 * frame) == pytest.approx(frame)
    assert animation.next_after(10.7 * frame) == pytest.approx(0.3 * frame)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("count", [COUNT, 7, 16])
def test_pictures_of_the_same_step_are_the_same(effect: str, count: int) -> None:
    animation = Animation(count, 60)
    animation.show(user(effect), 0, 0)
    pictures = {}
    for moment in range(700):
        now = moment / 60 + 0.001
        step = animation.step(now)
        if step is not None:
            picture = animation.picture(now)
            assert pictures.setdefault(step, picture) == picture
    assert (len(pictures) > 1) == repeats(effect, count)


def test_a_chase_that_does_not_divide_the_ring_has_no_steps() -> None:
    assert repeats("speaking", 16)
    assert not repeats("speaking", 17)
    assert not repeats("solid", 16)


def test_a_fade_has_no_steps(animation: Animation) -> None:
    animation.show(user("comet"), 10, 1)
    assert animation.step(10.5) is None
    assert animation.step(11) is not None
    animation.show(user("comet", on=False), 12, 0)
    assert animation.step(12) is None


def test_an_effect_that_has_settled_needs_no_more_frames(animation: Animation) -> None:
    animation.show(user("wakeword_detected"), 10, 0)
    settled = EFFECTS["wakeword_detected"].settles_after_s
    assert settled is not None
    assert animation.next_after(10) is not None
    assert animation.next_after(10.001 + settled) is None


def test_time_begins_anew_with_each_effect(animation: Animation) -> None:
    animation.show(user("comet"), 3, 0)
    assert animation.picture(3.5).colours == EFFECTS["comet"].draw(0.5, COUNT, RED)
    animation.show(user("comet", brightness=9), 4, 0)  # the same one goes on
    assert animation.picture(4.5).colours == EFFECTS["comet"].draw(1.5, COUNT, RED)
    animation.show(user("rainbow"), 5, 0)
    assert animation.picture(5).colours == EFFECTS["rainbow"].draw(0, COUNT, RED)


def test_one_colour_fades_into_another(animation: Animation) -> None:
    animation.show(user("solid", BLUE), 10, 2)
    assert look(animation, 10)[0] == RED
    assert look(animation, 11)[0] == (127, 0, 127)
    assert animation.next_after(11.99) == 1 / FPS
    assert look(animation, 12)[0] == BLUE
    assert animation.next_after(12) is None


def test_brightness_fades_while_the_effect_goes_on(animation: Animation) -> None:
    animation.show(user("comet"), 0, 0)
    animation.show(user("comet", brightness=100), 10, 1)
    half_way = animation.picture(10.5)
    assert half_way.brightness == 150
    assert half_way.colours == EFFECTS["comet"].draw(10.5, COUNT, RED)


def test_off_fades_out_and_is_dark(animation: Animation) -> None:
    animation.show(user("solid", on=False), 10, 1)
    assert look(animation, 10.5) == (RED, 100)
    assert animation.next_after(10.5) == 1 / FPS
    assert look(animation, 11) == (BLACK, 0)
    assert animation.next_after(11) is None


def test_on_fades_in_with_the_effect_from_its_beginning(animation: Animation) -> None:
    animation.show(user("solid", on=False), 10, 0)
    animation.show(user("comet"), 20, 1)
    assert animation.picture(20).brightness == 0
    half_way = animation.picture(20.5)
    assert half_way.brightness == 100
    assert half_way.colours == EFFECTS["comet"].draw(0.5, COUNT, RED)


def test_a_moving_effect_that_is_off_needs_no_frames(animation: Animation) -> None:
    animation.show(user("rainbow", on=False), 10, 0)
    assert animation.next_after(10) is None
    assert look(animation, 10) == (BLACK, 0)


def test_one_effect_fades_into_another(animation: Animation) -> None:
    animation.show(user("muted", brightness=100), 10, 1)
    half_way = animation.picture(10.5)
    wanted = EFFECTS["muted"].draw(0.5, COUNT, RED)
    assert half_way.brightness == 150
    for colour, target in zip(half_way.colours, wanted, strict=True):
        assert colour == pytest.approx([(red + end) / 2 for red, end in zip(RED, target, strict=True)], abs=1)
    assert animation.picture(11).colours == EFFECTS["muted"].draw(1, COUNT, RED)


def test_another_effect_that_is_off_fades_from_what_was_there(animation: Animation) -> None:
    animation.show(user("rainbow", on=False), 10, 1)
    assert look(animation, 10.5) == (RED, 100)
    assert look(animation, 11) == (BLACK, 0)


def test_a_fade_that_is_interrupted_goes_on_from_where_it_was(animation: Animation) -> None:
    animation.show(user("solid", BLUE), 10, 2)
    animation.show(user("solid", (0, 255, 0)), 11, 2)
    assert look(animation, 11)[0] == (127, 0, 127)
    assert look(animation, 12)[0] == pytest.approx((64, 127, 64), abs=1)
    animation.show(user("muted"), 20, 2)  # another effect, and a change of it while it comes
    middle = animation.picture(21)
    animation.show(user("muted", brightness=50), 21, 2)
    assert animation.picture(21) == middle
    assert animation.picture(23).brightness == 50


def test_a_light_that_comes_back_in_the_middle_of_going_out_does_not_jump(animation: Animation) -> None:
    animation.show(user("solid", on=False), 10, 2)
    animation.show(user("solid"), 11, 2)
    assert look(animation, 11) == (RED, 100)
    assert look(animation, 12) == (RED, 150)


@pytest.mark.parametrize("fade", [0.0, 1e-9, 3600.0])
def test_every_length_of_a_fade_ends_in_what_is_shown(animation: Animation, fade: float) -> None:
    animation.show(user("solid", BLUE), 10, fade)
    assert look(animation, 10 + fade + 1e-6) == (BLUE, 200)


@pytest.mark.parametrize(
    ("layer", "effect", "seconds"),
    [
        (Layer.SAFETY, "obstacle", 0),
        (Layer.ASSISTANT, "wakeword_detected", 0),
        (Layer.ASSISTANT, "listening", 0.3),
        (Layer.SYSTEM, "shutting_down", 0.3),
        (Layer.USER, "solid", 0.3),
    ],
)
def test_what_matters_at_once_is_there_at_once(layer: Layer, effect: str, seconds: float) -> None:
    assert fade_seconds(Shown(layer, effect, RED, 255), 0.3) == seconds
