"""Entities that people operate: button, number, select, switch, text, notify, update, and commands beyond them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from smartcar_mqtt.commands import Parsed, Refused, decode_text, parse_envelope, readable
from smartcar_mqtt.entities.base import CommandEntity, Topics
from smartcar_mqtt.entities.readings import as_payloads, check_on_off, is_number
from smartcar_mqtt.entities.rules import MAX_STATE_CHARACTERS, unit_problem

ON_WORD = re.compile(r"on|true|1|1\.0|yes", re.IGNORECASE)
ON_FIELD = re.compile(r"""["']?\b(?:value|state)["']?\s*[:=]\s*["']?\s*(?:on|true|1|1\.0|yes)\b(?!\.)""", re.IGNORECASE)


class Button(CommandEntity):
    """Something that is done once when pressed: `PRESS`, or `{"source": ..., "id": ...}`.

    Args:
        only_safer: True where pressing it can only make the car safer (a stop): it is then pressed by any payload,
            retained, late or damaged.
    """

    platform = "button"
    has_state = False
    takes_value = False

    def __init__(self, *, only_safer: bool = False, **traits: Any) -> None:
        super().__init__(**traits)
        self.only_safer = only_safer

    def parse(self, payload: bytes) -> Parsed:
        try:
            return parse_word(payload, "PRESS")
        except Refused:
            if self.only_safer:
                return Parsed()
            raise

    def always_obeyed(self, value: Any) -> bool:
        return self.only_safer

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {"command_topic": topics.command(self.key), "payload_press": "PRESS"}


def parse_word(payload: bytes, word: str) -> Parsed:
    """The one word that is allowed, in any case of letters, or the JSON form with or without it as the value."""
    parsed = parse_envelope(payload)
    if parsed.value is not None and str(parsed.value).upper() != word:
        raise Refused(f"{str(parsed.value)[:32]!r} is not {word}")
    return msgspec.structs.replace(parsed, value=None)


class Number(CommandEntity):
    """A number that people set.

    Args:
        minimum, maximum, step: the range; a value outside it is refused, never clamped. With a whole step, values
            are whole numbers.
        unit: unit of measurement.
        mode: how Home Assistant shows it: "slider", "box" or "auto".
    """

    platform = "number"

    def __init__(
        self,
        *,
        minimum: float,
        maximum: float,
        step: float = 1,
        unit: str | None = None,
        mode: str = "auto",
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        self.minimum = minimum
        self.maximum = maximum
        self.step = step
        self.unit = unit
        self.mode = mode

    def check_declaration(self) -> None:
        super().check_declaration()
        if not self.minimum < self.maximum:
            raise self.fail(f"minimum {self.minimum:g} is not below maximum {self.maximum:g}")
        if not 0.001 <= self.step <= self.maximum - self.minimum:
            raise self.fail(f"step {self.step:g} does not fit between minimum and maximum")
        if self.mode not in {"auto", "box", "slider"}:
            raise self.fail(f"unknown mode {self.mode!r} (allowed: auto, box, slider)")
        if self.device_class is not None:
            problem = unit_problem(self.device_class, self.unit)
            if problem:
                raise self.fail(problem)

    def parse(self, payload: bytes) -> Parsed:
        parsed = parse_envelope(payload)
        value = parsed.value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if not is_number(value):
            raise Refused(f"{str(parsed.value)[:32]!r} is not a number")
        if not self.minimum <= value <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            raise Refused(f"{value:g} is out of range (allowed: {self.minimum:g} to {self.maximum:g}{unit})")
        if float(self.step).is_integer() and float(self.minimum).is_integer():
            if value != int(value):
                raise Refused(f"{value:g} is not a whole number")
            value = int(value)
        return Parsed(value, parsed.source, parsed.id)

    def check_value(self, value: Any) -> Any:
        if value is not None and not (is_number(value) and self.minimum <= value <= self.maximum):
            raise ValueError(f"{self.key}: {value!r} is not between {self.minimum:g} and {self.maximum:g}")
        return value

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "command_topic": topics.command(self.key),
            "state_topic": topics.state,
            "value_template": self.state_template(),
            "min": self.minimum,
            "max": self.maximum,
            "step": self.step,
            "mode": self.mode,
            "unit_of_measurement": self.unit,
        }


class Select(CommandEntity):
    """One of several options."""

    platform = "select"

    def __init__(self, *, options: tuple[str, ...], **traits: Any) -> None:
        super().__init__(**traits)
        self.options = options

    def check_declaration(self) -> None:
        super().check_declaration()
        if len(set(self.options)) != len(self.options) or not self.options:
            raise self.fail("needs options, each of them once")

    def parse(self, payload: bytes) -> Parsed:
        parsed = parse_envelope(payload)
        if parsed.value not in self.options:
            raise Refused(f"{str(parsed.value)[:32]!r} is not an option (allowed: {', '.join(self.options)})")
        return parsed

    def check_value(self, value: Any) -> Any:
        if value is not None and value not in self.options:
            raise ValueError(f"{self.key}: {value!r} is not one of {', '.join(self.options)}")
        return value

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "command_topic": topics.command(self.key),
            "state_topic": topics.state,
            "value_template": self.state_template(),
            "options": list(self.options),
        }


class Switch(CommandEntity):
    """On or off: `ON`, `OFF`, or JSON with `true` or `false`.

    Args:
        on_is_safer: True where switching it on can only make the car safer (an emergency stop): whatever is
            recognisably an ON is then obeyed, also retained, late, or damaged. OFF is read as strictly as ever.
    """

    platform = "switch"

    def __init__(self, *, on_is_safer: bool = False, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_is_safer = on_is_safer

    def parse(self, payload: bytes) -> Parsed:
        try:
            parsed = parse_envelope(payload)
            return msgspec.structs.replace(parsed, value=parse_on_off(parsed.value))
        except Refused:
            if self.on_is_safer and says_on(payload):
                return Parsed(True)
            raise

    def always_obeyed(self, value: Any) -> bool:
        return self.on_is_safer and value is True

    def check_value(self, value: Any) -> Any:
        return check_on_off(self.key, value)

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "command_topic": topics.command(self.key),
            "payload_on": "ON",
            "payload_off": "OFF",
            "state_topic": topics.state,
            "value_template": self.state_template(),
            **as_payloads("state"),
        }


def parse_on_off(value: Any) -> bool:
    """True for ON, False for OFF (in any case, or as JSON's true and false); anything else is refused."""
    if isinstance(value, bool):
        return value
    word = str(value).upper()
    if word in {"ON", "OFF", "TRUE", "FALSE"}:
        return word in {"ON", "TRUE"}
    raise Refused(f"{str(value)[:32]!r} is neither ON nor OFF")


def says_on(payload: bytes) -> bool:
    """Whether a payload that is no proper command can only mean ON: `on!`, `1`, `yes`, a damaged `{"value": 1}`."""
    text = readable(payload).strip("\ufeff\"'.,;:! \t\r\n")
    return ON_WORD.fullmatch(text) is not None or ON_FIELD.search(text) is not None


class Text(CommandEntity):
    """A line of text that people set.

    Args:
        minimum, maximum: fewest and most characters (Home Assistant allows 255).
    """

    platform = "text"

    def __init__(self, *, minimum: int = 0, maximum: int = MAX_STATE_CHARACTERS, **traits: Any) -> None:
        super().__init__(**traits)
        self.minimum = minimum
        self.maximum = maximum

    def check_declaration(self) -> None:
        super().check_declaration()
        if not 0 <= self.minimum <= self.maximum <= MAX_STATE_CHARACTERS:
            raise self.fail(f"length {self.minimum} to {self.maximum} is not within 0 to {MAX_STATE_CHARACTERS}")

    def parse(self, payload: bytes) -> Parsed:
        parsed = parse_message(payload) if payload.strip() else Parsed("")  # how Home Assistant clears a text
        if not self.minimum <= len(parsed.value) <= self.maximum:
            raise Refused(f"{len(parsed.value)} characters (allowed: {self.minimum} to {self.maximum})")
        return parsed

    def check_value(self, value: Any) -> Any:
        return None if value is None else str(value)[: self.maximum]

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "command_topic": topics.command(self.key),
            "state_topic": topics.state,
            # This platform knows no "unknown": null would show as the text "None".
            "value_template": "{{ value_json.%s | default('', true) }}" % self.key,
            "min": self.minimum,
            "max": self.maximum,
        }


