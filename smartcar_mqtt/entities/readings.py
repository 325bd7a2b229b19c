"""Entities that only report a value: sensor and binary_sensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smartcar_mqtt.entities.base import Entity, Topics
from smartcar_mqtt.entities.bounds import bounded_text
from smartcar_mqtt.entities.choices import Choices, shown_template
from smartcar_mqtt.entities.numbers import is_number
from smartcar_mqtt.entities.rules import NOT_NUMERIC, ONLY_TOTALS, STATE_CLASSES, unit_problem


class Sensor(Entity):
    """A measured or reported value.

    Args:
        unit: unit of measurement; the value is then a number.
        state_class: "measurement", "total" or "total_increasing" for what Home Assistant shall keep statistics of.
        precision: decimals that are published and shown.
        options: the values of an enumeration; makes the device class "enum". A mapping of values to words lets Home
            Assistant show the words (`friendly(...)`); automations there see the words too.
    """

    platform = "sensor"

    def __init__(
        self,
        *,
        unit: str | None = None,
        state_class: str | None = None,
        precision: int | None = None,
        options: Iterable[str] | Mapping[str, str] = (),
        device_class: str | None = None,
        **traits: Any,
    ) -> None:
        if not isinstance(options, Mapping):
            options = tuple(options)
        super().__init__(device_class="enum" if options and device_class is None else device_class, **traits)
        self.unit = unit
        self.state_class = state_class
        self.precision = precision
        self.options = tuple(options)
        self.choices = Choices(options)

    @property
    def numeric(self) -> bool:
        """Whether Home Assistant expects a number."""
        if self.device_class is not None and self.device_class not in NOT_NUMERIC:
            return True  # also those without a unit, such as "aqi"
        return self.unit is not None or self.state_class is not None or self.precision is not None

    def check_declaration(self) -> None:
        super().check_declaration()
        if self.state_class is not None and self.state_class not in STATE_CLASSES:
            raise self.fail(f"unknown state class {self.state_class!r} (allowed: {', '.join(sorted(STATE_CLASSES))})")
        if (self.device_class == "enum") != bool(self.options):
            raise self.fail("device class 'enum' and options belong together")
        problem = self.choices.problem()
        if problem:
            raise self.fail(problem)
        if self.device_class is None:
            return
        if self.device_class in NOT_NUMERIC and self.numeric:
            raise self.fail(f"device class {self.device_class!r} takes neither unit nor state class nor precision")
        problem = unit_problem(self.device_class, self.unit)
        if problem:
            raise self.fail(problem)
        if self.device_class in ONLY_TOTALS and self.state_class not in {None, "total", "total_increasing"}:
            raise self.fail(f"state class {self.state_class!r} does not fit device class {self.device_class!r}")

    def check_value(self, value: Any) -> Any:
        if value is None:
            return None
        if self.options and value not in self.options:
            raise ValueError(f"{self.key}: {value!r} is not one of {self.choices.listed(value)}")
        if self.numeric:
            if not is_number(value):
                raise ValueError(f"{self.key}: {value!r} is not a number")
            if self.precision is not None:
                return round(value, self.precision) if self.precision else round(value)
            return value
        return bounded_text(str(value))

    def traits(self, topics: Topics) -> dict[str, Any]:
        renamed = self.choices.renamed
        return {
            "state_topic": topics.state,
            "value_template": shown_template(self.key, renamed) if renamed else self.state_template(),
            "unit_of_measurement": self.unit,
            "state_class": self.state_class,
            "suggested_display_precision": self.precision,
            "options": list(self.choices.words.values()) or None,
        }


class BinarySensor(Entity):
    """A binary state: on, off or unknown."""

    platform = "binary_sensor"

    def check_value(self, value: Any) -> Any:
        return check_on_off(self.key, value)

    def traits(self, topics: Topics) -> dict[str, Any]:
        return {
            "state_topic": topics.state,
            "value_template": self.state_template(),
            **as_payloads("payload"),
        }


def as_payloads(kind: str) -> dict[str, str]:
    """How Home Assistant's templates render JSON's true and false, as on and off of the given kind of key."""
    return {f"{kind}_on": "True", f"{kind}_off": "False"}


def check_on_off(key: str, value: Any) -> Any:
    """True, False or None (unknown), unchanged; raises ValueError for anything else."""
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{key}: {value!r} is neither True, False nor None")
    return value
