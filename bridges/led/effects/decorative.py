"""Effects that people choose for their looks."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

from bridges.led.effects.base import TURN, Effect, Kind, around, chase, levels_at, places, step, swing
from bridges.led.effects.colours import HUE_STEPS, HUES, Colour, blend, dimmed, ramp, scale

WARM_WHITE: Colour = (255, 180, 107)
SKY: Colour = (0, 140, 255)


def solid(_t: float, count: int, colour: Colour) -> list[Colour]:
    """One colour."""
    return [colour] * count


# -- rainbow -----------------------------------------------------------------------------------------------------------

RAINBOW_S = 6.0


@lru_cache(maxsize=8)
def _hue_places(count: int) -> tuple[int, ...]:
    return tuple(pixel * HUE_STEPS // count for pixel in range(count))


def rainbow(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The colour wheel laid around the ring, turning."""
    head = int(t / RAINBOW_S % 1 * HUE_STEPS) % HUE_STEPS
    return [HUES[place - head] for place in _hue_places(count)]


# -- comet -------------------------------------------------------------------------------------------------------------

COMET_S = 1.6
TAIL = 0.65
"""How much of the ring the tail is long."""


@lru_cache(maxsize=8)
def _comet_levels(count: int) -> tuple[int, ...]:
    """Levels by distance ahead of the head: it grows over the width of a pixel, so that it glides from one to the next.

    On a ring of very few pixels that is still no more than what the tail leaves free.
    """
    lead = min(1 / count, 1 - TAIL)

    def shape(ahead: float) -> float:
        if ahead < lead:
            return 1 - ahead / lead
        behind = 1 - ahead
        return max(0.0, 1 - behind / TAIL) ** 2

    return around(shape)


def comet(t: float, count: int, colour: Colour) -> list[Colour]:
    """A head with a tail that fades behind it."""
    return dimmed(colour, levels_at(_comet_levels(count), step(t, COMET_S), places(count)))


# -- theatre chase -----------------------------------------------------------------------------------------------------

THEATRE_STEPS_PER_S = 5


def theatre_chase(t: float, count: int, colour: Colour) -> list[Colour]:
    """Every third pixel lit, moving on: the lamps around a theatre's sign."""
    return chase(count, 3, int(t * THEATRE_STEPS_PER_S), colour)


# -- fire --------------------------------------------------------------------------------------------------------------

FLICKERS_PER_S = 6
"""New heat for each pixel so often, which is at most half as many flickers: below the 3 a second that may do harm."""
FLICKERS = 24
FIRE_S = FLICKERS / FLICKERS_PER_S
FLAMES = ramp([(0, (56, 6, 0)), (70, (150, 22, 0)), (150, (255, 84, 0)), (215, (255, 150, 24)), (255, (255, 214, 110))])


@lru_cache(maxsize=4)
def _heat(count: int) -> tuple[tuple[int, ...], ...]:
    """The heat of each pixel, 0 to 255, at each flicker: neighbours burn together, and gusts go over the whole fire."""
    rows = []
    for flicker in range(FLICKERS):
        random = hashlib.shake_128(bytes([flicker])).digest(count + 1)
        gust = math.sin(2 * math.pi * flicker / FLICKERS * 3) * 22
        row = []
        for pixel in range(count):
            near = random[pixel - 1] + 3 * random[pixel] + random[(pixel + 1) % count]
            row.append(min(255, max(0, round(near / 5 * 1.25 - 24 + gust))))
        rows.append(tuple(row))
    return tuple(rows)


def fire(t: float, count: int, _colour: Colour) -> list[Colour]:
    """Flames."""
    heat = _heat(count)
    flicker, share = divmod(t * FLICKERS_PER_S, 1)
    before = heat[int(flicker) % FLICKERS]
    after = heat[(int(flicker) + 1) % FLICKERS]
    later = int((1 - swing(share / 2)) * 256)
    return [FLAMES[low + ((high - low) * later >> 8)] for low, high in zip(before, after, strict=True)]


# -- police ------------------------------------------------------------------------------------------------------------

POLICE_S = 0.9
EDGE = 0.06
"""The lights come and go within this share of a period."""
POLICE_RED: Colour = (255, 0, 0)
POLICE_BLUE: Colour = (0, 30, 255)


def _police_level(share: float) -> float:
    """On for the first half of a period, off for the second."""
    return min(1.0, max(0.0, share / EDGE)) if share < 0.5 else max(0.0, 1 - (share - 0.5) / EDGE)


POLICE = around(_police_level)


def police(t: float, count: int, _colour: Colour) -> list[Colour]:
    """Two halves that alternate, red and blue, below the rate that may trigger seizures."""
    head = step(t, POLICE_S)
    red = scale(POLICE_RED, POLICE[head] / 255)
    blue = scale(POLICE_BLUE, POLICE[head - TURN // 2] / 255)
    if count == 1:
        return blend([POLICE_BLUE], [POLICE_RED], POLICE[head] / 255)
    return [red] * (count // 2) + [blue] * (count - count // 2)


# -- breathe -----------------------------------------------------------------------------------------------------------

BREATHE_S = 4.0
BREATHE = around(lambda share: 0.08 + 0.92 * (1 - swing(share)) ** 1.4)


def breathe(t: float, count: int, colour: Colour) -> list[Colour]:
    """One colour that swells and fades."""
    return dimmed(colour, (BREATHE[step(t, BREATHE_S)],)) * count


DECORATIVE = (
    Effect(
        name="solid",
        description="One colour, still.",
        kind=Kind.PEOPLE,
        draw=solid,
        fps=0,
        colour=WARM_WHITE,
        colourful=True,
    ),
    Effect(
        name="rainbow",
        description="The colour wheel, turning.",
        kind=Kind.PEOPLE,
        draw=rainbow,
        fps=60,
        period_s=RAINBOW_S,
    ),
    Effect(
        name="comet",
        description="A head with a fading tail goes round.",
        kind=Kind.PEOPLE,
        draw=comet,
        fps=60,
        period_s=COMET_S,
        colour=SKY,
        colourful=True,
    ),
    Effect(
        name="theatre_chase",
        description="Every third pixel, moving on.",
        kind=Kind.PEOPLE,
        draw=theatre_chase,
        fps=30,
        period_s=16 / THEATRE_STEPS_PER_S,
        colour=WARM_WHITE,
        colourful=True,
    ),
    Effect(name="fire", description="Flames.", kind=Kind.PEOPLE, draw=fire, fps=30, period_s=FIRE_S),
    Effect(
        name="police",
        description="Red and blue take turns.",
        kind=Kind.PEOPLE,
        draw=police,
        fps=60,
        period_s=POLICE_S,
    ),
    Effect(
        name="breathe",
        description="One colour that swells and fades.",
        kind=Kind.PEOPLE,
        draw=breathe,
        fps=30,
        period_s=BREATHE_S,
        colour=SKY,
        colourful=True,
    ),
)
