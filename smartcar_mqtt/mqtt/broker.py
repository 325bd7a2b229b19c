"""What a bridge says to the broker and hears from it: publications, subscriptions, and their acknowledgements.

Who may touch what: `publish` and `stream` may be called from any thread. The callbacks are called on the network
thread and must be quick: while one of them runs, no other command is read. `problems.changed` may be called on any
thread, with locks of paho held: it must not publish, nor wait for a lock that is held while publishing.
"""

from __future__ import annotations

import collections
import datetime
import logging
import time
from collections.abc import Callable

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from smartcar_mqtt.config import Mqtt
from smartcar_mqtt.mqtt import reasons
from smartcar_mqtt.mqtt.connection import Connection
from smartcar_mqtt.mqtt.instance import PROPERTY, Instance
from smartcar_mqtt.mqtt.limits import LARGE_BYTES, Suspects, packet_bytes
from smartcar_mqtt.mqtt.problems import Outstanding, Problems, Sent
from smartcar_mqtt.mqtt.retries import Loss

STREAM_WINDOW = 64
"""Most stream messages that may wait to be written; further ones are dropped, as only the newest are of use."""
JUST_S = 0.25
"""What was sent so shortly before the end of a connection may be its cause."""
RIVAL_GONE_S = 600.0
"""After so long on one connection there is no other process with the same id any more."""
MOST_ASKED = 100
"""Topics of QoS 0 for which the broker is asked once whether it takes them."""


class Message(msgspec.Struct, frozen=True):
    """A received message."""

    topic: str
    payload: bytes
    retained: bool
    expires_in: float | None = None
    """Seconds for which it is still of use (MQTT 5 message expiry); None: no limit."""
    response_topic: str | None = None
    correlation: bytes | None = None


