"""From declarations to Home Assistant's MQTT discovery: payloads, and the order in which they replace older ones.

Source: Home Assistant's documentation of MQTT discovery (device discovery since 2024.11; removal of single components
in two steps; migration between the two styles with `migrate_discovery`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from smartcar_mqtt import __version__
from smartcar_mqtt.entities import CommandEntity, Entity, Event, Topics
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

if TYPE_CHECKING:
    from smartcar_mqtt.config import Config

ORIGIN = {"name": "smartcar-mqtt", "sw_version": __version__}
MIGRATE = b'{"migrate_discovery":true}'
CAR_BRIDGE = "motion"
"""The bridge whose device is the car itself; the devices of all others point to it."""

STEP_PAUSE_S = 1.0
"""Pause before entities are announced in another style: Home Assistant handles messages one after the other, and treats
an announcement before the removal as a conflict."""


class Announced(Protocol):
    """What discovery needs to know of a bridge's class."""

    @property
    def name(self) -> str:
        """Topic level and part of the identifier."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def entities(self) -> Mapping[str, Entity]:
        """All declarations by their key."""


Message = tuple[str, bytes]
"""Topic and payload of a retained message; an empty payload removes what was retained."""


def identifier(car: str, bridge: str) -> str:
    """What identifies a bridge's device in Home Assistant."""
    return f"smartcar_{car}_{bridge}"


def device_topic(prefix: str, car: str, bridge: str) -> str:
    """The discovery topic of a bridge's device."""
    return f"{prefix}/device/{identifier(car, bridge)}/config"


def component_topic(prefix: str, car: str, bridge: str, platform: str, key: str) -> str:
    """The discovery topic of one entity in the older style."""
    return f"{prefix}/{platform}/{identifier(car, bridge)}/{key}/config"


def own_topics(prefix: str, car: str, bridge: str) -> tuple[str, str]:
    """Filters for everything that any version of this bridge has ever announced."""
    return device_topic(prefix, car, bridge), f"{prefix}/+/{identifier(car, bridge)}/+/config"


def device(bridge: Announced, config: Config) -> dict[str, Any]:
    """The `device` block."""
    car = config.car
    block = {
        "identifiers": [identifier(car.id, bridge.name)],
        "name": car.name if bridge.name == CAR_BRIDGE else f"{car.name} {bridge.title}",
        "manufacturer": "smartcar-mqtt",
        "model": bridge.title,
        "sw_version": __version__,
    }
    if car.configuration_url:
        block["configuration_url"] = car.configuration_url
    if bridge.name != CAR_BRIDGE:
        block["via_device"] = identifier(car.id, CAR_BRIDGE)
    return block


def availability(entity: Entity, topics: Topics) -> list[dict[str, str]]:
    """The bridge's availability, and that of each piece of hardware that the entity requires."""
    conditions = [{"topic": topics.availability}]
    conditions += [
        {
            "topic": topics.state,
            "value_template": "{{ 'online' if value_json.%s else 'offline' }}" % required,
        }
        for required in entity.requires
    ]
    return conditions


def component(entity: Entity, topics: Topics) -> dict[str, Any]:
    """The configuration of one entity, without empty keys."""
    settings: dict[str, Any] = {
        "platform": entity.platform,
        "unique_id": f"{topics.car}_{topics.name}_{entity.key}",
        "name": entity.name,
        "icon": entity.icon,
        "entity_category": entity.category,
        "enabled_by_default": None if entity.enabled else False,
        "device_class": entity.device_class,
        "availability": availability(entity, topics),
        "availability_mode": "all",
        "qos": 1 if isinstance(entity, CommandEntity) else None,
        **entity.traits(topics),
    }
    if entity.attributes:
        settings["json_attributes_topic"] = topics.state
        settings["json_attributes_template"] = "{{ value_json.attributes.%s | default({}) | tojson }}" % entity.key
    return {key: value for key, value in settings.items() if value is not None}