class Notify(CommandEntity):
    """A target for messages: Home Assistant's `notify.send_message`.

    Args:
        maximum: most characters of one message.
    """

    platform = "notify"
    has_state = False

    def __init__(self, *, maximum: int = 4000, **traits: Any) -> None:
        super().__init__(**traits)
        self.maximum = maximum

    def parse(self, payload: bytes) -> Parsed:
        parsed = parse_message(payload)
        if len(parsed.value) > self.maximum:
            raise Refused(f"{len(parsed.value)} characters (allowed: at most {self.maximum})")
        return parsed

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {"command_topic": topics.command(self.key)}


def parse_message(payload: bytes) -> Parsed:
    """Free text, or the JSON form with the text as `value`; text that only looks like JSON is text."""
    text = decode_text(payload)
    if text.startswith("{"):
        try:
            parsed = parse_envelope(payload)
        except Refused:
            return Parsed(text)
        if isinstance(parsed.value, str):
            return parsed
    return Parsed(text)


class Update(CommandEntity):
    """A software version and, where there is one, the newer one: the method installs it.

    Its value is a dictionary: `installed_version`, `latest_version` (None = unknown), and where they serve
    `in_progress`, `update_percentage`, `title`, `release_summary`, `release_url`.
    """

    platform = "update"
    takes_value = False
    KEYS = frozenset(
        "installed_version latest_version in_progress update_percentage title release_summary release_url".split()
    )

    def parse(self, payload: bytes) -> Parsed:
        return parse_word(payload, "INSTALL")

    def check_value(self, value: Any) -> Any:
        if value is not None and not (isinstance(value, dict) and self.KEYS >= value.keys() >= {"installed_version"}):
            raise ValueError(
                f"{self.key}: needs installed_version, and of {', '.join(sorted(self.KEYS))} what it knows"
            )
        if value is None:
            return None
        # Home Assistant refuses the whole object for a null in it, but for this one.
        return {key: item for key, item in value.items() if item is not None or key == "update_percentage"}

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "command_topic": topics.command(self.key),
            "payload_install": "INSTALL",
            "state_topic": topics.state,
            # Home Assistant passes an empty object over, but would show null as the version "null".
            "value_template": "{{ value_json.%s | default({}, true) | tojson }}" % self.key,
        }


class Command(CommandEntity):
    """A command with a payload of its own shape, for MQTT only: Home Assistant shows nothing for it.

    Args:
        parse: reads the payload; raises `Refused` with the reason.
        example: a payload for the reference of topics.
        always_obeyed: tells the values that can only make the car safer.
    """

    has_state = False

    def __init__(
        self,
        *,
        parse: Callable[[bytes], Parsed],
        example: str,
        always_obeyed: Callable[[Any], bool] = lambda value: False,  # noqa: ARG005
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        self._parse = parse
        self._always_obeyed = always_obeyed
        self.example = example

    def parse(self, payload: bytes) -> Parsed:
        return self._parse(payload)

    def always_obeyed(self, value: Any) -> bool:
        return self._always_obeyed(value)
