"""What a broker says in its CONNACK that it takes (MQTT 5), and what it turns out not to take."""

from __future__ import annotations

from typing import Any

import msgspec
from paho.mqtt.properties import Properties

MOST_IN_FLIGHT = 20
"""QoS 1 messages that may await their acknowledgement at once, where the broker does not want fewer."""
SOON_S = 60.0
"""Within this time two ends of a connection may have the same cause."""
LARGE_BYTES = 1_000
"""A message from this size on may be why a broker ends a connection without a word."""


class Limits(msgspec.Struct, frozen=True):
    """What a broker takes."""

    packet_bytes: int | None = None
    """Largest packet; None: it does not say."""
    in_flight: int = MOST_IN_FLIGHT
    qos: int = 2
    """Highest quality of service."""

    @classmethod
    def of(cls, properties: Properties | None) -> Limits:
        """Those of a CONNACK; with MQTT 3.1.1 there are none."""
        said: dict[str, Any] = {} if properties is None else vars(properties)
        return cls(
            said.get("MaximumPacketSize"),
            min(MOST_IN_FLIGHT, said.get("ReceiveMaximum", MOST_IN_FLIGHT)),
            said.get("MaximumQoS", 2),
        )


def packet_bytes(topic: str, payload: bytes, qos: int, properties: Properties | None, *, v5: bool) -> int:
    """Size of a PUBLISH packet. Source: MQTT 5, sections 2.1 and 3.3."""
    size = 2 + len(topic.encode()) + (2 if qos else 0) + len(payload)
    if v5:
        size += 1 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
    length_bytes = 1 + (size > 127) + (size > 16_383) + (size > 2_097_151)
    return 1 + length_bytes + size


class Suspects:
    """Messages that a broker probably ends the connection for: MQTT 3.1.1 has no other way to refuse their size.

    A topic whose large message was not acknowledged at the end of two connections, one soon after the other, is not
    sent at that size again until one of that size was acknowledged. Messages of QoS 0 are never acknowledged: of those
    it takes three that were sent just before the end.
    """

    def __init__(self) -> None:
        self._last: str | None = None
        self._times = 0
        self._when = 0.0
        self._refused: dict[str, int] = {}

    def refuses(self, topic: str, size: int) -> bool:
        """Whether a message of this size shall not be sent."""
        return bool(self._refused) and size >= self._refused.get(topic, size + 1)

    def lost_with(self, topic: str, size: int, now: float, *, needed: int) -> bool:
        """The connection ended with this message under way; returns whether it is held back from now on.

        Args:
            topic: that of the message.
            size: bytes of its payload.
            now: monotonic time.
            needed: how many such ends in a row are a proof.
        """
        if size < LARGE_BYTES and needed > 1:
            return False
        soon = topic == self._last and now - self._when < SOON_S
        self._last, self._when, self._times = topic, now, self._times + 1 if soon else 1
        proven = self._times >= needed
        if proven:
            self._refused[topic] = min(size, self._refused.get(topic, size))
        return proven

    def passed(self, topic: str, size: int) -> None:
        """The broker has acknowledged a message of this size."""
        if size >= LARGE_BYTES and self._last == topic:
            self._times = 0
        if self._refused and size >= self._refused.get(topic, size + 1):
            del self._refused[topic]
