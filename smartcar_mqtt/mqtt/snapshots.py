"""Pictures over a connection of their own, one after the other, so that they never stand in front of a command.

Who may touch what: `show` may be called from any thread; the next picture is sent by the network thread when the one
before has left, or by `show` when none is under way. One lock guards what waits. What waits is at most one picture for
each topic, the newest; and as the kernel may hold only little of it, what is sent next is never old.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from smartcar_mqtt.config import Mqtt
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.mqtt.problems import Problems

log = logging.getLogger(__name__)

SEND_BUFFER_BYTES = 8_192
"""What the kernel may hold of a picture: with its own size it would hold half a second of video on a slow link."""


class Snapshots(Broker):
    """A connection that carries pictures and nothing else.

    Args:
        settings: section `mqtt`.
        client_id: another one than that of the bridge's own connection.
        on_room: called on the network thread when a picture has left and none waits: the time to make the next one.
        problems: where to note what is wrong with the connection; None: of its own.
    """

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        *,
        on_room: Callable[[], None] = lambda: None,
        problems: Problems | None = None,
    ) -> None:
        super().__init__(settings, client_id, problems=problems)
        self.sent = 0
        """How many pictures have left."""
        self.passed_over = 0
        """How many never left, because a newer one of their topic came first, or the connection went."""
        self.most_waiting = 0
        """Most pictures that ever waited behind the one under way."""
        self._on_room = on_room
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[bytes, bool, Mapping[str, str]]] = {}
        self._kept: dict[str, bytes] = {}
        self._under_way: int | None = None
        self.on_connected = self._start_anew
        self.on_lost = self._link_lost

    @property
    def has_room(self) -> bool:
        """Whether a picture that is shown now is sent at once."""
        return self.connected and self._under_way is None and not self._waiting

    def show(
        self, topic: str, picture: bytes, *, retain: bool = False, details: Mapping[str, str] | None = None
    ) -> None:
        """Send a picture at QoS 0 as soon as there is room for it; it takes the place of an older one that waits.

        Args:
            topic: where to.
            picture: its bytes.
            retain: kept by the broker, and by us, for the next connection: a broker may have lost it.
            details: sent along as MQTT 5 user properties.
        """
        with self._lock:
            if retain:
                self._kept[topic] = picture
            if not self.connected and not retain:
                self.passed_over += 1
                return
            if self._waiting.pop(topic, None) is not None:
                self.passed_over += 1
            self._waiting[topic] = (picture, retain, details or {})
            self._send_next()
            self.most_waiting = max(self.most_waiting, len(self._waiting))

    def _send_next(self) -> None:
        """Send what has waited longest, if nothing is under way. With the lock held.

        At QoS 0 in any case: paho calls `_published` for the others with a lock held that their sending waits for.
        """
        while self._under_way is None and self._waiting and self.connected:
            topic, (picture, retain, details) = next(iter(self._waiting.items()))
            del self._waiting[topic]
            properties = None
            if self._v5 and details:
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                properties.UserProperty = list(details.items())
            info = self._hand_over(topic, picture, 0, retain=retain, properties=properties, ask=False)
            if info is not None and info.rc == paho.MQTT_ERR_SUCCESS:
                self._under_way = info.mid
            else:
                self.passed_over += 1

    def _socket_opened(self, client: paho.Client, userdata: object, opened: Any) -> None:
        super()._socket_opened(client, userdata, opened)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def _published(
        self, client: paho.Client, userdata: object, mid: int, reason: ReasonCode, properties: object
    ) -> None:
        super()._published(client, userdata, mid, reason, properties)
        with self._lock:
            self._under_way = None
            self.sent += 1
            self._send_next()
            room = self._under_way is None
        if room:
            self._guarded(self._on_room)

    def _start_anew(self) -> None:
        with self._lock:
            self._under_way = None
            self._waiting = {topic: (picture, True, {}) for topic, picture in self._kept.items()}
            self._send_next()
        self._on_room()

    def _link_lost(self, reason: str) -> None:
        with self._lock:
            if self._under_way is not None:
                self._under_way = None
                self.passed_over += 1
            self.passed_over += sum(not retain for _, retain, _ in self._waiting.values())
            self._waiting.clear()
