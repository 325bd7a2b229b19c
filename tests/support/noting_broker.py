"""A connection to no broker: what a bridge publishes is noted, what arrives comes from the test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from smartcar_mqtt.config import Config
from smartcar_mqtt.mqtt.broker import Broker, Message

TIMEOUT_S = 10.0


class Sent(NamedTuple):
    """A message that a bridge has published."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.payload)


class NotingBroker(Broker):
    """A connection without a network: what is published is noted, what "arrives" is handed over by `receive`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.mqtt, "noting")
        self.sent: list[Sent] = []
        self.changed = threading.Condition()
        self.holds_echoes = False
        """Whether the bridge's own echoes do not come back."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, **properties: Any) -> None:
        if not self.connected:
            return
        with self.changed:
            self.sent.append(Sent(topic, payload, qos, retain))
            self.changed.notify_all()
        if topic.endswith("/echo") and not self.holds_echoes:
            self.on_message(Message(topic, payload, retained=False))

    def subscribe(self, *filters: str, as_published: bool = True) -> None:
        """Nothing to do."""

    def unsubscribe(self, *filters: str) -> None:
        """Nothing to do."""

    def connect(self) -> None:
        """The connection is there."""
        self.connected = True
        self.on_connected()

    def lose(self) -> None:
        """The connection is gone."""
        self.connected = False
        self.on_lost("pulled the plug")

    def receive(self, topic: str, payload: bytes = b"", *, retained: bool = False, **more: Any) -> None:
        """A message has arrived."""
        self.on_message(Message(topic, payload, retained, **more))

    def on(self, topic: str) -> list[Sent]:
        """What has been published on a topic."""
        with self.changed:
            return [message for message in self.sent if message.topic == topic]

    def wait(self, topic: str, matches: Callable[[Sent], bool] = lambda _: True) -> Sent:
        """The first message of a topic that matches."""
        with self.changed:
            found: list[Sent] = []

            def there() -> bool:
                found[:] = [message for message in self.sent if message.topic == topic and matches(message)]
                return bool(found)

            assert self.changed.wait_for(there, TIMEOUT_S), f"nothing on {topic}"
            return found[0]
