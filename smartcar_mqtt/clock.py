"""Clocks and timers that are passed in: the system clock for daemons, a manual clock for tests, and a scheduler."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

LONGEST_SLEEP_S = 1.0
"""A signal that arrives between the last check of the stop flag and the sleep is noticed after this time at most."""


CHANCE = random.SystemRandom()
"""For delays that shall differ between processes: drawn from the system, so that no seed of anybody's matters."""


class Clock(Protocol):
    """The interface of a clock: monotonic time and wall time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes backwards."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC), for people and for time stamps."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds since the machine was started, those included for which it was suspended.

        Source: clock_gettime(2), CLOCK_BOOTTIME: what lies in a buffer grows older while the machine sleeps.
        """
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()


class ManualClock:
    """A clock that only `advance` moves, so that a test of a 5 s rule takes no 5 s."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start

    def monotonic(self) -> float:
        """Seconds that `advance` has added so far, from the start value on."""
        return self._now

    def wall(self) -> float:
        """The same moment, as if the clock had been started on 2026-01-01."""
        return 1_767_225_600.0 + self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self._now += seconds


class Backoff:
    """Exponential back-off with jitter: each pause is twice as long as the one before, plus or minus a random part.

    Args:
        first_s: the first pause.
        longest_s: where it stops to grow.
        spread: by which share a pause may be shorter or longer.
    """

    def __init__(self, first_s: float, longest_s: float, *, spread: float = 0.2) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._spread = spread
        self._next_s = first_s

    def next_s(self) -> float:
        """The pause before the next attempt, in seconds."""
        pause = self._next_s
        self._next_s = min(2 * pause, self._longest_s)
        return pause * CHANCE.uniform(1 - self._spread, 1 + self._spread)

    def reset(self) -> None:
        """An attempt has succeeded: begin with the first pause again."""
        self._next_s = self._first_s


class Timer:
    """A call that is due once; `cancel` makes it do nothing."""

    __slots__ = ("cancelled", "function", "when")

    def __init__(self, when: float, function: Callable[[], None]) -> None:
        self.when = when
        self.function = function
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel the call; does nothing when it has happened already."""
        self.cancelled = True


class Scheduler:
    """Calls functions when their time has come, all on the one thread that is in `run` (or calls `run_due`).

    Any thread may add timers. A daemon's main thread lives in `run`: it sleeps until the next timer is due (at most
    LONGEST_SLEEP_S), not in a polling loop. Functions must be short: a slow one delays all others.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._changed = threading.Condition()  # re-entrant: a signal handler may call `stop` at any point of `run`
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopping = False

    def call_at(self, when: float, function: Callable[[], None]) -> Timer:
        """Call `function` at `when` (seconds of the monotonic clock)."""
        timer = Timer(when, function)
        with self._changed:
            heapq.heappush(self._heap, (when, next(self._order), timer))
            if self._heap[0][2] is timer:
                self._changed.notify_all()
        return timer

    def call_later(self, seconds: float, function: Callable[[], None]) -> Timer:
        """Call `function` in `seconds`."""
        return self.call_at(self.clock.monotonic() + seconds, function)

    def run_due(self) -> float | None:
        """Call everything that is due; return when the next timer is due (monotonic seconds), None without one."""
        while True:
            with self._changed:
                while self._heap and self._heap[0][2].cancelled:
                    heapq.heappop(self._heap)
                if not self._heap:
                    return None
                when, _, timer = self._heap[0]
                if when > self.clock.monotonic():
                    return when
                heapq.heappop(self._heap)
            timer.function()

    def run(self) -> None:
        """Call timers as they become due until `stop` is called."""
        while not self._stopping:
            next_due = self.run_due()
            with self._changed:
                if self._stopping:
                    return
                if self._heap and (next_due is None or self._heap[0][0] < next_due):
                    continue  # a timer arrived between the two locks
                left = LONGEST_SLEEP_S if next_due is None else max(0.0, next_due - self.clock.monotonic())
                self._changed.wait(min(left, LONGEST_SLEEP_S))

    def stop(self) -> None:
        """End `run`; may be called from any thread and from a signal handler."""
        self._stopping = True
        with self._changed:
            self._changed.notify_all()
