"""When to try again to reach the broker: soon where that costs nothing, late where it would only do harm."""

from __future__ import annotations

import enum
import ipaddress

from smartcar_mqtt.clock import CHANCE

FIRST_RETRY_S = 0.5
LONGEST_LOCAL_RETRY_S = 5.0
"""Longest wait on a local network."""
LONGEST_RETRY_S = 30.0
"""Longest wait for a broker elsewhere."""
KNOCK_S = 1.0
"""Wait for a broker of the local network whose address does not answer: an attempt is one packet, and its answer to the
first one that reaches it is the connection."""
SHORT_LIFE_S = 5.0
"""A connection that was lost sooner than this was not worth much: the next attempt waits longer."""
SUSPICIOUS_LIVES = 3
"""So many of them, one after the other and ended by the broker, hint at a second process with the same client id."""
FIRST_YIELD_S = 30.0
LONGEST_YIELD_S = 300.0
"""First and longest wait of who was thrown out by another process with the same id: each return throws that one out."""
LOCAL_ENDINGS = (".local", ".lan", ".home", ".internal", ".home.arpa", ".fritz.box", ".localdomain")


class Loss(enum.Enum):
    """How an attempt or a connection ended."""

    UNREACHABLE = enum.auto()
    """The address did not answer, or its name is unknown."""
    REFUSED = enum.auto()
    """It answered, but did not let us in."""
    LOST = enum.auto()
    """The connection stood, and the link went."""
    ENDED = enum.auto()
    """The connection stood, and the broker ended it without a reason that we know."""
    TAKEN_OVER = enum.auto()
    """Another process has connected with the same client id."""


class Retries:
    """The wait before the next attempt. Used by the network thread alone.

    Args:
        host: as configured; whether it is near is guessed from the name until the first answer.
    """

    def __init__(self, host: str) -> None:
        self.local = is_local(host)
        """Whether the broker stands on the local network."""
        self.short_lives = 0
        """Connections in a row that lasted only moments."""
        self._failures = 0
        self._yields = 0

    @property
    def suspicious(self) -> bool:
        """Whether so many connections were ended by the broker that another process probably uses the id."""
        return self.short_lives >= SUSPICIOUS_LIVES

    def connected_to(self, address: str) -> None:
        """The address that has answered, as the socket knows it."""
        self.local = is_local(address)

    def accepted(self) -> None:
        """The broker has let us in."""
        self._failures = 0

    def ended(self, loss: Loss, lasted_s: float = 0.0) -> float:
        """Seconds to wait after an end; `lasted_s` is how long the connection stood.

        A random factor keeps ten bridges from knocking in step.
        """
        longest = LONGEST_LOCAL_RETRY_S if self.local else LONGEST_RETRY_S
        if loss is Loss.UNREACHABLE:
            self.short_lives = 0  # who is thrown out by another one finds the broker there
            if self.local:
                self._failures += 1
                return CHANCE.uniform(0.6, 1.0) * min(self._doubled(self._failures), KNOCK_S)
        if loss is Loss.TAKEN_OVER or (loss is Loss.ENDED and self._is_suspicious_after(lasted_s)):
            return self.yielding(lasted_s)
        if loss in {Loss.LOST, Loss.ENDED}:
            if loss is Loss.LOST:
                self.short_lives = self.short_lives + 1 if lasted_s < SHORT_LIFE_S else 0
            return CHANCE.uniform(0.6, 1.0) * min(self._doubled(self.short_lives), longest)
        self._failures += 1
        return CHANCE.uniform(0.6, 1.0) * min(self._doubled(self._failures), longest)

    def yielding(self, lasted_s: float) -> float:
        """Seconds to wait for who was thrown out: longer each time, until a connection has outlived that wait."""
        if lasted_s > 2 * LONGEST_YIELD_S:
            self._yields = 0
        self._yields += 1
        return CHANCE.uniform(1.0, 1.4) * min(FIRST_YIELD_S * 2.0 ** min(self._yields - 1, 10), LONGEST_YIELD_S)

    def _is_suspicious_after(self, lasted_s: float) -> bool:
        """Count a connection that the broker has ended. While the other one waits, a life is as long as that wait."""
        limit = SHORT_LIFE_S if not self._yields else 2 * LONGEST_YIELD_S
        self.short_lives = self.short_lives + 1 if lasted_s < limit else 0
        return self.suspicious

    @staticmethod
    def _doubled(times: int) -> float:
        return float(FIRST_RETRY_S * 2 ** min(max(0, times - 1), 10))


def is_local(host: str) -> bool:
    """Whether a name or address is that of this machine or of its own network, as far as that can be told."""
    if host.startswith("/"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith(LOCAL_ENDINGS)
    return address.is_private or address.is_loopback or address.is_link_local
