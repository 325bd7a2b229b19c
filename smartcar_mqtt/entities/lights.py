"""Entities whose commands are JSON objects: light (Home Assistant's JSON schema) and siren."""

from __future__ import annotations

from typing import Any

from smartcar_mqtt.commands import Parsed, Refused, decode_object, decode_text, take_sender
from smartcar_mqtt.entities.base import CommandEntity, Topics
from smartcar_mqtt.entities.controls import parse_on_off
from smartcar_mqtt.entities.readings import is_number


def number_in(fields: dict[str, Any], key: str, minimum: float, maximum: float) -> None:
    """Refuse a field that is there but not a number of the range."""
    value = fields.get(key)
    if value is None:
        return
    if not is_number(value):
        raise Refused(f"{key} {str(value)[:32]!r} is not a number")
    if not minimum <= value <= maximum:
        raise Refused(f"{key} {value:g} is out of range (allowed: {minimum:g} to {maximum:g})")


class OnOffObject(CommandEntity):
    """What light and siren share: `ON`, `OFF` or an object with `state` and more."""

    fields: tuple[str, ...] = ()

    def parse(self, payload: bytes) -> Parsed:
        text = decode_text(payload)
        fields: dict[str, Any] = decode_object(text) if text.startswith("{") else {"state": text}
        source, mark = take_sender(fields)
        unknown = fields.keys() - {"state", *self.fields}
        if unknown:
            raise Refused(f"unknown field {min(unknown)[:32]!r}; known are state, {', '.join(self.fields)}")
        if "state" not in fields:
            raise Refused("state is missing (ON or OFF)")
        fields = {key: value for key, value in fields.items() if value is not None}  # null is "not given"
        fields["state"] = parse_on_off(fields.get("state"))
        self.check_fields(fields)
        return Parsed(fields, source, mark)

    def check_fields(self, fields: dict[str, Any]) -> None:
        """Refuse what is out of range."""
        raise NotImplementedError


class Light(OnOffObject):
    """A light with brightness, colour and effects.

    The method gets a dictionary: `state` (bool) and, where given, `brightness` (0 to 255), `color` (`r`, `g`, `b`, 0
    to 255 each), `effect`, `transition` (s). Its value is a dictionary of the same shape.

    Args:
        effects: names of the effects.
    """

    platform = "light"
    own_state_topic = True
    fields = ("brightness", "color", "effect", "transition", "color_mode", "flash")

    def __init__(self, *, effects: tuple[str, ...] = (), **traits: Any) -> None:
        super().__init__(**traits)
        self.effects = effects

    def check_declaration(self) -> None:
        super().check_declaration()
        if len(set(self.effects)) != len(self.effects):
            raise self.fail("an effect is listed twice")

    def check_fields(self, fields: dict[str, Any]) -> None:
        number_in(fields, "brightness", 0, 255)
        number_in(fields, "transition", 0, 3600)
        effect = fields.get("effect")
        if effect is not None and effect not in self.effects:
            raise Refused(f"unknown effect {str(effect)[:32]!r} (allowed: {', '.join(self.effects)})")
        color = fields.get("color")
        if color is None:
            return
        if not isinstance(color, dict) or color.keys() != {"r", "g", "b"} or None in color.values():
            raise Refused("color must have r, g and b")
        for channel in "rgb":
            number_in(color, channel, 0, 255)

    def check_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict) or "state" not in value:
            raise ValueError(f"{self.key}: needs state, and brightness, color and effect where they apply")
        return {**value, "state": "ON" if value["state"] in {True, "ON"} else "OFF", "color_mode": "rgb"}

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "schema": "json",
            "command_topic": topics.command(self.key),
            "state_topic": topics.entity_state(self.key),
            "supported_color_modes": ["rgb"],
            "brightness": True,
            "effect": bool(self.effects) or None,
            "effect_list": list(self.effects) or None,
        }


class Siren(OnOffObject):
    """Something loud: the method gets `state` and, where given, `tone`, `duration` (s) and `volume_level` (0 to 1).

    Args:
        tones: names of the tones.
    """

    platform = "siren"
    own_state_topic = True
    fields = ("tone", "duration", "volume_level")

    def __init__(self, *, tones: tuple[str, ...] = (), **traits: Any) -> None:
        super().__init__(**traits)
        self.tones = tones

    def check_fields(self, fields: dict[str, Any]) -> None:
        number_in(fields, "duration", 0, 3600)
        number_in(fields, "volume_level", 0, 1)
        tone = fields.get("tone")
        if tone is not None and tone not in self.tones:
            raise Refused(f"unknown tone {str(tone)[:32]!r} (allowed: {', '.join(self.tones)})")

    def check_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict) or "state" not in value:
            raise ValueError(f"{self.key}: needs state, and tone, duration and volume_level where they apply")
        return {**value, "state": "ON" if value["state"] in {True, "ON"} else "OFF"}

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "command_topic": topics.command(self.key),
            "state_topic": topics.entity_state(self.key),
            "available_tones": list(self.tones) or None,
            "support_duration": True,
            "support_volume_set": True,
        }
