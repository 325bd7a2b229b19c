"""How far the mouth is open while the car speaks.

Pure: time is passed in.
"""

from __future__ import annotations

import math

ATTACK_TAU_S, DECAY_TAU_S = 0.03, 0.1
"""Time constants of opening and of closing: speech begins faster than it fades."""
SILENT_S = 0.3
"""Without a new level for this long, nobody speaks any more."""
NEAR = 0.01
"""What is as near as this counts as there."""
GENTLE, GENTLE_HZ, GENTLE_SWAY_HZ = 0.45, 2.6, 0.7
"""Amplitude and speed of the mouth while the face speaks and no loudness is known."""


class Mouth:
    """Follows the loudness of speech."""

    def __init__(self, now: float) -> None:
        self._level = 0.0
        self._heard_at = -math.inf
        self._talks_since: float | None = None
        self._open = 0.0
        self._voice = 0.0
        self._at = now

    def level(self, loudness: float, now: float) -> None:
        """Speech is this loud now, from 0 to 1."""
        self.opening(now)
        self._level = min(1.0, max(0.0, loudness))
        self._heard_at = now

    def talk(self, now: float, *, talks: bool) -> None:
        """Whether the face is one that speaks, so that the mouth moves even before the first level has come."""
        if talks != (self._talks_since is not None):
            self.opening(now)
            self._talks_since = now if talks else None

    def opening(self, now: float) -> float:
        """How far the mouth is open, from 0 (closed) to 1."""
        passed = max(0.0, now - self._at)
        self._at = now
        self._open = approach(self._open, self._wanted(now), passed)
        self._voice = approach(self._voice, float(self._voiced(now)), passed)
        return self._open

    @property
    def voice(self) -> float:
        """Share of the voice in the shape of the mouth, from 0 (the expression's own) to 1; call after `opening`."""
        return self._voice

    def next_change(self, now: float) -> float | None:
        """When to look next, after `opening`: `now` while it moves; None: it stays as it is."""
        if self._is_gentle or self._open != self._wanted(now) or self._voice != self._voiced(now):
            return now
        return self._heard_at + SILENT_S if now - self._heard_at < SILENT_S else None

    @property
    def _is_gentle(self) -> bool:
        """Whether it speaks and nobody has said how loud since it began."""
        return self._talks_since is not None and self._heard_at < self._talks_since - SILENT_S

    def _voiced(self, now: float) -> bool:
        return self._talks_since is not None or now - self._heard_at < SILENT_S

    def _wanted(self, now: float) -> float:
        if self._is_gentle and self._talks_since is not None:
            passed = now - self._talks_since
            beat = math.sin(math.pi * GENTLE_HZ * passed) ** 2
            sway = 0.75 + 0.25 * math.sin(2 * math.pi * GENTLE_SWAY_HZ * passed)
            return GENTLE * beat * sway
        return self._level if now - self._heard_at < SILENT_S else 0.0


def approach(value: float, wanted: float, passed_s: float) -> float:
    """A value some time later that moves exponentially toward another one, and arrives."""
    left = math.exp(-passed_s / (ATTACK_TAU_S if wanted > value else DECAY_TAU_S))
    found = wanted + (value - wanted) * left
    return wanted if abs(found - wanted) < NEAR else found
