"""When the face blinks, and how far its lids are then shut.

Pure: time and chance are passed in.
"""

from __future__ import annotations

import math
import random

BLINK_S = 0.16
"""How long a blink takes, both ways."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 3.5, 6.5
"""How long the eyes stay open between two blinks."""


class Blinking:
    """Blinks at random intervals while it may.

    Args:
        chance: where the intervals come from.
        now: the first blink comes a whole interval later.
    """

    def __init__(self, chance: random.Random, now: float) -> None:
        self._chance = chance
        self._allowed = True
        self._begins = 0.0
        self._plan(now)

    def allow(self, now: float, *, allowed: bool) -> None:
        """Whether there are open eyes to blink with; a blink that has begun is ended in any case."""
        if allowed != self._allowed:
            self._allowed = allowed
            if not self._begins <= now < self._begins + BLINK_S:
                self._plan(now)

    def shut(self, now: float) -> float:
        """How far the lids are shut, from 0 (open) to 1."""
        if now >= self._begins + BLINK_S:
            self._plan(now)  # it is over, or nobody looked in time to see it
        return math.sin(math.pi * (now - self._begins) / BLINK_S) if now > self._begins else 0.0

    def next_change(self, now: float) -> float | None:
        """When to look next: `now` during a blink, else when the next one begins; None: there will be none."""
        return max(now, self._begins) if self._begins < math.inf else None

    def _plan(self, now: float) -> None:
        pause = self._chance.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S)
        self._begins = now + pause if self._allowed else math.inf
