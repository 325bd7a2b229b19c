"""Checks between the entities of one bridge: names, identifiers, requirements."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from smartcar_mqtt.entities.base import DeclarationError, Entity, Topics
from smartcar_mqtt.entities.signals import Event

NO_TOPICS = Topics("", "", "")


def check_together(owner: str, entities: Mapping[str, Entity], *, reserved: Collection[str]) -> None:
    """Raise DeclarationError where entities of a bridge do not fit each other.

    Args:
        owner: name of the bridge's class, for messages.
        entities: its declarations by key.
        reserved: names that the base of all bridges has for itself.
    """
    names: dict[tuple[str, str], str] = {}
    for key, entity in entities.items():
        entity.check_declaration()
        if key in reserved:
            raise DeclarationError(f"{owner}.{key}: this name belongs to every bridge; choose another one")
        other = names.setdefault((entity.platform, entity.name), key)
        if entity.platform and other != key:
            raise DeclarationError(f"{owner}.{key}: has the same name {entity.name!r} as {other}")
        for required in entity.requires:
            found = entities.get(required)
            if found is None or found.platform != "binary_sensor":
                raise DeclarationError(f"{owner}.{key}: requires {required!r}, which is no binary sensor here")
    ids = [key for entity in entities.values() if isinstance(entity, Event) for key in entity.triggers(NO_TOPICS)]
    clash = set(ids) & entities.keys()
    if clash:
        raise DeclarationError(f"{owner}: {min(clash)} is both an entity and a device trigger")
