"""The state of the entities of a bridge: one JSON object, published when it changes, as fast as the broker takes it.

`update` and `set_attributes` may be called from any thread; one lock orders what is published.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from smartcar_mqtt.clock import Scheduler, Timer
from smartcar_mqtt.config import Config
from smartcar_mqtt.entities import CommandEntity, Entity, Topics
from smartcar_mqtt.entities.bounds import bounded
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.untrusted.addresses import mask_texts
from smartcar_mqtt.untrusted.visible import clean

MOST_STATES_UNDER_WAY = 5
"""State messages that the broker has not acknowledged; with more, only the newest state is sent, when it has."""


class PublishedState:
    """Values and attributes of entities, and when they are published.

    Args:
        entities: the declarations by their key.
        topics: the bridge's topics.
        config: the configuration.
        scheduler: for values that may wait.
        broker: the connection.
    """

    def __init__(
        self, entities: Mapping[str, Entity], topics: Topics, config: Config, scheduler: Scheduler, broker: Broker
    ) -> None:
        self.config = config
        self.clock = scheduler.clock
        self.scheduler = scheduler
        self.broker = broker
        self.topics = topics
        self._declared = entities
        self._lock = threading.RLock()
        self._values: dict[str, Any] = {key: None for key, entity in entities.items() if entity.has_state}
        self._attributes: dict[str, dict[str, Any]] = {}
        self._given_attributes: dict[str, dict[str, Any]] = {}
        """Attributes as they were given, before they were cleaned and shortened."""
        self._announced = False
        """Whether Home Assistant has been told of the entities on this connection: before, no state is published."""
        self._published_at = float("-inf")
        self._publish_timer: Timer | None = None
        self._states_under_way = 0
        self._state_waits = False
        """Whether the state has changed while too many messages with it were under way."""

    def value_of(self, key: str) -> Any:
        """The present value of an entity; None = unknown."""
        return self._values[key]

    def update(self, **values: Any) -> None:
        """Set values of entities; publishes at once where one of them is urgent, else with the next state message.

        Raises:
            ValueError: a value is not one that its entity may have.
            KeyError: there is no such entity with a state.
        """
        checked_values = {
            key: clean(self._declared[key].check_value(value))
            for key, value in values.items()
            if value is not self._values[key]  # most of a car's values are the same from frame to frame
        }
        with self._lock:
            urgent = changed = False
            for key, checked in checked_values.items():
                entity = self._declared[key]
                if self._values[key] != checked:
                    self._values[key] = checked
                    changed = True
                    urgent = urgent or entity.urgent or isinstance(entity, CommandEntity)
                    if entity.own_state_topic:
                        self._publish_own_state(key)
            if changed:
                self._state_changed(urgent=urgent)

    def set_attributes(self, key: str, **attributes: Any) -> None:
        """Set the details that are published beside an entity's value; shortened to what Home Assistant stores.

        No secret of an address gets out with them.
        """
        if not self._declared[key].attributes:
            raise KeyError(f"{key} is declared without attributes")
        with self._lock:
            if self._given_attributes.get(key) == attributes:
                return  # as with most frames of a car
            self._given_attributes[key] = attributes
            details = bounded(mask_texts(clean(attributes)))
            if self._attributes.get(key) != details:
                self._attributes[key] = details
                self._state_changed(urgent=self._declared[key].urgent)

    def _state_changed(self, *, urgent: bool) -> None:
        if not self._announced:
            return  # the announcement publishes the whole state
        interval = 1.0 / self.config.mqtt.state_hz
        now = self.clock.monotonic()
        if urgent or now - self._published_at >= interval:
            self._publish_state()
        elif self._publish_timer is None:
            self._publish_timer = self.scheduler.call_at(self._published_at + interval, self._publish_state)

    def _publish_state(self) -> None:
        with self._lock:
            if self._publish_timer is not None:
                self._publish_timer.cancel()
                self._publish_timer = None
            self._published_at = self.clock.monotonic()
            self._state_waits = self._states_under_way >= MOST_STATES_UNDER_WAY
            if self._state_waits:
                return  # the newest one goes out as soon as the broker has taken one of those
            self._states_under_way += 1
            payload = msgspec.json.encode({**self._values, "attributes": self._attributes})
            if not self.broker.publish(self.topics.state, payload, qos=1, retain=True):
                self._states_under_way -= 1

    def _state_taken(self) -> bool:
        """The broker has taken a state message; whether a newer state waits. May be called with locks of paho held."""
        self._states_under_way = max(0, self._states_under_way - 1)
        return self._state_waits

    def _publish_waiting_state(self) -> None:
        """Publish the newest state, where it had to wait."""
        with self._lock:
            if self._state_waits and self._announced:
                self._publish_state()

    def _publish_own_state(self, key: str) -> None:
        value = self._values[key]
        if value is not None:
            self.broker.publish(self.topics.entity_state(key), msgspec.json.encode(value), qos=1, retain=True)
