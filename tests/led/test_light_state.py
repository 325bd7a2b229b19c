"""What a command changes of people's light, and what it leaves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridges.led.effects.registry import EFFECTS
from bridges.led.light_state import LightState, merged

LIGHT = LightState(effect="comet", colour=(1, 2, 3), brightness=100)
RAINBOW = LightState(effect="rainbow")
RED = {"r": 255, "g": 0, "b": 0}


@pytest.mark.parametrize(
    ("before", "command", "after"),
    [
        (LIGHT, {}, LIGHT),
        (LIGHT, {"brightness": 20}, LightState(effect="comet", colour=(1, 2, 3), brightness=20)),
        (LIGHT, {"brightness": 19.6}, LightState(effect="comet", colour=(1, 2, 3), brightness=20)),
        (LIGHT, {"color": RED}, LightState(effect="comet", colour=(255, 0, 0), brightness=100)),
        (LIGHT, {"effect": "rainbow"}, LightState(effect="rainbow", colour=(1, 2, 3), brightness=100)),
        (LIGHT, {"transition": 3.0, "color_mode": "rgb"}, LIGHT),
        (LIGHT, {"flash": 2.0}, LIGHT),
        (LIGHT, {"state": False}, LightState(on=False, effect="comet", colour=(1, 2, 3), brightness=100)),
        (LIGHT, {"brightness": 0}, LightState(on=False, effect="comet", colour=(1, 2, 3), brightness=100)),
        (LightState(on=False, effect="fire", brightness=9), {}, LightState(effect="fire", brightness=9)),
        # a rainbow has its own colours
        (RAINBOW, {"color": RED}, LightState(effect="solid", colour=(255, 0, 0))),
        (RAINBOW, {"color": RED, "effect": "rainbow"}, LightState(effect="rainbow", colour=(255, 0, 0))),
        (RAINBOW, {"color": RED, "effect": "breathe"}, LightState(effect="breathe", colour=(255, 0, 0))),
        (RAINBOW, {"brightness": 3}, LightState(effect="rainbow", brightness=3)),
    ],
)
def test_a_command_changes_what_it_names(before: LightState, command: dict[str, Any], after: LightState) -> None:
    assert merged(before, {"state": True, **command}) == after


def test_an_effect_is_drawn_in_the_chosen_colour_where_it_uses_one() -> None:
    assert LIGHT.shown_colour == (1, 2, 3)
    assert LightState(effect="comet").shown_colour == EFFECTS["comet"].colour
    assert LightState(effect="rainbow", colour=(1, 2, 3)).shown_colour == EFFECTS["rainbow"].colour


def test_an_effect_of_another_version_cannot_be_wished_for() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown effect 'lava'"):
        msgspec.convert({"effect": "lava"}, LightState)


def test_a_flash_alone_leaves_a_light_on_or_off() -> None:
    off = LightState(on=False, effect="fire")
    assert merged(off, {"flash": 2.0}) == off
    assert merged(LIGHT, {"flash": 2.0}) == LIGHT
