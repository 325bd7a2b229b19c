"""A client's connection to the broker: kept up on a thread of its own until it is stopped.

The thread is ours and not paho's, so that it can be ended while it waits, so that how long it waits depends on why the
last attempt failed, and so that nothing is left over from one connection to the next.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from smartcar_mqtt.config import Mqtt
from smartcar_mqtt.mqtt import reasons
from smartcar_mqtt.mqtt.instance import PROPERTY, Instance
from smartcar_mqtt.mqtt.limits import Limits
from smartcar_mqtt.mqtt.problems import Problems
from smartcar_mqtt.mqtt.retries import FIRST_RETRY_S, Loss, Retries
from smartcar_mqtt.mqtt.tls import alert_words, tls_context, tls_words

log = logging.getLogger(__name__)
reasons.accept_every_reason()

LOOP_S = 1.0
"""Longest sleep of the network thread: it looks after the keep-alive in between."""
SHORTEST_GOODBYE_S = 0.2
KEEP_ALIVE_TIMEOUT = 141
DISCARD_UNSENT = struct.pack("ii", 1, 0)
"""SO_LINGER: at the close the kernel throws away what it still holds, and tells the broker at once."""


class Connection:
    """A connection that is kept up until `stop`.

    Args:
        settings: section `mqtt`.
        client_id: stable for each bridge, so that the broker ends a connection that a crash left half open.
        will: topic and payload that the broker publishes, retained, when this client is lost.
        problems: where to note what is wrong with it; None: of its own.
    """

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        *,
        will: tuple[str, bytes] | None = None,
        problems: Problems | None = None,
    ) -> None:
        self.settings = settings
        self.client_id = client_id
        self.problems = problems or Problems()
        self.on_connected: Callable[[], None] = lambda: None
        self.on_lost: Callable[[str], None] = lambda _reason: None
        self.on_failed: Callable[[str], None] = lambda _reason: None
        """Called when connecting has failed; it is tried again all the same."""
        self.connected = False
        self.connections = 0
        """How often the broker has accepted the connection."""
        self.busy_since: float | None = None
        """Monotonic second since when a callback has been running; None: none runs. For the watchdog."""
        self.limits = Limits()
        self._v5 = settings.protocol == "5"
        self._will = will
        self.instance = Instance.own()
        self._rival: Instance | None = None
        self._socket: Any = None
        self._quick_ack = False
        self._last_failure = ""
        self._alert = ""
        self._answered = False
        self._stopping = False
        self._wake = threading.Event()
        self._gone = threading.Event()
        self._thread: threading.Thread | None = None
        self._connected_at = 0.0
        self._retries = Retries(settings.host)
        self._pause = 0.0
        self._unreachable_since_loss = False
        self._same_broker = True
        """Whether the broker answered all the time since the last connection: it has not been restarted."""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311,
            transport="unix" if settings.host.startswith("/") else "tcp",
            clean_session=None if self._v5 else True,
        )
        self._client.on_connect = self._connect
        self._client.on_disconnect = self._disconnect
        self._client.on_socket_open = self._socket_opened
        self._client.on_socket_close = self._socket_closed
        self._client.on_socket_register_write = lambda *_: None  # else a sender would write by itself
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password or None)
        if settings.tls.enabled:
            self._client.tls_set_context(tls_context(settings.tls))
        self._set_will()

    def _set_will(self) -> None:
        if self._will is not None:
            topic, payload = self._will
            properties = self._signed(PacketTypes.WILLMESSAGE) if self._v5 else None
            qos = min(1, self.limits.qos)
            self._client.will_set(topic, payload, qos=qos, retain=True, properties=properties)

    def _signed(self, packet: int) -> Properties:
        """Properties that say which process sends."""
        properties = Properties(packet)  # type: ignore[no-untyped-call]
        properties.UserProperty = [(PROPERTY, str(self.instance))]
        return properties

    @property
    def address(self) -> str:
        """Where the broker is, for messages."""
        host = self.settings.host
        if host.startswith("/"):
            return host
        return f"[{host}]:{self.settings.port}" if ":" in host else f"{host}:{self.settings.port}"

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, on a thread of its own; returns at once."""
        clean: dict[str, Any] = {"clean_start": True} if self._v5 else {}
        self._client.connect_async(self.settings.host, self.settings.port, keepalive=self.settings.keepalive, **clean)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self.client_id}", daemon=True)
        self._thread.start()

    def stop(self, *last_words: tuple[str, bytes], timeout: float = 2.0) -> None:
        """Publish retained last words, wait until they are sent (at most `timeout` seconds), and say goodbye."""
        deadline = time.monotonic() + timeout
        if self.connected:
            for info in [self._last_word(topic, payload) for topic, payload in last_words]:
                if info.rc == paho.MQTT_ERR_SUCCESS:
                    info.wait_for_publish(max(0.0, deadline - time.monotonic()))
        was_connected = self.connected
        self.on_lost = lambda _reason: None  # an end in order is no loss
        self._stopping = True
        self._wake.set()
        self._client.disconnect()
        if was_connected and self._thread is not None:
            if not self._gone.wait(max(SHORTEST_GOODBYE_S, deadline - time.monotonic())):
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # the link takes no more data: paho would wait for it
            if threading.current_thread() is not self._thread:
                self._thread.join()

    def _last_word(self, topic: str, payload: bytes) -> paho.MQTTMessageInfo:
        properties = self._signed(PacketTypes.PUBLISH) if self._v5 and self._will and topic == self._will[0] else None
        return self._client.publish(topic, payload, qos=min(1, self.limits.qos), retain=True, properties=properties)

    def _run(self) -> None:
        """The network thread: one connection after the other; all of paho's callbacks are called here."""
        while not self._stopping:
            self._pause = FIRST_RETRY_S  # where nobody says otherwise
            try:
                self._live()
            except Exception:
                log.exception("error while handling what the broker sent")
            if self.connected:
                self._lost("an error of ours", Loss.LOST)
            self._wake.wait(self._pause)

    def _live(self) -> None:
        """One attempt to connect, and the life of the connection that comes of it."""
        self._client.drop_out_messages()
        if self._client.max_inflight_messages != self.limits.in_flight:
            self._client.disconnect()  # there is no connection; paho wants to hear it
            self._client.max_inflight_messages_set(self.limits.in_flight)
        self._answered = False
        self._alert = ""
        try:
            self._client.reconnect()
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
            self._unreachable(error)
            return
        while self._client.loop(LOOP_S) == paho.MQTT_ERR_SUCCESS:
            pass

    def _unreachable(self, error: BaseException) -> None:
        hung_up = self.settings.tls.enabled and isinstance(error, ConnectionResetError | BrokenPipeError)
        if hung_up or isinstance(error, ssl.SSLError):
            self._pause = self._retries.ended(Loss.REFUSED)
            self._report(tls_words(error, self.address))
        else:
            self._unreachable_since_loss = True
            self._pause = self._retries.ended(Loss.UNREACHABLE)
            self._report(f"the broker at {self.address} cannot be reached: {error}")

    # -- paho's callbacks ----------------------------------------------------------------------------------------

    def _socket_opened(self, client: paho.Client, userdata: object, opened: Any) -> None:
        self._socket = opened
        if self.settings.tls.enabled:
            client.on_log = self._noted_by_paho
        self._quick_ack = opened.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_QUICKACK")
        if self._quick_ack:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):  # the broker may have hung up already
                self._retries.connected_to(opened.getpeername()[0])

    def _socket_closed(self, client: paho.Client, userdata: object, closed: Any) -> None:
        """What was written into a connection that is lost shall not arrive after the next one has begun."""
        if not self._stopping:
            with contextlib.suppress(OSError):
                closed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_UNSENT)

    def _noted_by_paho(self, client: paho.Client, userdata: object, level: int, text: str) -> None:
        self._alert = self._alert or alert_words(text, self.address)

    def _connect(
        self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        client.on_log = None
        self._answered = True
        if self._stopping:
            client.disconnect()  # `stop` came while paho was connecting, which forgot about it
            return
        limits = Limits.of(properties)
        if reason.is_failure:
            if reason.value == reasons.QOS_NOT_SUPPORTED and limits.qos < self.limits.qos:
                self.limits = limits
                self._set_will()
                self._pause = 0.0
                return
            self._pause = self._retries.ended(Loss.REFUSED)
            self._report(f"the broker at {self.address} refuses the connection: {reasons.connect_words(reason)}")
            return
        client.drop_out_messages()  # what was published just when the last connection went
        if limits.in_flight != client.max_inflight_messages:
            self.limits = limits  # paho takes another number only before it connects
            self._pause = 0.0
            client.disconnect()
            return
        self.limits = limits
        log.info("connected to the broker at %s", self.address)
        self._last_failure = ""
        self._retries.accepted()
        self._same_broker = not self._unreachable_since_loss
        self._unreachable_since_loss = False
        self._gone.clear()
        self._connected_at = time.monotonic()
        self.connections += 1
        self.connected = True
        self._guarded(self._begin)

    def _begin(self) -> None:
        """The connection stands."""
        self.on_connected()

    def _disconnect(
        self, client: paho.Client, userdata: object, flags: Any, reason: ReasonCode, properties: object
    ) -> None:
        client.on_log = None
        if not self.connected:
            self._gone.set()
            if not self._answered and not self._stopping:
                self._pause = self._retries.ended(Loss.REFUSED)
                self._report(self._alert or self._silence_words(reason))
            return
        told = bool(getattr(flags, "is_disconnect_packet_from_server", False))
        if reason.value == reasons.TAKEN_OVER:
            loss = Loss.TAKEN_OVER
        elif reason.value == reasons.UNSPECIFIED and not told:
            loss = Loss.ENDED
        else:
            loss = Loss.LOST
        self._lost("the link has ended" if loss is Loss.ENDED else str(reason), loss, reason)

    def _silence_words(self, reason: ReasonCode) -> str:
        if reason.value == KEEP_ALIVE_TIMEOUT:
            return f"the broker at {self.address} takes the connection, but does not answer"
        tls = self.settings.tls
        if not tls.enabled:
            hint = "it may speak TLS only (mqtt.tls.enabled), or be no broker for MQTT"
        elif tls.cert_file:
            hint = "it probably does not trust the authority of our certificate, mqtt.tls.cert_file"
        else:
            hint = "it probably asks for a client certificate (mqtt.tls.cert_file, mqtt.tls.key_file)"
        return f"the broker at {self.address} closes the connection without an answer; {hint}"

    def _lost(self, words: str, loss: Loss, reason: ReasonCode | None = None) -> None:
        """The connection stood and is gone."""
        self.connected = False
        lasted_s = time.monotonic() - self._connected_at
        if self._stopping:
            self._gone.set()
            return
        loss = self._explain_loss(loss, reason)
        if self._rival is not None and loss in {Loss.ENDED, Loss.TAKEN_OVER}:
            loss = Loss.TAKEN_OVER if self._rival.is_newer_than(self.instance) else Loss.LOST
        self._pause = self._retries.ended(loss, lasted_s)
        log.warning("lost the broker at %s: %s", self.address, words)
        if loss is Loss.TAKEN_OVER:
            log.error(
                "another process has taken over this bridge's connection (id %s); waiting %.0f s",
                self.client_id,
                self._pause,
            )
        elif loss is Loss.ENDED and self._retries.short_lives > 1:
            self.problems.tell(
                "rival",
                "the broker ends the connection again and again; probably another process runs with the id "
                f"{self.client_id!r}: end one of the two",
                level=logging.ERROR,
            )
        self._gone.set()
        self._guarded(self.on_lost, words)

    def _explain_loss(self, loss: Loss, reason: ReasonCode | None) -> Loss:
        """Whether something that was sent may be why; for those that know what was sent."""
        return loss

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