class Broker(Connection):
    """A connection with what goes over it.

    Args:
        settings: section `mqtt`.
        client_id: stable for each bridge, so that the broker ends a connection that a crash left half open.
        will: topic and payload that the broker publishes, retained, when this client is lost.
        problems: where to note what is wrong; None: of its own.
    """

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        *,
        will: tuple[str, bytes] | None = None,
        problems: Problems | None = None,
    ) -> None:
        super().__init__(settings, client_id, will=will, problems=problems)
        self.on_message: Callable[[Message], None] = lambda _message: None
        self.on_acknowledged: Callable[[str], None] = lambda _topic: None
        """Called with the topic of a message that has been taken; like `problems.changed`, with locks of paho held."""
        self.dropped = 0
        """Stream messages that were not sent because the link could not keep up."""
        self._streamed: collections.deque[paho.MQTTMessageInfo] = collections.deque(maxlen=STREAM_WINDOW)
        self._publications = Outstanding()
        self._subscriptions = Outstanding()
        self._suspects = Suspects()
        self._last_large: Sent | None = None
        self._large_at = 0.0
        self._asked: set[str] = set()
        self._availability_kept = False
        self._client.on_message = self._message
        self._client.on_publish = self._published
        self._client.on_subscribe = self._subscribed
        self._client.on_unsubscribe = self._unsubscribed

    @property
    def waiting(self) -> int:
        """How many messages the broker has not acknowledged yet, or, with QoS 0, the socket has not taken."""
        return len(self._publications)

    # -- sending -------------------------------------------------------------------------------------------------

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        correlation: bytes | None = None,
        response_topic: str | None = None,
        expires_in: int | None = None,
        answer: bool = False,
    ) -> bool:
        """Send a message if there is a connection; without one it is dropped.

        Nothing is queued for later: after a reconnect the bridge publishes its whole state anyway, and an old event
        or result would only confuse. With MQTT 5 the first message of a topic is sent at QoS 1 at least, so that the
        broker says whether it takes it.

        Args:
            topic: where to.
            payload: the message.
            qos: quality of service; less where the broker has less.
            retain: whether the broker keeps it.
            correlation: property of MQTT 5, left out with 3.1.1.
            response_topic: likewise.
            expires_in: likewise, in seconds.
            answer: the topic was named by the one who asked, and a refusal is no fault of this bridge.

        Returns:
            Whether it is under way, so that `on_acknowledged` will be called for it, unless the connection is lost.
        """
        if not self.connected:
            return False
        properties = None
        if self._v5 and (correlation is not None or response_topic or expires_in):
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if correlation is not None:
                properties.CorrelationData = correlation
            if response_topic:
                properties.ResponseTopic = response_topic
            if expires_in:
                properties.MessageExpiryInterval = expires_in
        elif self._v5 and self._will is not None and topic == self._will[0]:
            properties = self._signed(PacketTypes.PUBLISH)
        info = self._hand_over(topic, payload, qos, retain=retain, properties=properties, answer=answer)
        return info is not None and info.rc == paho.MQTT_ERR_SUCCESS

    def stream(self, topic: str, payload: bytes) -> None:
        """Send one of many small messages at QoS 0; dropped when too many of them still wait to be written."""
        if not self.connected:
            return
        if len(self._streamed) == STREAM_WINDOW and not self._streamed[0].is_published():
            self.dropped += 1
            return
        info = self._hand_over(topic, payload, 0)
        if info is not None and info.rc == paho.MQTT_ERR_SUCCESS:
            self._streamed.append(info)

    def _hand_over(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        retain: bool = False,
        properties: Properties | None = None,
        answer: bool = False,
        ask: bool = True,
    ) -> paho.MQTTMessageInfo | None:
        """Give a message to paho; None where it is larger than the broker takes.

        With `ask` the first message of a topic is sent at QoS 1, so that the broker says whether it takes it.
        """
        if not self._fits(topic, payload, qos, properties):
            return None
        if ask and qos == 0 and self._v5 and topic not in self._asked and len(self._asked) < MOST_ASKED:
            self._asked.add(topic)
            qos = 1
        qos = min(qos, self.limits.qos)
        info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if info.rc == paho.MQTT_ERR_SUCCESS:
            sent = Sent(topic, len(payload), answer, qos)
            if qos == 0 and len(payload) >= LARGE_BYTES:
                self._last_large, self._large_at = sent, time.monotonic()
            self._judge(self._publications.sent(info.mid, (sent,)))
        return info

    def _fits(self, topic: str, payload: bytes, qos: int, properties: Properties | None) -> bool:
        """Whether the broker takes a message of this size; told where it does not."""
        most = self.limits.packet_bytes
        if most is not None:
            size = packet_bytes(topic, payload, qos, properties, v5=self._v5)
            if size > most:
                self._tell_size(topic, f"a message of {size} bytes is not sent, as the broker takes only {most}")
                return False
        if self._suspects.refuses(topic, len(payload)):
            return False
        if most is not None:
            self.problems.mend(("size", topic))
        return True

    def _tell_size(self, topic: str, what: str) -> None:
        self.problems.tell(("size", topic), f"{topic}: {what} ({self.address}); {reasons.SIZE_MEND}")

    def subscribe(self, *filters: str, as_published: bool = True) -> None:
        """Subscribe at QoS 1.

        Args:
            filters: topics, with wildcards.
            as_published: with MQTT 5, a message that was sent as retained shows as such also when it has just been
                sent, so that retained commands show; else only one that the broker had kept does.
        """
        if self._v5:
            options = SubscribeOptions(qos=1, retainAsPublished=as_published)
            _, number = self._client.subscribe([(name, options) for name in filters])
        else:
            _, number = self._client.subscribe([(name, 1) for name in filters])
        if number is not None:
            self._judge_subscriptions(self._subscriptions.sent(number, map(Sent, filters)))

    def unsubscribe(self, *filters: str) -> None:
        """Take subscriptions back."""
        self._client.unsubscribe(list(filters))

    # -- who else serves this bridge -----------------------------------------------------------------------------

    def _begin(self) -> None:
        self._streamed.clear()
        self._asked.clear()
        if self._v5 and self._will is not None:
            self.subscribe(self._will[0], as_published=False)
        super()._begin()

    def _availability_heard(self, message: paho.MQTTMessage) -> None:
        """Find out whether another process has served this bridge since the last connection of this one."""
        properties = {} if message.properties is None else vars(message.properties)
        told = dict(properties.get("UserProperty", ())).get(PROPERTY, "")
        found = Instance.parse(told)
        if not message.retain or found is None or found == self.instance or not self._availability_kept:
            return
        if not (self._same_broker or found.is_newer_than(self.instance)):
            return  # a broker that crashed remembers what was long ago
        self._rival = found
        since = datetime.datetime.fromtimestamp(found.started, tz=datetime.UTC).astimezone()
        self.problems.tell(
            "rival",
            f"{found.words} (started {since:%d %b %H:%M:%S}) runs with the id {self.client_id!r} as well as this "
            f"one, {self.instance.words}: they throw each other out; end one of them",
            level=logging.ERROR,
        )

    def _explain_loss(self, loss: Loss, reason: ReasonCode | None) -> Loss:
        """The connection is gone: perhaps because of the size of what was under way."""
        under_way = [sent for sent in self._publications.clear() if sent.qos]
        self._subscriptions.clear()
        now = time.monotonic()
        if self._last_large is not None and now - self._large_at < JUST_S:
            under_way.append(self._last_large)
        self._last_large = None
        too_large = reason is not None and reason.value == reasons.PACKET_TOO_LARGE
        if not under_way or not (too_large or loss is Loss.ENDED):
            return loss
        # The largest, not the first: the end of a connection may swallow acknowledgements that the broker has sent.
        suspect = max(under_way, key=lambda sent: sent.size)
        needed = 1 if too_large else 2 if suspect.qos else 3
        if self._suspects.lost_with(suspect.name, suspect.size, now, needed=needed):
            what = f"the broker ends the connection at a message of {suspect.size} bytes, which is not sent any more"
            self._tell_size(suspect.name, what)
        return Loss.LOST if too_large or suspect.size >= LARGE_BYTES else loss

    # -- paho's callbacks, all on the network thread -------------------------------------------------------------

    def _message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        if self._will is not None and message.topic == self._will[0]:
            self._availability_heard(message)
            return
        # Looked up as a plain dictionary: asking the object for what it does not have costs an exception each time, and
        # this is the way of every drive command.
        properties = {} if message.properties is None else vars(message.properties)
        received = Message(
            message.topic,
            bytes(message.payload),
            message.retain,
            properties.get("MessageExpiryInterval"),
            properties.get("ResponseTopic"),
            properties.get("CorrelationData"),
        )
        self._guarded(self.on_message, received)
        self._acknowledge_now()

    def _published(
        self, client: paho.Client, userdata: object, mid: int, reason: ReasonCode, properties: object
    ) -> None:
        answers = self._publications.answered(mid, (reason,))
        self._judge(answers)
        if not answers or answers[0][0].qos:  # nothing has come from the broker for one of QoS 0
            self._acknowledge_now()

    def _judge(self, answers: list[tuple[Sent, object]]) -> None:
        """The broker's word on publications."""
        for sent, reason in answers:
            assert isinstance(reason, ReasonCode)  # noqa: S101 - told to the type checker
            self.on_acknowledged(sent.name)
            if sent.qos == 0:
                continue
            if not reason.is_failure:
                self._suspects.passed(sent.name, sent.size)
                self.problems.mend(("publish", sent.name), ("size", sent.name))
                self._availability_kept |= self._will is not None and sent.name == self._will[0]
                if self.problems.sentences and time.monotonic() - self._connected_at > RIVAL_GONE_S:
                    self._rival = None
                    self.problems.mend("rival")
                continue
            if reason.value == reasons.PACKET_TOO_LARGE:
                self._tell_size(sent.name, f"a message of {sent.size} bytes is larger than the broker takes")
                continue
            cause = "answers" if sent.answer else ("publish", sent.name)
            kind = "an answer" if sent.answer else "what is published"
            words = reasons.refusal_words(reason)
            self.problems.tell(cause, f"the broker at {self.address} refuses {kind} on {sent.name}: {words}")

    def _subscribed(
        self, client: paho.Client, userdata: object, mid: int, found: list[ReasonCode], properties: object
    ) -> None:
        self._judge_subscriptions(self._subscriptions.answered(mid, found))
        self._acknowledge_now()

    def _judge_subscriptions(self, answers: list[tuple[Sent, object]]) -> None:
        for sent, reason in answers:
            assert isinstance(reason, ReasonCode)  # noqa: S101 - told to the type checker
            if reason.is_failure:
                words = reasons.refusal_words(reason)
                sentence = f"the broker at {self.address} refuses the subscription to {sent.name}: {words}"
                self.problems.tell(("subscribe", sent.name), sentence, level=logging.ERROR)
            else:
                self.problems.mend(("subscribe", sent.name))

    def _unsubscribed(
        self, client: paho.Client, userdata: object, mid: int, found: list[ReasonCode], properties: object
    ) -> None:
        self._acknowledge_now()
