"""What the Pi has sent to the board: a record that tests can wait on."""

from __future__ import annotations

import itertools
import re
import threading
from collections import deque
from typing import NamedTuple

KEPT_LINES = 10_000
KEPT_PART_BYTES = 4096


class ReceivedLine(NamedTuple):
    """A line from the Pi: its number from 0 on, when its end arrived (seconds of the twin's clock), its text."""

    number: int
    time: float
    line: str


class ReceivedLines:
    """The newest 10,000 lines; one thread adds, any thread looks and waits. The condition guards everything."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: deque[ReceivedLine] = deque(maxlen=KEPT_LINES)
        self._count = 0
        self._part = b""

    @property
    def count(self) -> int:
        """How many lines have come so far; the number of the next one."""
        return self._count

    def add(self, now: float, received: bytes) -> None:
        """Note these bytes; a line ends with CR, LF or both, and empty ones do not count."""
        with self._changed:
            *lines, self._part = re.split(rb"[\r\n]+", self._part + received)
            self._part = self._part[-KEPT_PART_BYTES:]
            for line in filter(None, lines):
                self._lines.append(ReceivedLine(self._count, now, line.decode("latin-1")))
                self._count += 1
            self._changed.notify_all()

    def since(self, number: int = 0) -> list[ReceivedLine]:
        """The lines from that number on, as far as they are kept."""
        with self._changed:
            first = self._count - len(self._lines)
            return list(itertools.islice(self._lines, max(0, number - first), None))

    def wait_for(self, line: str, timeout: float, *, since: int = 0) -> ReceivedLine:
        """The first line of exactly that text from number `since` on; wait for it if need be.

        Raises:
            TimeoutError: it has not come in `timeout` real seconds; the message tells what came instead.
        """

        def find() -> ReceivedLine | None:
            return next((each for each in self.since(since) if each.line == line), None)

        with self._changed:
            found = self._changed.wait_for(find, timeout)
        if found is None:
            came = [each.line for each in self.since(since)][-20:]
            raise TimeoutError(f"{line!r} has not come within {timeout} s; the last lines were {came}")
        return found