def components(entities: Iterable[Entity], topics: Topics) -> dict[str, dict[str, Any]]:
    """All components of a bridge by their id: entities, and the device triggers of its events."""
    found: dict[str, dict[str, Any]] = {}
    for entity in entities:
        if entity.platform and entity.platform != "device_automation":
            found[entity.key] = component(entity, topics)
        if isinstance(entity, Event):
            found.update(entity.triggers(topics))
    return found


def announcement(bridge: Announced, topics: Topics, config: Config) -> dict[str, bytes]:
    """The discovery messages that shall be retained, by topic, in the configured style."""
    mqtt, car = config.mqtt, config.car
    if mqtt.discovery == "off":
        return {}
    parts = components(bridge.entities.values(), topics)
    head = {"device": device(bridge, config), "origin": ORIGIN}
    if mqtt.discovery == "device":
        topic = device_topic(mqtt.discovery_prefix, car.id, bridge.name)
        return {topic: msgspec.json.encode({**head, "components": parts})}
    return {
        component_topic(mqtt.discovery_prefix, car.id, bridge.name, part["platform"], key): msgspec.json.encode(
            {**head, **{name: value for name, value in part.items() if name != "platform"}}
        )
        for key, part in parts.items()
    }


def replace(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[list[Message]]:
    """What to publish so that `new` takes the place of the retained messages `old`: steps of messages, in this order.

    Between two steps Home Assistant needs a moment (STEP_PAUSE_S). Entities that both have keep their history and what
    people changed of them; entities that only `old` has are removed. All of `old` must belong to this bridge.
    """
    stale = [topic for topic in old if topic not in new]
    migrating: list[Message] = []
    if new and any(is_device_topic(topic) for topic in new) != any(is_device_topic(topic) for topic in stale):
        kept = kept_keys(new)
        migrating = [(topic, MIGRATE) for topic in stale if is_device_topic(topic) or topic.split("/")[-2] in kept]
    announcing: list[Message] = []
    for topic, payload in new.items():
        removed = removed_components(old.get(topic, b""), payload)
        if removed:
            announcing.append((topic, with_components(payload, removed)))
        announcing.append((topic, payload))
    clearing: list[Message] = [(topic, b"") for topic in stale]
    # When entities move to another topic, the old one is cleared before the new one speaks: afterwards, Home Assistant
    # would take the clearing for a message about an entity that is no longer the old topic's.
    return [migrating, clearing + announcing] if migrating else [announcing + clearing]


def is_device_topic(topic: str) -> bool:
    """Whether this is the topic of a whole device: `<prefix>/device/<id>/config`."""
    return topic.split("/")[-3] == "device"


def kept_keys(new: Mapping[str, bytes]) -> set[str]:
    """Ids of the components that the new messages hold."""
    keys: set[str] = set()
    for topic, payload in new.items():
        keys |= read_components(payload).keys() if is_device_topic(topic) else {topic.split("/")[-2]}
    return keys


def read_components(payload: bytes) -> dict[str, Any]:
    """The components of a device payload; none for anything else, such as a damaged payload."""
    try:
        found = decode_json(payload) if payload else {}
    except DecodingError:
        return {}
    inner = (found.get("components") or found.get("cmps")) if isinstance(found, dict) else None
    return inner if isinstance(inner, dict) else {}


def removed_components(old: bytes, new: bytes) -> dict[str, dict[str, str]]:
    """For each component that is gone, or is another platform now: its id and old platform alone."""
    after = read_components(new)
    removed = {}
    for key, settings in read_components(old).items():
        platform = settings.get("platform") or settings.get("p") if isinstance(settings, dict) else None
        if isinstance(platform, str) and after.get(key, {}).get("platform") != platform:
            removed[key] = {"platform": platform}
    return removed


def with_components(payload: bytes, extra: Mapping[str, Any]) -> bytes:
    """A device payload with some components exchanged or added."""
    settings = decode_json(payload)
    settings["components"] = {**settings["components"], **extra}
    return msgspec.json.encode(settings)
