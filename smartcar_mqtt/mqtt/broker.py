"""The connection to the MQTT broker: one for each bridge, always coming back, never losing a subscription.

Who may touch what: `publish` may be called from any thread. The three callbacks (`on_connected`, `on_lost`,
`on_message`) are called on paho's network thread and must be quick; while one of them runs, no other command is read.
"""

from __future__ import annotations

import collections
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from smartcar_mqtt.clock import CHANCE
from smartcar_mqtt.config import Mqtt
from smartcar_mqtt.config.file import ConfigError

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
SHORT_LIFE_S = 5.0
"""A connection that was lost sooner than this was not worth much: the next attempt waits longer."""
SUSPICIOUS_LIVES = 3
"""So many of them, one after the other, hint at a second process with the same client id."""
SHORTEST_GOODBYE_S = 0.2
STREAM_WINDOW = 64
"""Most stream messages that may wait to be written; further ones are dropped, as only the newest are of use."""
SESSION_TAKEN_OVER = 142
"""MQTT 5 reason code: another client has connected with the same client id."""


class Message(msgspec.Struct, frozen=True):
    """A received message."""

    topic: str
    payload: bytes
    retained: bool
    expires_in: float | None = None
    """Seconds for which it is still of use (MQTT 5 message expiry); None: no limit."""
    response_topic: str | None = None
    correlation: bytes | None = None


