"""What is wrong between a client and its broker, each cause told once; and which acknowledgement is whose."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

log = logging.getLogger(__name__)

MOST_CAUSES = 20
"""So many are told one by one. A stranger can cause further ones, such as by naming response topics."""
MOST_REMEMBERED = 200
"""Sentences that are not logged again, even where their cause comes and goes."""


class Problems:
    """The present problems. May be used from any thread.

    Args:
        changed: called after each change, on the thread that caused it, without a lock.
    """

    def __init__(self, changed: Callable[[], object] = lambda: None) -> None:
        self.changed = changed
        self._lock = threading.Lock()
        self._present: dict[Hashable, str] = {}
        self._logged: dict[str, None] = {}

    @property
    def sentences(self) -> list[str]:
        """The present ones, the oldest first."""
        with self._lock:
            return list(self._present.values())

    def tell(self, cause: Hashable, sentence: str, *, level: int = logging.WARNING) -> None:
        """Note a problem, and log its sentence where it was not logged before."""
        with self._lock:
            if cause not in self._present and len(self._present) >= MOST_CAUSES:
                cause, sentence = "more", "the broker refuses further topics, too many to name"
            if self._present.get(cause) == sentence:
                return
            self._present[cause] = sentence
            fresh = sentence not in self._logged
            if fresh and len(self._logged) < MOST_REMEMBERED:
                self._logged[sentence] = None
        if fresh:
            log.log(level, sentence)
        self.changed()

    def mend(self, *causes: Hashable) -> None:
        """These causes are gone."""
        if not self._present:
            return  # the way of every acknowledgement
        with self._lock:
            gone = [self._present.pop(cause) for cause in causes if cause in self._present]
        if gone:
            log.info("no more: %s", "; ".join(gone))
            self.changed()


class Sent(NamedTuple):
    """What a packet was about."""

    name: str
    """Topic or filter."""
    size: int = 0
    """Bytes of its payload."""
    answer: bool = False
    """Whether the topic was named by a stranger, as that of an answer."""
    qos: int = 1
    """With 0 the acknowledgement is that of our own socket."""


class Outstanding:
    """Which topics a packet that awaits its acknowledgement was about.

    paho gives a packet its number and may have the acknowledgement before the sender could note what it was for: so
    whoever comes second, sender or acknowledgement, gets the pair.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[int, tuple[Sent, ...]] = {}
        self._early: dict[int, tuple[object, ...]] = {}

    def __len__(self) -> int:
        """How many packets await their acknowledgement."""
        return len(self._sent)

    def sent(self, number: int, topics: Iterable[Sent]) -> list[tuple[Sent, object]]:
        """A packet has been handed over; returns its topics with the reasons where they are known already."""
        noted = tuple(topics)
        with self._lock:
            reasons = self._early.pop(number, None)
            if reasons is None:
                self._sent[number] = noted
                return []
        return list(zip(noted, reasons, strict=False))

    def answered(self, number: int, reasons: Iterable[object]) -> list[tuple[Sent, object]]:
        """An acknowledgement has come; returns the topics with their reasons where the topics are known already."""
        found = tuple(reasons)
        with self._lock:
            noted = self._sent.pop(number, None)
            if noted is None:
                self._early[number] = found
                return []
        return list(zip(noted, found, strict=False))

    def clear(self) -> list[Sent]:
        """The connection is gone; returns what was never acknowledged, the oldest first."""
        with self._lock:
            left = [topic for topics in self._sent.values() for topic in topics]
            self._sent.clear()
            self._early.clear()
        return left
