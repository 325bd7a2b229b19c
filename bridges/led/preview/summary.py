"""One picture, one colour and one current for an effect: what a state can hold."""

from __future__ import annotations

from functools import lru_cache

from bridges.led.arbiter import Shown
from bridges.led.effects.colours import BLACK, Colour
from bridges.led.effects.registry import EFFECTS
from bridges.led.strip.output import Output

MOMENTS = 16
"""Number of moments that an effect is sampled at."""
WITHOUT_PERIOD_S = 4.0
"""Time that they are spread over where an effect never repeats itself."""


@lru_cache(maxsize=32)
def moments(name: str, count: int, colour: Colour) -> tuple[tuple[Colour, ...], ...]:
    """Pictures of an effect, spread evenly over the time in which it shows all that it has."""
    effect = EFFECTS[name]
    if effect.fps == 0:
        times = [0.0]
    else:
        length = effect.period_s or effect.settles_after_s or WITHOUT_PERIOD_S
        times = [length * moment / MOMENTS for moment in range(MOMENTS)]
    return tuple(tuple(effect.draw(t, count, colour)) for t in times)


def portrait(shown: Shown, count: int) -> list[Colour]:
    """The effect at its brightest moment."""
    return list(max(moments(shown.effect, count, shown.colour), key=lambda colours: sum(map(sum, colours))))


def main_colour(shown: Shown, count: int) -> Colour:
    """The main colour: the one asked for, else that of the brightest pixel."""
    if EFFECTS[shown.effect].colourful:
        return shown.colour
    return max(portrait(shown, count), key=sum, default=BLACK)


def mean_milliamps(shown: Shown, count: int, output: Output) -> float:
    """What the ring draws, averaged over the effect's moments, in mA."""
    brightness = shown.brightness if shown.on else 0
    pictures = moments(shown.effect, count, shown.colour)
    return sum(output.milliamps(output.encode(colours, brightness)) for colours in pictures) / len(pictures)
