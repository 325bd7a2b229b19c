"""How old a message from the broker can be: a bound that needs no clock of the sender.

A bridge publishes an echo to itself about twice a second. The broker sends one client's messages in their order, so
whatever arrives after an echo has left the broker after the broker received that echo: it is not older than the echo's
sending. The bound holds for everything that holds messages back between broker and handler: the network, the kernel's
buffers, a frozen, starved or suspended process. Pure: times are passed in, in seconds of a clock that also counts while
the machine is suspended.
"""

from __future__ import annotations

import secrets
import threading

INTERVAL_S = 0.5
"""From one echo to the next."""
LONGEST_ROUND_TRIP_S = 1.0
"""An echo that is on its way for longer shows that the link holds messages back."""
LONGEST_PAUSE_S = 1.0
"""A network thread that has done nothing for longer was frozen or starved: echoes alone give it work more often."""


class LinkClock:
    """Judges whether a message that arrives now may have been held back. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outstanding: dict[bytes, float] = {}
        self._proven_at: float | None = None
        """When the newest echo that came back was sent; None: there is no connection."""
        self._worked_at = 0.0
        """When the network thread last handled something."""
        self._distrusted_since: float | None = None
        """Only an echo that was sent after this time proves the link again; None: it is trusted."""
        self._reason = ""

    def connected(self, now: float) -> None:
        """A connection has begun; nothing that was sent before it can arrive on it."""
        with self._lock:
            self._outstanding.clear()
            self._proven_at = self._worked_at = now
            self._distrusted_since = None

    def lost(self) -> None:
        """The connection is gone."""
        with self._lock:
            self._outstanding.clear()
            self._proven_at = None

    def echo(self, now: float) -> bytes:
        """A new echo, to be published now. Its content cannot be guessed, so that nobody else can prove the link."""
        mark = secrets.token_hex(8).encode()
        with self._lock:
            self._outstanding[mark] = now
            while len(self._outstanding) > 1 + 2 * LONGEST_ROUND_TRIP_S / INTERVAL_S:
                del self._outstanding[next(iter(self._outstanding))]  # so late that it would prove nothing
        return mark

    def echo_returned(self, now: float, mark: bytes) -> None:
        """An echo has come back; one that is not ours changes nothing."""
        with self._lock:
            self._work(now)
            sent_at = self._outstanding.pop(mark, None)
            if sent_at is None or self._proven_at is None:
                return
            self._proven_at = max(self._proven_at, sent_at)
            if self._distrusted_since is not None and sent_at > self._distrusted_since:
                self._distrusted_since = None

    def arrived(self, now: float) -> None:
        """The network thread begins to handle a message, of whatever kind."""
        with self._lock:
            self._work(now)

    def _work(self, now: float) -> None:
        pause = now - self._worked_at
        if pause > LONGEST_PAUSE_S:
            self._distrust(now, f"this bridge was not served for {pause:.1f} s")
        self._worked_at = now

    def _distrust(self, now: float, reason: str) -> None:
        self._distrusted_since = now
        self._reason = reason

    def doubt(self, now: float) -> str | None:
        """Why a message that has just arrived may be too old to move the car by; None: it is fresh.

        Once in doubt, everything is, until an echo that was sent afterwards is back.
        """
        with self._lock:
            if self._proven_at is None:
                return "there is no connection to the broker"
            waiting = now - self._proven_at
            if waiting > INTERVAL_S + LONGEST_ROUND_TRIP_S:
                self._distrust(now, f"the broker's messages come up to {waiting:.1f} s late")
            if self._distrusted_since is None:
                return None
            return self._reason
