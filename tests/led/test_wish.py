"""What a command changes of people's light, and what it leaves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridges.led.effects import EFFECTS
from bridges.led.wish import Wish, flash_seconds, merged
from smartcar_mqtt.commands import Refused

WISH = Wish(effect="comet", colour=(1, 2, 3), brightness=100)
RAINBOW = Wish(effect="rainbow")
RED = {"r": 255, "g": 0, "b": 0}


@pytest.mark.parametrize(
    ("before", "command", "after"),
    [
        (WISH, {}, WISH),
        (WISH, {"brightness": 20}, Wish(effect="comet", colour=(1, 2, 3), brightness=20)),
        (WISH, {"brightness": 19.6}, Wish(effect="comet", colour=(1, 2, 3), brightness=20)),
        (WISH, {"color": RED}, Wish(effect="comet", colour=(255, 0, 0), brightness=100)),
        (WISH, {"effect": "rainbow"}, Wish(effect="rainbow", colour=(1, 2, 3), brightness=100)),
        (WISH, {"transition": 3.0, "color_mode": "rgb"}, WISH),
        (WISH, {"state": False}, Wish(on=False, effect="comet", colour=(1, 2, 3), brightness=100)),
        (WISH, {"brightness": 0}, Wish(on=False, effect="comet", colour=(1, 2, 3), brightness=100)),
        (Wish(on=False, effect="fire", brightness=9), {}, Wish(effect="fire", brightness=9)),
        # a rainbow has its own colours
        (RAINBOW, {"color": RED}, Wish(effect="solid", colour=(255, 0, 0))),
        (RAINBOW, {"color": RED, "effect": "rainbow"}, Wish(effect="rainbow", colour=(255, 0, 0))),
        (RAINBOW, {"color": RED, "effect": "breathe"}, Wish(effect="breathe", colour=(255, 0, 0))),
        (RAINBOW, {"brightness": 3}, Wish(effect="rainbow", brightness=3)),
    ],
)
def test_a_command_changes_what_it_names(before: Wish, command: dict[str, Any], after: Wish) -> None:
    assert merged(before, {"state": True, **command}) == after


def test_an_effect_is_drawn_in_the_chosen_colour_where_it_uses_one() -> None:
    assert WISH.shown_colour == (1, 2, 3)
    assert Wish(effect="comet").shown_colour == EFFECTS["comet"].colour
    assert Wish(effect="rainbow", colour=(1, 2, 3)).shown_colour == EFFECTS["rainbow"].colour


def test_an_effect_of_another_version_cannot_be_wished_for() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown effect 'lava'"):
        msgspec.convert({"effect": "lava"}, Wish)


@pytest.mark.parametrize(("value", "seconds"), [("short", 2), ("long", 10), (2, 2), (0.5, 0.5), (60, 60)])
def test_how_long_it_flashes(value: object, seconds: float) -> None:
    assert flash_seconds(value) == seconds


@pytest.mark.parametrize("value", ["quick", "", 0, -1, 61, True, [], {}, float("nan")])
def test_other_flashes_are_refused(value: object) -> None:
    with pytest.raises(Refused, match="neither short nor long"):
        flash_seconds(value)
