"""Colours of pixels and operations on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each, as a screen would show them: twice the number looks twice as bright."""

BLACK: Colour = (0, 0, 0)
GAMMA = 2.2
"""Exponent between what is seen and the light that a pixel gives."""
HUE_STEPS = 1536
"""Steps around the colour wheel: six edges of the colour cube, 256 each."""


def driven(red: float, green: float, blue: float) -> Colour:
    """The colour of an LED that is driven at these levels, 0 to 255 each.

    An LED gives light in proportion to its level, the eye sees something else: level 30 is an eighth of the light and
    looks a third as bright. Gamma correction at the output turns the colour back into these levels.
    """
    return seen(red), seen(green), seen(blue)


def seen(level: float) -> int:
    """How bright a level looks, both 0 to 255."""
    return round(255 * math.pow(level / 255, 1 / GAMMA))


def scale(colour: Colour, share: float) -> Colour:
    """A colour with this share of its brightness, 0 to 1."""
    red, green, blue = colour
    return round(red * share), round(green * share), round(blue * share)


def dimmed(colour: Colour, levels: Iterable[int]) -> list[Colour]:
    """One colour in many brightnesses, 0 to 255 each."""
    red, green, blue = colour
    return [(red * level // 255, green * level // 255, blue * level // 255) for level in levels]


def blend(first: Sequence[Colour], second: Sequence[Colour], share: float) -> list[Colour]:
    """Pixel by pixel between two pictures of the same size: the first at share 0, the second at 1.

    Raises:
        ValueError: the pictures differ in size.
    """
    later = min(256, max(0, round(share * 256)))
    sooner = 256 - later
    return [
        (
            (red * sooner + other_red * later) >> 8,
            (green * sooner + other_green * later) >> 8,
            (blue * sooner + other_blue * later) >> 8,
        )
        for (red, green, blue), (other_red, other_green, other_blue) in zip(first, second, strict=True)
    ]


def ramp(stops: Sequence[tuple[int, Colour]]) -> tuple[Colour, ...]:
    """A table of 256 colours through the given ones; the first stop is at 0, the last at 255."""
    table = []
    for (start, first), (end, second) in pairwise(stops):
        table += [blend([first], [second], (place - start) / (end - start))[0] for place in range(start, end)]
    return (*table, stops[-1][1])


def _wheel() -> tuple[Colour, ...]:
    corners = ((255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255, 0, 0))
    steps = HUE_STEPS // 6
    return tuple(
        blend([first], [second], step / steps)[0] for first, second in pairwise(corners) for step in range(steps)
    )


HUES = _wheel()
"""The colour wheel, from red over yellow, green, cyan, blue and magenta back to red."""
