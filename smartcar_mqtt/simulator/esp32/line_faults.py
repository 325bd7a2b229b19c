"""What becomes of the firmware's lines on their way to the Pi: late, cut, lost, or drowned in noise. Pure logic."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

SYNTHETIC_BATCH_S = 0.002  # synthetic lines due within this time go out together
SYNTHETIC_LINE = b"DATA:S1:100,S2:100,S3:100,MQ2:%d,SERVO:90,LMOTOR:0,RMOTOR:0,OBSTACLE:0,WARNING:0\r\n"
LINE_END = b"\r\n"


class Cut(NamedTuple):
    """How the next line is cut: how many bytes of it stay, and whether its end of line stays."""

    at: int
    keep_end: bool


class Wire:
    """The line from the board to the Pi, with its faults; times are those of the twin's clock, seconds."""

    def __init__(self) -> None:
        self.silent = False
        self.delay_s = 0.0
        self._cuts: deque[Cut] = deque()
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._synthetic_hz = 0.0
        self._synthetic_since = 0.0
        self._synthetic_count = 0

    @property
    def synthetic_hz(self) -> float:
        """Rate of the synthetic DATA lines, 0 when there are none."""
        return self._synthetic_hz

    @property
    def synthetic_count(self) -> int:
        """How many synthetic lines were sent at the present or last rate."""
        return self._synthetic_count

    @property
    def next_due(self) -> float:
        """When `take` will have something to hand out, infinite if nothing is under way."""
        due = self._under_way[0][0] if self._under_way else float("inf")
        if self._synthetic_hz > 0 and not self.silent:
            next_line = self._synthetic_since + (self._synthetic_count + 1) / self._synthetic_hz
            due = min(due, next_line + SYNTHETIC_BATCH_S)
        return due

    def cut_next_line(self, at: int, *, keep_end: bool) -> None:
        """Let only the first `at` bytes of the next line pass, with or without its CR LF; calls add up."""
        if at < 0:
            raise ValueError("a line cannot be cut before its start")
        self._cuts.append(Cut(at, keep_end))

    def set_rate(self, hz: float, now: float) -> None:
        """Send synthetic DATA lines at this rate in place of the firmware's own; 0 ends that.

        The n-th of them, counted from 0, carries n modulo 4096 as its gas value, so that a gap can be seen.
        """
        if hz < 0:
            raise ValueError("a rate is not negative")
        self._synthetic_hz = hz
        if hz > 0:
            self._synthetic_since = now
            self._synthetic_count = 0

    def put(self, now: float, sent: bytes) -> None:
        """The firmware has sent these whole lines."""
        for line in sent.splitlines(keepends=True):
            if self.silent or (self._synthetic_hz > 0 and line.startswith(b"DATA:")):
                continue
            self._under_way.append((now + self.delay_s, self._cut(line)))

    def take(self, now: float) -> bytes:
        """What reaches the Pi by now and has not been taken before."""
        arrived = bytearray()
        while self._under_way and self._under_way[0][0] <= now:
            arrived += self._under_way.popleft()[1]
        if self._synthetic_hz > 0 and not self.silent:
            due = int((now - self._synthetic_since) * self._synthetic_hz)
            arrived += b"".join(SYNTHETIC_LINE % (n % 4096) for n in range(self._synthetic_count, due))
            self._synthetic_count = max(self._synthetic_count, due)
        return bytes(arrived)

    def drop_all(self) -> None:
        """Lose what is under way: the cable is out."""
        self._under_way.clear()

    def _cut(self, line: bytes) -> bytes:
        if not self._cuts:
            return line
        cut = self._cuts.popleft()
        text = line.removesuffix(LINE_END)
        return text[: cut.at] + (LINE_END if cut.keep_end else b"")
