"""An MQTT client for tests: it keeps what it receives, and waits for what matches, woken by each message."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST = "127.0.0.1"
PATIENCE_S = 4.0
"""Less than the longest lease: what only the end of a lease brings about comes too late."""
ANSWERS = "test/answer"


class Received(NamedTuple):
    """A message as it arrived; `number` counts from 0, `time` is monotonic."""

    number: int
    time: float
    topic: str
    payload: bytes
    retained: bool
    correlation: bytes | None = None

    def json(self) -> Any:
        return json.loads(self.payload)


Match = Callable[[Received], bool]


class MqttClient:
    """Subscribed to everything; comes back by itself when the broker does. Use it in a `with` statement."""

    def __init__(self, port: int, *, protocol: str = "5") -> None:
        self._v5 = protocol == "5"
        self._changed = threading.Condition()
        self._received: list[Received] = []
        self._subscribed = threading.Event()
        self._questions = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311, reconnect_on_failure=True
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(HOST, port, keepalive=60)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S), "no subscription"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    # What has come

    @property
    def count(self) -> int:
        """How many messages have come so far; a mark for `since`."""
        with self._changed:
            return len(self._received)

    def messages(self, topic: str, *, since: int = 0) -> list[Received]:
        """What has come on exactly this topic."""
        with self._changed:
            return [each for each in self._received[since:] if each.topic == topic]

    def newest(self, topic: str) -> Received | None:
        """The newest message of a topic."""
        found = self.messages(topic)
        return found[-1] if found else None

    def wait(self, match: Match, *, since: int = 0, timeout: float = PATIENCE_S, what: str = "message") -> Received:
        """The first message from number `since` on that matches; waits for it."""
        return self.wait_many(match, 1, since=since, timeout=timeout, what=what)[0]

    def wait_many(
        self, match: Match, count: int, *, since: int = 0, timeout: float = PATIENCE_S, what: str = "message"
    ) -> list[Received]:
        """The first `count` messages from number `since` on that match; waits for them."""
        found: list[Received] = []
        position = since
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found += [each for each in self._received[position:] if match(each)]
                position = len(self._received)
                left = deadline - time.monotonic()
                if len(found) >= count or left <= 0:
                    break
                self._changed.wait(left)
            if len(found) < count:
                came = "\n".join(f"{each.topic} {each.payload[:200]!r}" for each in self._received[since:][-15:])
                raise AssertionError(f"{len(found)} of {count} have come within {timeout} s: {what}; the last:\n{came}")
        return found[:count]

    def wait_topic(self, topic: str, *, since: int = 0, timeout: float = PATIENCE_S) -> Received:
        """The first message of exactly this topic."""
        return self.wait(lambda each: each.topic == topic, since=since, timeout=timeout, what=topic)

    # What goes out

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1, and return when the broker has it."""
        self.post(topic, payload, retain=retain).wait_for_publish(PATIENCE_S)

    def post(self, topic: str, payload: str | bytes, *, retain: bool = False) -> paho.MQTTMessageInfo:
        """Publish at QoS 1 without waiting."""
        return self._client.publish(topic, payload, qos=1, retain=retain)

    def ask(self, topic: str, payload: str | bytes, *, retain: bool = False, timeout: float = PATIENCE_S) -> Any:
        """Publish with a response topic (MQTT 5), and return what is answered there: JSON."""
        question = self.ask_later(topic, payload, retain=retain)
        return self.answer(question, timeout=timeout)

    def ask_later(self, topic: str, payload: str | bytes, *, retain: bool = False) -> bytes:
        """Publish with a response topic; returns the mark for `answer`."""
        self._questions += 1
        mark = b"question %d" % self._questions
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = ANSWERS
        properties.CorrelationData = mark
        self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        return mark

    def answer(self, mark: bytes, *, timeout: float = PATIENCE_S) -> Any:
        """The answer to a question."""
        return self.wait(
            lambda each: each.topic == ANSWERS and each.correlation == mark, timeout=timeout, what=f"answer to {mark!r}"
        ).json()

    def answered(self, mark: bytes) -> bool:
        """Whether the answer has come."""
        return any(each.correlation == mark for each in self.messages(ANSWERS))

    # paho's callbacks, on its thread

    def _on_connect(
        self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if self._v5:
            client.subscribe([("#", SubscribeOptions(qos=1, retainAsPublished=False))])
        else:
            client.subscribe([("#", 1)])

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        with self._changed:
            self._received.append(
                Received(
                    len(self._received),
                    time.monotonic(),
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    correlation,
                )
            )
            self._changed.notify_all()
