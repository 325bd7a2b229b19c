"""What an effect is, and what several of them are made of: places around the ring, waves and chases.

An effect is a pure function of the seconds since it began, the number of pixels and a colour: no state
and no random numbers, so that each moment can be drawn and tested. What looks random comes from a hash.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from bridges.led.effects.colours import BLACK, Colour

TURN = 1024
"""Steps around the ring in which places and heads are counted."""
MOST_PIXELS = 300
WHITE: Colour = (255, 255, 255)

Draw = Callable[[float, int, Colour], list[Colour]]
"""(seconds since it began, number of pixels from 1 to MOST_PIXELS, colour) → the colour of each pixel."""


class Kind(enum.StrEnum):
    """Who an effect is for."""

    PEOPLE = "people"
    """To be chosen for its looks."""
    PHASE = "phase"
    """What the assistant and the car's computer are doing."""
    SAFETY = "safety"
    """Why the car does not move."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One effect of the ring."""

    name: str
    description: str
    """What is to be seen and what it means, in a few words."""
    kind: Kind
    draw: Draw
    fps: int
    """Frame rate; 0: a still picture."""
    period_s: float = 0.0
    """After this time it begins again (exactly so where the pattern divides the ring evenly); 0: it never does."""
    settles_after_s: float | None = None
    """From this time on it is still; None: it moves for as long as it is shown."""
    colour: Colour = WHITE
    """The colour that it is drawn in where nobody has chosen one."""
    colourful: bool = False
    """Whether it is drawn in the colour that is asked for; others have colours of their own."""

    def still(self, t: float) -> bool:
        """Whether it no longer changes from `t` on."""
        return self.fps == 0 or (self.settles_after_s is not None and t >= self.settles_after_s)


@lru_cache(maxsize=8)
def places(count: int) -> tuple[int, ...]:
    """Where the pixels stand on the ring, in steps of TURN; the first one stands at 0."""
    return tuple(pixel * TURN // count for pixel in range(count))


@lru_cache(maxsize=8)
def heights(count: int) -> tuple[int, ...]:
    """How high the pixels stand, the first one being the top: 0 (bottom) to TURN - 1."""
    from_top = (min(pixel, count - pixel) for pixel in range(count))  # so that both sides are exactly the same
    return tuple(round((0.5 + 0.5 * math.cos(2 * math.pi * pixel / count)) * (TURN - 1)) for pixel in from_top)


def step(t: float, period_s: float) -> int:
    """Phase of a movement with the period `period_s`: 0 to TURN - 1."""
    return int(t / period_s % 1 * TURN) % TURN


def around(shape: Callable[[float], float]) -> tuple[int, ...]:
    """A table of TURN levels, 0 to 255, of a shape over one turn or one period: share of it → brightness 0 to 1.

    Indexed by `place - head` it is that shape with its origin at the head: a negative index wraps around.
    """
    return tuple(round(255 * shape(place / TURN)) for place in range(TURN))


def swing(share: float) -> float:
    """A smooth wave over one turn or period: 1 at its beginning, 0 in its middle."""
    return 0.5 + 0.5 * math.cos(2 * math.pi * share)


def rise(share: float) -> float:
    """The same, but beginning half-way up, as the sine does."""
    return 0.5 + 0.5 * math.sin(2 * math.pi * share)


def away(share: float) -> float:
    """How far a place is from the origin around the ring, whichever way is shorter: 0 to 0.5 turns."""
    return min(share % 1, 1 - share % 1)


@lru_cache(maxsize=32)
def dots(count: int, every: int) -> tuple[bool, ...]:
    """One pixel in `every`, spread evenly where that number does not divide the ring.

    A ring with fewer pixels than `every` is taken as a part of one that has them, so that there, too, a dot comes by.
    """
    length = max(count, every)
    lit = round(length / every)
    return tuple(pixel * lit % length < lit for pixel in range(length))


def chase(count: int, every: int, steps: int, lit: Colour, other: Colour = BLACK) -> list[Colour]:
    """Dots that have moved on by so many pixels."""
    pattern = dots(count, every)
    start = -steps % len(pattern)
    return [lit if dot else other for dot in (pattern[start:] + pattern[:start])[:count]]


def fill(count: int, share: float) -> list[int]:
    """Levels of a ring that is filled from its first pixel on to this share; the pixel at the edge is in between."""
    edge = share * count
    full = min(count, int(edge))
    levels = [255] * full + [0] * (count - full)
    if full < count:
        levels[full] = int(255 * (edge - full))
    return levels


def levels_at(table: Sequence[int], head: int, where: Sequence[int]) -> list[int]:
    """The levels of a table of `around` at these places, its origin being at the head."""
    return [table[place - head] for place in where]
