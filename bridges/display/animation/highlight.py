"""Highlights that go around the pupils, and come to rest where they belong.

Pure: time is passed in.
"""

from __future__ import annotations

import math

RETURN_TAU_S = 0.08
"""Time constant of coming to rest."""
NEAR_DEG = 1.0
"""What is as near as this counts as there."""


class Highlight:
    """An angle in degrees, clockwise."""

    def __init__(self, now: float) -> None:
        self._angle = 0.0
        self._spin = 0.0
        self._at = now

    def spin(self, degrees_per_s: float, now: float) -> None:
        """Go around this fast from now on; 0: come to rest."""
        if degrees_per_s != self._spin:
            self.angle(now)
            self._spin = degrees_per_s

    def angle(self, now: float) -> float:
        """Where the highlights are, from 0 to 360."""
        passed = max(0.0, now - self._at)
        self._at = now
        if self._spin:
            self._angle = (self._angle + self._spin * passed) % 360
        elif self._angle:
            rest = 360.0 if self._angle > 180 else 0.0  # the shorter way
            self._angle = rest + (self._angle - rest) * math.exp(-passed / RETURN_TAU_S)
            if abs(self._angle - rest) < NEAR_DEG:
                self._angle = 0.0
        return self._angle

    @property
    def moves(self) -> bool:
        """Whether it will be somewhere else soon; to be asked after `angle`."""
        return bool(self._spin or self._angle)
