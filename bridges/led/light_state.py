"""The light that people have set: what a command of Home Assistant's light changes of it.

Pure: the light as it was and the command go in, the new light comes out.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bridges.led.effects.colours import Colour
from bridges.led.effects.registry import EFFECTS

Level = Annotated[int, Meta(ge=0, le=255)]


class LightState(msgspec.Struct, frozen=True):
    """The light that people have set; kept over restarts."""

    on: bool = True
    effect: str = "idle"
    colour: tuple[Level, Level, Level] | None = None
    """None: each effect's own."""
    brightness: Annotated[int, Meta(ge=1, le=255)] = 255

    def __post_init__(self) -> None:
        """An effect of another version may be unknown."""
        if self.effect not in EFFECTS:
            raise ValueError(f"unknown effect {self.effect!r}")

    @property
    def shown_colour(self) -> Colour:
        """The colour that the effect is drawn in."""
        effect = EFFECTS[self.effect]
        return self.colour if self.colour is not None and effect.colourful else effect.colour


def merged(light: LightState, wanted: dict[str, Any]) -> LightState:
    """The light after a command; what the command does not name stays.

    A colour for an effect that has its own colours (a rainbow) asks for that colour, so the effect becomes `solid`.
    Brightness 0 switches off and is not remembered: the light comes back as bright as it was. A flash changes nothing.

    Args:
        light: the light before.
        wanted: the command, as the light entity has checked it.
    """
    on, effect, colour, brightness = wanted.get("state", light.on), light.effect, light.colour, light.brightness
    if "color" in wanted:
        colour = colour_of(wanted["color"])
        if not EFFECTS[effect].colourful:
            effect = "solid"
    effect = wanted.get("effect", effect)
    if "brightness" in wanted:
        level = round(wanted["brightness"])
        on, brightness = on and level > 0, level or brightness
    return LightState(on, effect, colour, brightness)


def colour_of(fields: dict[str, float]) -> Colour:
    """A command's colour in whole levels."""
    return round(fields["r"]), round(fields["g"]), round(fields["b"])
