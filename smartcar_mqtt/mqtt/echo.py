"""A bridge's own echo through the broker: tells whether a command may have been held back on its way.

Threads: `connected`, `lost`, `received` and `doubt` are called on the network thread; the echoes after the first one
are sent by the main thread.
"""

from __future__ import annotations

import threading

from smartcar_mqtt.clock import Scheduler, Timer
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.mqtt.link_clock import INTERVAL_S, LinkClock


class Echo:
    """Publishes a message to itself twice a second while there is a connection.

    Args:
        scheduler: for its timer.
        broker: the connection.
        topic: where it publishes and listens.
    """

    def __init__(self, scheduler: Scheduler, broker: Broker, topic: str) -> None:
        self.topic = topic
        self._scheduler = scheduler
        self._broker = broker
        self._clock = LinkClock()
        self._lock = threading.Lock()
        self._timer: Timer | None = None

    def connected(self) -> None:
        """A connection has begun: subscribe, and send the first echo."""
        self._clock.connected(self._now)
        self._broker.subscribe(self.topic)
        self._send()

    def lost(self) -> None:
        """The connection is gone."""
        self._clock.lost()

    def received(self, topic: str, payload: bytes) -> bool:
        """Take note of a message of whatever kind; True where it is an echo, which concerns nobody else."""
        if topic == self.topic:
            self._clock.echo_returned(self._now, payload)
            return True
        self._clock.arrived(self._now)
        return False

    def doubt(self) -> str | None:
        """Why a command that has just arrived may be late; None: it is fresh."""
        return self._clock.doubt(self._now)

    @property
    def _now(self) -> float:
        return self._scheduler.clock.monotonic()

    def _send(self) -> None:
        """Publish an echo, and see to the next one.

        With QoS 1, as commands have: it could else overtake those that wait in the broker.
        """
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()  # that of an earlier connection
            self._timer = self._scheduler.call_later(INTERVAL_S, self._send) if self._broker.connected else None
        if self._broker.connected:
            self._broker.publish(self.topic, self._clock.echo(self._now), qos=1)
