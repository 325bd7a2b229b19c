"""The two sides of an ESP32 serial port: when a byte has left, and what has arrived and waits to be read.

Pure logic; times are seconds of the caller's clock. Sizes are those of the Arduino core: the transmitter of the chip
holds 128 bytes, and a program that writes more waits until the rest fits; the driver keeps 256 received bytes that the
program has not read, and what arrives beyond them is lost.
"""

from __future__ import annotations

from collections import deque

TRANSMIT_BYTES = 128
RECEIVE_BYTES = 256
BITS_PER_BYTE = 10  # 8N1: a start bit and a stop bit go with each byte


class Transmitter:
    """Sends bytes one after the other at the line's pace, while the program goes on."""

    def __init__(self, baud: int) -> None:
        self._seconds_per_byte = BITS_PER_BYTE / baud
        self._empty_at = float("-inf")

    def write(self, now: float, count: int) -> tuple[float, float]:
        """Write that many bytes; return for how long the writer waits, and when the last of them has left."""
        self._empty_at = max(self._empty_at, now) + count * self._seconds_per_byte
        wait_s = self._empty_at - now - TRANSMIT_BYTES * self._seconds_per_byte
        return max(0.0, wait_s), self._empty_at


class Receiver:
    """Takes bytes in at the line's pace, however many are sent at once."""

    def __init__(self, baud: int) -> None:
        self._seconds_per_byte = BITS_PER_BYTE / baud
        self._coming: deque[tuple[float, int]] = deque()
        self._busy_until = float("-inf")
        self._waiting = bytearray()
        self.lost_bytes = 0
        """How many bytes have found the buffer full."""

    def send(self, now: float, data: bytes) -> None:
        """The other side writes these bytes now; they arrive one by one, after those that are still on their way."""
        at = max(now, self._busy_until)
        for byte in data:
            at += self._seconds_per_byte
            self._coming.append((at, byte))
        self._busy_until = at

    def busy_s(self, now: float) -> float:
        """For how long bytes will still be on their way."""
        return max(0.0, self._busy_until - now)

    def read(self, now: float) -> bytes:
        """What has arrived by now, up to and including the first end of a line; empty if nothing has."""
        while self._coming and self._coming[0][0] <= now:
            byte = self._coming.popleft()[1]
            if len(self._waiting) < RECEIVE_BYTES:
                self._waiting.append(byte)
            else:
                self.lost_bytes += 1
        if not self._waiting:
            return b""
        ends = [self._waiting.find(end) for end in b"\r\n"]
        count = min((end for end in ends if end >= 0), default=len(self._waiting) - 1) + 1
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        return data

    def clear(self) -> None:
        """Forget everything, what is on its way too: the board has no power, or starts anew."""
        self._coming.clear()
        self._waiting.clear()
        self._busy_until = float("-inf")
