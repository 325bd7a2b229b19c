"""Effects that tell why the car does not move: brighter than all others, and each with a movement of its own."""

from __future__ import annotations

import math

from bridges.led.effects.base import Effect, Kind, around, away, levels_at, places, step, swing
from bridges.led.effects.colours import Colour, dimmed

# -- emergency stop: all red -------------------------------------------------------------------------------------------

STOP_RED: Colour = (255, 0, 0)
EMERGENCY_S = 2.0
EMERGENCY = around(lambda share: 0.62 + 0.38 * swing(share))


def emergency_stop(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The whole ring in full red; it pulses slightly and is never dark."""
    return dimmed(STOP_RED, (EMERGENCY[step(t, EMERGENCY_S)],)) * count


# -- obstacle: knocks twice --------------------------------------------------------------------------------------------

AMBER: Colour = (255, 130, 0)
OBSTACLE_S = 1.5
KNOCKS_AT = (0.1, 0.4)
"""Shares of a period."""
KNOCK = 0.13
"""Rise and decay time of a flash, as share of a period."""


def _knocks(share: float) -> float:
    nearest = min(abs(share - knock) for knock in KNOCKS_AT)
    return 0.2 + 0.8 * (swing(nearest / KNOCK / 2) if nearest < KNOCK else 0.0)


OBSTACLE = around(_knocks)


def obstacle(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The whole ring flashes twice in amber, then pauses."""
    return dimmed(AMBER, (OBSTACLE[step(t, OBSTACLE_S)],)) * count


# -- link lost: searches -----------------------------------------------------------------------------------------------

SEARCH_YELLOW: Colour = (255, 205, 20)
LINK_LOST_S = 2.4
REACH = 0.4
"""How far it swings to either side of the first pixel, in turns."""
BEAM = around(lambda share: 0.1 + 0.9 * max(0.0, 1 - away(share) / 0.16))


def link_lost(t: float, count: int, _colour: Colour) -> list[Colour]:
    """A yellow light swings from one side of the ring to the other and back."""
    head = step(REACH * math.sin(2 * math.pi * t / LINK_LOST_S), 1.0)
    return dimmed(SEARCH_YELLOW, levels_at(BEAM, head, places(count)))


SAFETY = (
    Effect(
        name="emergency_stop",
        description="All red, heaving: the emergency stop is on.",
        kind=Kind.SAFETY,
        draw=emergency_stop,
        fps=20,
        period_s=EMERGENCY_S,
    ),
    Effect(
        name="obstacle",
        description="Knocks twice in amber: something is in the way.",
        kind=Kind.SAFETY,
        draw=obstacle,
        fps=40,
        period_s=OBSTACLE_S,
    ),
    Effect(
        name="link_lost",
        description="A yellow light swings to and fro: no word from the motors.",
        kind=Kind.SAFETY,
        draw=link_lost,
        fps=60,
        period_s=LINK_LOST_S,
    ),
)
