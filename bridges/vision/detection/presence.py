"""Presence of classes: on with the first detection, off some time after the last. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

PERSON = "person"
"""The class that has its own binary sensor and picture in any case."""


class Presence:
    """Remembers when each of some classes was last seen.

    Args:
        labels: the classes; what else is seen does not count.
        off_delay_s: how long a class counts as present after it was last seen.
    """

    def __init__(self, labels: Iterable[str], off_delay_s: float) -> None:
        self.labels = tuple(labels)
        self._off_delay_s = off_delay_s
        self._last_seen: dict[str, float] = {}

    def update(self, seen: Iterable[str], now: float) -> dict[str, bool]:
        """Whether each class is present, given the labels detected at this moment (monotonic seconds)."""
        self._last_seen.update(dict.fromkeys(set(seen) & set(self.labels), now))
        return {
            label: label in self._last_seen and now - self._last_seen[label] <= self._off_delay_s
            for label in self.labels
        }

    def forget(self) -> None:
        """Detection has stopped: presence is unknown."""
        self._last_seen.clear()


def occupancy_key(label: str) -> str:
    """The binary sensor of a class: its name in letters, digits and underscores."""
    return PERSON if label == PERSON else f"sees_{re.sub(r'[^a-z0-9]+', '_', label.lower()).strip('_')}"
