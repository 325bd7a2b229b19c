"""Counts flashes as the rules for people with photosensitive epilepsy do (WCAG 2, general flash threshold)."""

from __future__ import annotations

from collections.abc import Sequence

from bridges.led.effects.colours import GAMMA, Colour

ENOUGH = 0.1
"""A change of relative luminance that counts."""
WEIGHTS = (0.2126, 0.7152, 0.0722)


def luminance(colour: Colour) -> float:
    """0 (black) to 1 (white)."""
    return sum(weight * (channel / 255) ** GAMMA for weight, channel in zip(WEIGHTS, colour, strict=True))


def flashes(levels: Sequence[float], per_second: int) -> int:
    """The most flashes within any second: rises by ENOUGH, each after a fall by ENOUGH."""
    rises: list[int] = []
    low, high, rising = levels[0], levels[0], False
    for frame, level in enumerate(levels):
        if rising:
            high = max(high, level)
            if level <= high - ENOUGH:
                rising, low = False, level
        else:
            low = min(low, level)
            if level >= low + ENOUGH:
                rising, high = True, level
                rises.append(frame)
    return max((sum(start <= other < start + per_second for other in rises) for start in rises), default=0)
