"""The light that people have set: what a command of Home Assistant's light changes of it.

Pure: the light as it was and the command go in, the new light comes out.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bridges.led.effects.colours import Colour
from bridges.led.effects.registry import EFFECTS
from smartcar_mqtt.commands import Refused
from smartcar_mqtt.entities.readings import is_number

Level = Annotated[int, Meta(ge=0, le=255)]

FLASH_S = {"short": 2.0, "long": 10.0}
"""How long a light flashes; Home Assistant sends these seconds for its two words."""
LONGEST_FLASH_S = 60.0


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
    Brightness 0 switches off and is not remembered: the light comes back as bright as it was.

    Args:
        light: the light before.
        wanted: the command, as the light entity has checked it.
    """
    on, effect, colour, brightness = wanted["state"], light.effect, light.colour, light.brightness
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


def flash_seconds(value: Any) -> float:
    """How long a command asks the light to flash: seconds, or "short" or "long"."""
    if isinstance(value, str) and value in FLASH_S:
        return FLASH_S[value]
    if not is_number(value) or not 0 < value <= LONGEST_FLASH_S:
        raise Refused(
            f"flash {str(value)[:32]!r} is neither short nor long nor seconds (above 0 to {LONGEST_FLASH_S:g})"
        )
    return float(value)
