"""Entities that publish single messages and hold no state: event, device trigger, image, camera."""

from __future__ import annotations

from typing import Any

import msgspec

from smartcar_mqtt.entities.base import Entity, Owner, Topics
from smartcar_mqtt.entities.bounds import bounded
from smartcar_mqtt.untrusted.visible import clean


class Signal(Entity):
    """What all of them share: a topic of their own, `<bridge>/<entity>`, and no key in the state object."""

    has_state = False

    def __set__(self, bridge: Owner, value: object) -> None:
        raise AttributeError(f"{self.owner}.{self.key} has no value to set")


class Event(Signal):
    """An event, published as a JSON object with `event_type` first, never retained.

    Args:
        types: the kinds of event.
        trigger: True offers each type as a device trigger too, for automations made in Home Assistant's editor.
    """

    platform = "event"

    def __init__(self, *, types: tuple[str, ...], trigger: bool = False, **traits: Any) -> None:
        super().__init__(**traits)
        self.types = types
        self.trigger = trigger

    def check_declaration(self) -> None:
        super().check_declaration()
        if not self.types or len(set(self.types)) != len(self.types):
            raise self.fail("needs types, each of them once")

    def __get__(self, bridge: Owner | None, owner: type | None = None) -> Any:
        return self if bridge is None else FiredEvent(self, bridge)

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {"state_topic": topics.channel(self.key), "event_types": list(self.types)}

    def triggers(self, topics: Topics) -> dict[str, dict[str, Any]]:
        """The device triggers, by component id."""
        if not self.trigger:
            return {}
        return {
            f"{self.key}_{kind}": {
                "platform": "device_automation",
                "automation_type": "trigger",
                "type": self.key,
                "subtype": kind,
                "topic": topics.channel(self.key),
                "payload": kind,
                "value_template": "{{ value_json.event_type }}",
            }
            for kind in self.types
        }


class Trigger(Event):
    """Device triggers alone, without an entity: for what only starts automations."""

    platform = "device_automation"

    def __init__(self, *, types: tuple[str, ...], **traits: Any) -> None:
        super().__init__(types=types, trigger=True, **traits)


class FiredEvent:
    """An event of one bridge, ready to be fired."""

    __slots__ = ("_bridge", "_event")

    def __init__(self, event: Event, bridge: Owner) -> None:
        self._event = event
        self._bridge = bridge

    def fire(self, event_type: str, **details: object) -> None:
        """Publish the event; details beyond what Home Assistant stores are shortened (`bounds.bounded`).

        Raises:
            ValueError: the type was not declared.
        """
        if event_type not in self._event.types:
            raise ValueError(f"{self._event.key}: {event_type!r} is not one of {', '.join(self._event.types)}")
        payload = msgspec.json.encode(bounded({"event_type": event_type, **clean(details)}))
        self._bridge.send(self._event.key, payload, qos=1)


class Picture(Signal):
    """What image and camera share: raw bytes of a picture."""

    retained = False

    def __get__(self, bridge: Owner | None, owner: type | None = None) -> Any:
        return self if bridge is None else ShownPicture(self, bridge)


class Image(Picture):
    """A still picture that changes now and then; retained, so that it is there after a restart of Home Assistant.

    Args:
        content_type: what the bytes are.
    """

    platform = "image"
    retained = True

    def __init__(self, *, content_type: str = "image/png", **traits: Any) -> None:
        super().__init__(**traits)
        self.content_type = content_type

    def check_declaration(self) -> None:
        super().check_declaration()
        if not self.content_type.startswith("image/"):
            raise self.fail(f"content type {self.content_type!r} is not image/...")

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {"image_topic": topics.channel(self.key), "content_type": self.content_type}


class Camera(Picture):
    """A camera's snapshots: JPEG, not retained."""

    platform = "camera"

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {"topic": topics.channel(self.key)}


class ShownPicture:
    """A picture of one bridge, ready to be shown."""

    __slots__ = ("_bridge", "_picture")

    def __init__(self, picture: Picture, bridge: Owner) -> None:
        self._picture = picture
        self._bridge = bridge

    def show(self, encoded: bytes) -> None:
        """Publish the picture; raises ValueError for empty bytes (Home Assistant answers those with error 500)."""
        if not encoded:
            raise ValueError(f"{self._picture.key}: an empty picture cannot be shown")
        self._bridge.send(self._picture.key, encoded, qos=0, retain=self._picture.retained)


class Stream(Signal):
    """Values for programs, several a second, as JSON objects at QoS 0: Home Assistant shows nothing for it.

    Args:
        example: one object, for the reference of topics.
    """

    def __init__(self, *, example: str, **traits: Any) -> None:
        super().__init__(**traits)
        self.example = example

    def check_declaration(self) -> None:
        """Check as for all entities, except for the reserved name `telemetry`, which is a stream."""
        if self.key != "telemetry":
            super().check_declaration()

    def __get__(self, bridge: Owner | None, owner: type | None = None) -> Any:
        return self if bridge is None else RunningStream(self.key, bridge)


class RunningStream:
    """A stream of one bridge."""

    __slots__ = ("_bridge", "_key")

    def __init__(self, key: str, bridge: Owner) -> None:
        self._key = key
        self._bridge = bridge

    def put(self, encoded: bytes) -> None:
        """Publish one value; dropped and counted where the link to the broker cannot keep up."""
        self._bridge.stream(self._key, encoded)
