"""Complaints for the log, each cause once: what others send wrongly, they send with every message."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable

REPEAT_S = 600.0
"""After so long the same cause is told again, if it still is one."""
MOST_CAUSES = 50
"""So many causes are told apart; who sends something else each time is not listened to any longer."""


class Complaints:
    """Remembers what was told when. May be used from any thread.

    Args:
        log: where to.
        monotonic: the clock.
    """

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._told: dict[Hashable, float] = {}

    def warn(self, cause: Hashable, message: str, *arguments: object) -> None:
        """Log a warning, unless the same cause was told not long ago."""
        now = self._monotonic()
        with self._lock:
            self._told = {known: when for known, when in self._told.items() if now - when < REPEAT_S}
            if cause in self._told or len(self._told) >= MOST_CAUSES:
                return
            self._told[cause] = now
        self._log.warning(message, *arguments)
