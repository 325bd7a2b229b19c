"""An effect as one picture, one colour, one current."""

from __future__ import annotations

import pytest

from bridges.led.arbiter import Shown
from bridges.led.effects.registry import EFFECTS
from bridges.led.preview.summary import MOMENTS, main_colour, mean_milliamps, moments, portrait
from bridges.led.strip.output import Output
from smartcar_mqtt.car_status import Layer

BLUE = (0, 0, 255)
OUTPUT = Output(8, "GRB", gamma=1.0)


def shown(effect: str, brightness: int = 255, *, on: bool = True) -> Shown:
    return Shown(Layer.USER, effect, BLUE, brightness, on)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_has_a_portrait_that_is_not_dark(effect: str) -> None:
    assert any(any(colour) for colour in portrait(shown(effect), 8))


@pytest.mark.parametrize(
    ("effect", "colour"),
    [("solid", BLUE), ("comet", BLUE), ("emergency_stop", (255, 0, 0)), ("wakeword_detected", (0, 255, 0))],
)
def test_the_colour_is_what_people_would_say(effect: str, colour: tuple[int, int, int]) -> None:
    assert main_colour(shown(effect), 8) == colour


def test_a_still_effect_is_one_moment_and_a_moving_one_several() -> None:
    assert len(moments("solid", 8, BLUE)) == 1
    assert len(set(moments("comet", 8, BLUE))) == MOMENTS


def test_the_current_is_a_mean_over_the_effect() -> None:
    assert mean_milliamps(shown("solid"), 8, OUTPUT) == 8 * 21
    assert mean_milliamps(shown("solid", on=False), 8, OUTPUT) == 8
    assert 8 < mean_milliamps(shown("breathe"), 8, OUTPUT) < 8 * 21
