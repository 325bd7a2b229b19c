"""Rows of Home Assistant as tests look at them: states, and entities joined from its registries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Row = dict[str, Any]


@dataclass(frozen=True)
class State:
    """The state of one entity at one moment."""

    entity_id: str
    state: str
    attributes: Mapping[str, Any]
    last_changed: str
    last_updated: str

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """From the object that Home Assistant's APIs give."""
        return cls(row["entity_id"], row["state"], row["attributes"], row["last_changed"], row["last_updated"])


@dataclass(frozen=True)
class Entity:
    """One entity: its registry entry, its device's name, and its state.

    Attributes:
        domain: the platform that serves it (`sensor`, `button`, ...).
        name: friendly name, the device's name in front; None while the entity is disabled.
        original_name: name as discovered.
        device_class: the user's, else the discovered one.
        icon: the user's, else the discovered one.
        unit: of the state; None while the entity is disabled.
        state: None while the entity is disabled.
        capabilities: what does not change with the state: `options`, `min`, `max`, `event_types`, ...
        options: what the user has chosen, by domain.
    """

    entity_id: str
    unique_id: str
    domain: str
    name: str | None
    original_name: str | None
    device: str | None
    device_id: str | None
    device_class: str | None
    entity_category: str | None
    icon: str | None
    unit: str | None
    disabled_by: str | None
    state: str | None
    attributes: Mapping[str, Any]
    capabilities: Mapping[str, Any]
    options: Mapping[str, Any]

    @classmethod
    def join(cls, entry: Row, device: Row | None, state: State | None) -> Self:
        """From an extended entry of the entity registry, its entry of the device registry, and its state."""
        attributes = {} if state is None else state.attributes
        return cls(
            entity_id=entry["entity_id"],
            unique_id=entry["unique_id"],
            domain=entry["entity_id"].partition(".")[0],
            name=attributes.get("friendly_name"),
            original_name=entry["original_name"],
            device=None if device is None else device["name_by_user"] or device["name"],
            device_id=entry["device_id"],
            device_class=entry["device_class"] or entry["original_device_class"],
            entity_category=entry["entity_category"],
            icon=entry["icon"] or entry["original_icon"],
            unit=attributes.get("unit_of_measurement"),
            disabled_by=entry["disabled_by"],
            state=None if state is None else state.state,
            attributes=attributes,
            capabilities=entry["capabilities"] or {},
            options=entry["options"] or {},
        )


def is_of_mqtt(device: Row, identifier: str | None = None) -> bool:
    """Whether the device came by MQTT, and has this identifier where one is given."""
    own = [identifier_pair[1] for identifier_pair in device["identifiers"] if identifier_pair[0] == "mqtt"]
    return bool(own) and (identifier is None or identifier in own)
