"""How often lines may go out on the serial line. Pure: times are passed in.

The firmware takes about 3 ms for each line, and looks at its sensors only afterwards: at 400 lines a second an obstacle
stops the wheels half a second late, and at 600 its buffer overflows.
"""

from __future__ import annotations

LINES_PER_S = 20
"""No second has more lines than this, STOP apart."""
BURST = 4
"""So many may follow each other at once; the rest is spread over the second."""


class Pace:
    """A bucket of tokens: each line takes one, and they come back one by one."""

    def __init__(self, *, lines_per_s: int = LINES_PER_S, burst: int = BURST) -> None:
        self._burst = float(burst)
        self._per_s = lines_per_s - burst
        self._tokens = self._burst
        self._counted_at = float("-inf")

    def may_write(self, now: float) -> bool:
        """Whether a line may be written now; it is then counted."""
        self._count(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def next_at(self, now: float) -> float:
        """When the next line may be written."""
        self._count(now)
        return now + max(0.0, 1 - self._tokens) / self._per_s

    def _count(self, now: float) -> None:
        passed = max(0.0, now - self._counted_at)
        self._tokens = min(self._burst, self._tokens + passed * self._per_s)
        self._counted_at = now
