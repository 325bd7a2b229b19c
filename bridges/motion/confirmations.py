"""Commands on the serial line that the ESP32 has not confirmed yet. Pure: times are passed in."""

from __future__ import annotations

import collections
from dataclasses import dataclass

from smartcar_mqtt.commands import Request

TIMEOUT_S = 1.0
"""The slowest loop of the firmware takes 0.16 s; what is not confirmed after this was not heard."""
MOST_PENDING = 100


@dataclass(frozen=True, slots=True)
class Pending:
    """One command that was written."""

    word: str
    """Its first word, as the ESP32 repeats it."""
    request: Request | None
    """Who waits for the answer; None = the bridge itself."""
    note: str
    """What the answer shall say besides."""
    expires_at: float


class Confirmations:
    """What was written, in order; the ESP32 answers in the same order."""

    def __init__(self) -> None:
        self._pending: collections.deque[Pending] = collections.deque()

    def expect(self, now: float, word: str, request: Request | None = None, note: str = "") -> Pending | None:
        """A command was written; returns the oldest one where too many wait, for it will not be answered any more."""
        self._pending.append(Pending(word, request, note, now + TIMEOUT_S))
        return self._pending.popleft() if len(self._pending) > MOST_PENDING else None

    def confirmed(self, word: str) -> Pending | None:
        """The oldest command of this word, no longer pending; None where nobody has sent it."""
        for pending in self._pending:
            if pending.word == word:
                self._pending.remove(pending)
                return pending
        return None

    def awaits(self, word: str) -> bool:
        """Whether a command of this word waits to be confirmed."""
        return any(pending.word == word for pending in self._pending)

    def overdue(self, now: float) -> list[Pending]:
        """Those that have waited too long, no longer pending."""
        late = []
        while self._pending and self._pending[0].expires_at <= now:
            late.append(self._pending.popleft())
        return late

    def take_all(self) -> list[Pending]:
        """All of them, no longer pending: the line is gone."""
        everything = list(self._pending)
        self._pending.clear()
        return everything

    @property
    def next_due(self) -> float | None:
        """When the oldest becomes overdue."""
        return self._pending[0].expires_at if self._pending else None
