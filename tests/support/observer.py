"""A client beside the one under test: sees every message of the broker in its order, and sends what a test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

TIMEOUT_S = 10.0


class Seen(NamedTuple):
    """A message that has arrived."""

    topic: str
    payload: bytes
    retained: bool
    correlation: bytes | None

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.payload)


def anything(_message: Seen) -> bool:
    return True


class Observer:
    """Connected and subscribed to everything when it has been made; use it in a `with` statement."""

    def __init__(self, port: int, *, client_id: str = "observer") -> None:
        self._messages: list[Seen] = []
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._received
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.wait_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_ready(self) -> None:
        """Wait until it is subscribed (again)."""
        assert self._ready.wait(TIMEOUT_S), "the observer could not subscribe"

    def await_reconnect(self) -> None:
        """The broker is about to restart: the next `wait_ready` shall wait for a new subscription."""
        self._ready.clear()

    def mark(self) -> int:
        """The number of messages until now, for `since`."""
        with self._changed:
            return len(self._messages)

    def seen(self, topic: str = "", *, since: int = 0) -> list[Seen]:
        """What has arrived from mark `since` on, of one topic or of all."""
        with self._changed:
            return [message for message in self._messages[since:] if topic in {"", message.topic}]

    def wait(
        self,
        topic: str,
        matches: Callable[[Seen], bool] = anything,
        *,
        since: int = 0,
        timeout: float = TIMEOUT_S,
    ) -> Seen:
        """The first message of the topic from mark `since` on that matches; fails after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for message in self._messages[since:]:
                    if message.topic == topic and matches(message):
                        return message
                left = deadline - time.monotonic()
                if left <= 0:
                    shown = "\n".join(f"{m.topic} {m.payload[:200]!r}" for m in self._messages[since:][-20:])
                    raise AssertionError(f"nothing that matches on {topic} within {timeout:g} s; seen:\n{shown}")
                self._changed.wait(left)

    def send(self, topic: str, payload: str | bytes, *, retain: bool = False, **properties: Any) -> None:
        """Publish at QoS 1 and wait until the broker has it; MQTT 5 properties by their names in paho."""
        carried = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in properties.items():
            setattr(carried, name, value)
        self._client.publish(topic, payload, qos=1, retain=retain, properties=carried).wait_for_publish(TIMEOUT_S)

    def flush(self) -> None:
        """Wait until everything that the broker had before this call has arrived here."""
        mark = self.mark()
        self.send("observer/flush", b"x")
        self.wait("observer/flush", since=mark)

    def _connected(self, client: paho.Client, *_: object) -> None:
        client.subscribe("#", options=SubscribeOptions(qos=1, retainAsPublished=True))

    def _received(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        with self._changed:
            self._messages.append(Seen(message.topic, bytes(message.payload), message.retain, correlation))
            self._changed.notify_all()