class Broker:
    """A connection that is kept up until `stop`.

    Args:
        settings: section `mqtt`.
        client_id: stable for each bridge, so that the broker ends a connection that a crash left half open.
        will: topic and payload that the broker publishes, retained, when this client is lost.
    """

    def __init__(self, settings: Mqtt, client_id: str, *, will: tuple[str, bytes] | None = None) -> None:
        self.settings = settings
        self.client_id = client_id
        self.on_connected: Callable[[], None] = lambda: None
        self.on_lost: Callable[[str], None] = lambda _reason: None
        self.on_message: Callable[[Message], None] = lambda _message: None
        self.on_failed: Callable[[str], None] = lambda _reason: None
        """Called when connecting has failed; it is tried again all the same."""
        self.connected = False
        self.busy_since: float | None = None
        """Monotonic second since when a callback has been running; None: none runs. For the watchdog."""
        self.dropped = 0
        """Stream messages that were not sent because the link could not keep up."""
        self._v5 = settings.protocol == "5"
        self._socket: Any = None
        self._quick_ack = False
        self._last_failure = ""
        self._answered = False
        self._stopping = False
        self._gone = threading.Event()
        self._connected_at = 0.0
        self._short_lives = 0
        self._streamed: collections.deque[paho.MQTTMessageInfo] = collections.deque(maxlen=STREAM_WINDOW)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311,
            transport="unix" if settings.host.startswith("/") else "tcp",
            clean_session=None if self._v5 else True,
        )
        self._client.on_connect = self._connect
        self._client.on_connect_fail = self._connect_failed
        self._client.on_disconnect = self._disconnect
        self._client.on_message = self._message
        self._client.on_publish = self._published
        self._client.on_socket_open = self._socket_opened
        self._client.on_subscribe = self._subscribed
        self._client.on_unsubscribe = self._unsubscribed
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password or None)
        if settings.tls.enabled:
            self._use_tls()
        if will:
            self._client.will_set(will[0], will[1], qos=1, retain=True)

    def _use_tls(self) -> None:
        tls = self.settings.tls
        try:
            self._client.tls_set(tls.ca_file or None, tls.cert_file or None, tls.key_file or None)
        except (OSError, ValueError) as error:
            names = ", ".join(filter(None, (tls.ca_file, tls.cert_file, tls.key_file)))
            raise ConfigError(f"mqtt.tls: {names}: cannot be used: {error}") from None

    @property
    def address(self) -> str:
        """Where the broker is, for messages."""
        return (
            self.settings.host if self.settings.host.startswith("/") else f"{self.settings.host}:{self.settings.port}"
        )

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, on a thread of its own; returns at once."""
        self._spread_retries()
        clean: dict[str, Any] = {"clean_start": True} if self._v5 else {}
        self._client.connect_async(self.settings.host, self.settings.port, keepalive=self.settings.keepalive, **clean)
        self._client.loop_start()

    def stop(self, *last_words: tuple[str, bytes], timeout: float = 2.0) -> None:
        """Publish retained last words, wait until they are sent (at most `timeout` seconds), and say goodbye."""
        deadline = time.monotonic() + timeout
        if self.connected:
            sent = [self._client.publish(topic, payload, qos=1, retain=True) for topic, payload in last_words]
            for info in sent:
                if info.rc == paho.MQTT_ERR_SUCCESS:
                    info.wait_for_publish(max(0.0, deadline - time.monotonic()))
        was_connected = self.connected
        self.on_lost = lambda _reason: None  # an end in order is no loss
        self._stopping = True
        self._client.disconnect()
        if was_connected:
            if not self._gone.wait(max(SHORTEST_GOODBYE_S, deadline - time.monotonic())):
                self._socket.shutdown(socket.SHUT_RDWR)  # the link takes no more data: paho would wait for it
            self._client.loop_stop()

    def _spread_retries(self) -> None:
        """Exponential back-off; the factor keeps ten bridges from knocking in step.

        After connections that lasted only moments it goes on where it was: where two processes use one client id, each
        would else throw the other out twice a second (Mosquitto before 2.0.15 does not tell them why).
        """
        factor = CHANCE.uniform(0.6, 1.4)
        first = min(FIRST_RETRY_S * 2 ** max(0, self._short_lives - 1), LONGEST_RETRY_S)
        self._client.reconnect_delay_set(first * factor, LONGEST_RETRY_S * factor)  # type: ignore[arg-type]

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
    ) -> None:
        """Send a message if there is a connection; without one it is dropped.

        Nothing is queued for later: after a reconnect the bridge publishes its whole state anyway, and an old event
        or result would only confuse.
        """
        if not self.connected:
            return
        properties = None
        if self._v5 and (correlation is not None or response_topic or expires_in):
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if correlation is not None:
                properties.CorrelationData = correlation
            if response_topic:
                properties.ResponseTopic = response_topic
            if expires_in:
                properties.MessageExpiryInterval = expires_in
        self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)

    def stream(self, topic: str, payload: bytes) -> None:
        """Send one of many small messages at QoS 0; dropped when too many of them still wait to be written."""
        if not self.connected:
            return
        if len(self._streamed) == STREAM_WINDOW and not self._streamed[0].is_published():
            self.dropped += 1
            return
        info = self._client.publish(topic, payload)
        if info.rc == paho.MQTT_ERR_SUCCESS:
            self._streamed.append(info)

    def subscribe(self, *filters: str, as_published: bool = True) -> None:
        """Subscribe at QoS 1.

        Args:
            filters: topics, with wildcards.
            as_published: with MQTT 5, a message that was sent as retained shows as such also when it has just been
                sent, so that retained commands show; else only one that the broker had kept does.
        """
        if self._v5:
            options = SubscribeOptions(qos=1, retainAsPublished=as_published)
            self._client.subscribe([(name, options) for name in filters])
        else:
            self._client.subscribe([(name, 1) for name in filters])

    def unsubscribe(self, *filters: str) -> None:
        """Take subscriptions back."""
        self._client.unsubscribe(list(filters))

    # -- paho's callbacks, all on its network thread -------------------------------------------------------------

    def _socket_opened(self, client: paho.Client, userdata: object, opened: Any) -> None:
        self._socket = opened
        self._answered = False
        self._quick_ack = opened.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_QUICKACK")
        if self._quick_ack:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _connect(
        self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        self._answered = True
        if self._stopping:
            self._client.disconnect()  # `stop` came while paho was connecting, which forgot about it
            return
        if reason.is_failure:
            self._report(f"the broker at {self.address} refuses the connection: {reason}")
            return
        log.info("connected to the broker at %s", self.address)
        self._last_failure = ""
        self._streamed.clear()
        self._gone.clear()
        self._connected_at = time.monotonic()
        self.connected = True
        self._guarded(self.on_connected)

    def _connect_failed(self, client: paho.Client, userdata: object) -> None:
        error = sys.exc_info()[1]  # paho calls this from its except clause
        if self._stopping:
            self._client.disconnect()  # as in `_connect`
            return
        self._report(f"the broker at {self.address} cannot be reached: {error}")

    def _disconnect(
        self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if not self.connected:
            if not self._answered and not self._stopping:
                # Such as a TLS listener that misses our certificate, or one that hears no TLS from us.
                self._report(f"the broker at {self.address} closes the connection without an answer: {reason}")
            return
        self.connected = False
        self._gone.set()
        lasted = time.monotonic() - self._connected_at
        self._short_lives = self._short_lives + 1 if lasted < SHORT_LIFE_S else 0
        self._spread_retries()
        if reason.value == SESSION_TAKEN_OVER:
            log.error("another process has taken over this bridge's connection; waiting %g s", LONGEST_RETRY_S)
            self._client.reconnect_delay_set(int(LONGEST_RETRY_S), int(LONGEST_RETRY_S))
        elif reason.is_failure:
            log.warning("lost the broker at %s: %s", self.address, reason)
            if self._short_lives == SUSPICIOUS_LIVES:
                log.error("connections last only moments; does another process run with the id %r?", self.client_id)
        self._guarded(self.on_lost, str(reason))

    def _subscribed(
        self, client: paho.Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: object
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                log.error("the broker at %s refuses a subscription: %s; check its access list", self.address, reason)
        self._acknowledge_now()

    def _unsubscribed(
        self, client: paho.Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: object
    ) -> None:
        self._acknowledge_now()

    def _message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
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
        self._acknowledge_now()

    def _acknowledge_now(self) -> None:
        """Have the kernel acknowledge what the broker has sent, now.

        It falls back to delayed acknowledgements by itself; with those and Nagle's algorithm in the broker, the next
        small command would wait for up to 40 ms behind whatever the broker has sent last, be it the confirmation of a
        message of ours.
        """
        if self._quick_ack:
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            except OSError:
                self._quick_ack = False  # the connection has just gone; the next one starts anew

    def _guarded(self, callback: Callable[..., None], *arguments: object) -> None:
        """Run a callback, so that the watchdog sees one that hangs, and a bug in it does not end the network thread."""
        self.busy_since = time.monotonic()
        try:
            callback(*arguments)
        except Exception:
            log.exception("error while handling what the broker sent")
        finally:
            self.busy_since = None

    def _report(self, failure: str) -> None:
        """Log a failure once, not at each attempt."""
        if failure != self._last_failure:
            self._last_failure = failure
            log.warning("%s; trying again", failure)
        self.on_failed(failure)
