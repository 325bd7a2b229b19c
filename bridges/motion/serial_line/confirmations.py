"""Commands on the serial line that the ESP32 has not confirmed yet. Pure: times are passed in."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field

from smartcar_mqtt.commands import Request

Waiter = tuple[Request, str]
"""Somebody who waits for an answer, and what that shall say besides."""
TIMEOUT_S = 1.0
"""The slowest loop of the firmware takes 0.16 s; what is not confirmed after this was not heard."""
STOP_TIMEOUT_S = 0.3
"""A STOP that was not heard is written again so soon."""
MOST_PENDING = 100


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """One command that was written."""

    word: str
    """Its first word, as the ESP32 repeats it."""
    waiters: list[Waiter] = field(default_factory=list)
    """Who waits for the answer; empty = the bridge itself."""
    expires_at: float = 0.0
    number: int = 0
    """Lines are numbered in the order in which they were written."""
    since: float = 0.0
    """When it was written, or, for a STOP that was repeated, when it was written first."""


class Confirmations:
    """What was written, in order; the ESP32 answers in the same order."""

    def __init__(self) -> None:
        self.number = 0
        """How many commands have been written."""
        self._pending: collections.deque[Pending] = collections.deque()
        self._passed = 0
        """The last line that was confirmed: an earlier one will not be any more."""

    def expect(
        self,
        now: float,
        word: str,
        waiters: list[Waiter] | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        since: float | None = None,
    ) -> Pending:
        """A command was written."""
        self.number += 1
        pending = Pending(word, waiters or [], now + timeout_s, self.number, now if since is None else since)
        self._pending.append(pending)
        return pending

    def surplus(self) -> Pending | None:
        """The oldest one where too many wait, no longer pending; None where there are not too many."""
        return self._pending.popleft() if len(self._pending) > MOST_PENDING else None

    def confirmed(self, word: str) -> Pending | None:
        """The oldest command of this word that can still be confirmed, no longer pending; None: nobody has sent it."""
        found = [pending for pending in self._pending if pending.word == word]
        for pending in [*(each for each in found if each.number > self._passed), *found]:
            self._pending.remove(pending)
            self._passed = max(self._passed, pending.number)
            return pending
        return None

    def newest(self, *words: str) -> Pending | None:
        """The newest command of these words that can still be confirmed."""
        return next(
            (each for each in reversed(self._pending) if each.word in words and each.number > self._passed), None
        )

    def awaits(self, word: str) -> bool:
        """Whether a command of this word waits to be confirmed."""
        return any(pending.word == word for pending in self._pending)

    def overdue(self, now: float) -> list[Pending]:
        """Those that have waited too long, no longer pending."""
        late = [pending for pending in self._pending if pending.expires_at <= now]
        for pending in late:
            self._pending.remove(pending)
        return late

    def take_all(self) -> list[Pending]:
        """All of them, no longer pending: the line is gone."""
        everything = list(self._pending)
        self._pending.clear()
        return everything

    @property
    def next_due(self) -> float | None:
        """When the first one becomes overdue."""
        return min((pending.expires_at for pending in self._pending), default=None)
