"""Entities whose commands are JSON objects: light (Home Assistant's JSON schema) and siren."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from smartcar_mqtt.commands import Parsed, Refused, decode_object, decode_text, take_sender, take_times
from smartcar_mqtt.entities.base import CommandEntity, Topics
from smartcar_mqtt.entities.choices import Choices
from smartcar_mqtt.entities.controls import parse_on_off
from smartcar_mqtt.entities.numbers import is_number, within

MILLISECOND = 0.001
"""Step of times in seconds."""


def check_number(fields: dict[str, Any], key: str, minimum: float, maximum: float, step: float) -> None:
    """Round a field to its step; refuse it where it is no number or out of range. A missing field is left out."""
    value = fields.get(key)
    if value is None:
        return
    if not is_number(value):
        raise Refused(f"{key} {str(value)[:32]!r} is not a number")
    fields[key] = within(value, minimum, maximum, step, what=key)


def check_choice(fields: dict[str, Any], key: str, choices: Choices) -> None:
    """Replace a field by the value that it means; refuse it where there is none. A missing field is left out."""
    written = fields.get(key)
    if written is None:
        return
    value = choices.find(written)
    if value is None:
        raise Refused(f"unknown {key} {str(written)[:32]!r} (allowed: {choices.listed(written) or 'none'})")
    fields[key] = value


class OnOffObject(CommandEntity):
    """What light and siren share: `ON`, `OFF` or an object with `state` and more."""

    fields: ClassVar[tuple[str, ...]] = ()
    """What an object may have beside `state`."""
    meaning_on: ClassVar[frozenset[str]] = frozenset()
    """Fields that imply the state ON where `state` is missing."""
    without_state: ClassVar[frozenset[str]] = frozenset()
    """Fields that can be carried out without any `state`, which then stays as it is."""

    def parse(self, payload: bytes) -> Parsed:
        text = decode_text(payload)
        fields: dict[str, Any] = decode_object(text) if text.startswith("{") else {"state": text}
        source, mark = take_sender(fields)
        sent_at, expires_at = take_times(fields)
        if "value" in fields and "state" not in fields:
            fields["state"] = fields.pop("value")  # as in the commands of all other entities
        unknown = fields.keys() - {"state", *self.fields}
        if unknown:
            raise Refused(f"unknown field {min(unknown)[:32]!r}; known are state, {', '.join(self.fields)}")
        fields = {key: value for key, value in fields.items() if value is not None or key == "state"}  # null: not given
        if "state" in fields:
            fields["state"] = parse_on_off(fields["state"])
        elif fields.keys() & self.meaning_on:
            fields["state"] = True
        elif not fields.keys() & self.without_state:
            raise Refused("state is missing (ON or OFF)")
        self.check_fields(fields)
        return Parsed(fields, source, mark, sent_at, expires_at)

    def check_fields(self, fields: dict[str, Any]) -> None:
        """Round numbers, put names in their own spelling, and refuse what is out of range."""
        raise NotImplementedError


class Light(OnOffObject):
    """A light with brightness, colour and effects.

    The method gets a dictionary: `state` (bool) and, where given, `brightness` (0 to 255), `color` (`r`, `g`, `b`, 0
    to 255 each), `effect`, `transition` (s), `flash` (s). Without a state, brightness, colour and effect mean ON; a
    `flash` alone comes without `state`: the light is to stay as it is. Its value is a dictionary of the same shape.

    Args:
        effects: names of the effects; in commands, case, blanks, hyphens and underscores make no difference.
    """

    platform = "light"
    own_state_topic = True
    fields = ("brightness", "color", "effect", "transition", "color_mode", "flash")
    meaning_on = frozenset({"brightness", "color", "effect"})
    without_state = frozenset({"flash"})
    FLASH_S: ClassVar[dict[str, float]] = {"short": 2.0, "long": 10.0}
    """Seconds of the two words; Home Assistant sends the same ones."""
    LONGEST_FLASH_S: ClassVar[float] = 60.0

    def __init__(self, *, effects: Iterable[str] = (), **traits: Any) -> None:
        super().__init__(**traits)
        self.effects = tuple(effects)
        self.choices = Choices(self.effects)

    def check_declaration(self) -> None:
        super().check_declaration()
        if len(set(self.effects)) != len(self.effects):
            raise self.fail("an effect is listed twice")

    def check_fields(self, fields: dict[str, Any]) -> None:
        check_number(fields, "brightness", 0, 255, 1)
        check_number(fields, "transition", 0, 3600, MILLISECOND)
        check_choice(fields, "effect", self.choices)
        if "flash" in fields:
            fields["flash"] = self.flash_seconds(fields["flash"])
        color = fields.get("color")
        if color is None:
            return
        if not isinstance(color, dict) or color.keys() != {"r", "g", "b"} or None in color.values():
            raise Refused("color must have r, g and b")
        for channel in "rgb":
            check_number(color, channel, 0, 255, 1)

    def flash_seconds(self, value: Any) -> float:
        """For how long a command asks the light to flash; raises Refused."""
        if isinstance(value, str) and value.strip().lower() in self.FLASH_S:
            return self.FLASH_S[value.strip().lower()]
        if is_number(value):
            seconds = within(value, 0, self.LONGEST_FLASH_S, MILLISECOND, what="flash", unit="s")
            if seconds > 0:
                return seconds
        raise Refused(
            f"flash {str(value)[:32]!r} is neither short nor long nor seconds (above 0 to {self.LONGEST_FLASH_S:g})"
        )

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
            "flash": True,
            "transition": True,
        }


class Siren(OnOffObject):
    """A siren: the method gets `state` and, where given, `tone`, `duration` (s) and `volume_level` (0 to 1).

    Args:
        tones: names of the tones.
    """

    platform = "siren"
    own_state_topic = True
    fields = ("tone", "duration", "volume_level")
    meaning_on = frozenset(fields)

    def __init__(self, *, tones: Iterable[str] = (), **traits: Any) -> None:
        super().__init__(**traits)
        self.tones = tuple(tones)
        self.choices = Choices(self.tones)

    def check_fields(self, fields: dict[str, Any]) -> None:
        check_number(fields, "duration", 0, 3600, MILLISECOND)
        check_number(fields, "volume_level", 0, 1, MILLISECOND)
        check_choice(fields, "tone", self.choices)

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
