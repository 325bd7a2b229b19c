"""Our tables of what Home Assistant accepts, held against the Home Assistant that the tests run."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from smartcar_mqtt.entities import Update
from smartcar_mqtt.entities.rules import (
    DEVICE_CLASSES,
    MAX_STATE_CHARACTERS,
    NOT_NUMERIC,
    ONLY_TOTALS,
    SENSOR_UNITS,
    STATE_CLASSES,
)
from tests.e2e.install_home_assistant import PythonMissingError, hass_program

pytestmark = pytest.mark.homeassistant

UNIT_OF_ANY_CURRENCY = {"monetary"}
"""Left out of our tables: its units are the codes of all currencies."""

# Runs in Home Assistant's own Python.
PRINT_TABLES = """
import json, sys
from homeassistant.const import MAX_LENGTH_STATE_STATE
from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.button import ButtonDeviceClass
from homeassistant.components.event import EventDeviceClass
from homeassistant.components.mqtt.update import MQTT_JSON_UPDATE_SCHEMA
from homeassistant.components.number import const as number
from homeassistant.components.sensor import const as sensor
from homeassistant.components.switch import SwitchDeviceClass
from homeassistant.components.update import UpdateDeviceClass

def units(table):
    return {str(name): sorted("" if unit is None else str(unit) for unit in found) for name, found in table.items()}

def accepted(payload):
    try:
        MQTT_JSON_UPDATE_SCHEMA(payload)
    except Exception as error:
        return str(error)
    return ""

print(json.dumps({
    "longest_state": MAX_LENGTH_STATE_STATE,
    "sensor_units": units(sensor.DEVICE_CLASS_UNITS),
    "number_units": units(number.DEVICE_CLASS_UNITS),
    "not_numeric": sorted(map(str, sensor.NON_NUMERIC_DEVICE_CLASSES)),
    "state_classes": sorted(map(str, sensor.SensorStateClass)),
    "state_classes_of": {
        str(name): sorted(map(str, found)) for name, found in sensor.DEVICE_CLASS_STATE_CLASSES.items()
    },
    "device_classes": {
        "sensor": sorted(map(str, sensor.SensorDeviceClass)),
        "number": sorted(map(str, number.NumberDeviceClass)),
        "binary_sensor": sorted(map(str, BinarySensorDeviceClass)),
        "button": sorted(map(str, ButtonDeviceClass)),
        "event": sorted(map(str, EventDeviceClass)),
        "switch": sorted(map(str, SwitchDeviceClass)),
        "update": sorted(map(str, UpdateDeviceClass)),
    },
    "updates": [accepted(payload) for payload in json.load(sys.stdin)],
}))
"""

UPDATES: tuple[dict[str, Any], ...] = (
    {"installed_version": "1.0"},
    {"installed_version": "1.0", "latest_version": None},
    {"installed_version": "1.0", "latest_version": "2.0", "in_progress": True, "update_percentage": None},
    {"installed_version": "1.0", "title": None, "release_summary": None, "release_url": None, "in_progress": None},
    {"installed_version": "1.0", "in_progress": False, "update_percentage": 30, "release_url": "https://example.org"},
)


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """Home Assistant's tables."""
    try:
        python = hass_program(print).with_name("python")
    except PythonMissingError as error:
        pytest.skip(str(error))
    updates = json.dumps([Update().check_value(value) for value in UPDATES])
    done = subprocess.run(
        [python, "-c", PRINT_TABLES], input=updates, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_device_classes(theirs: dict[str, Any]) -> None:
    for platform, ours in DEVICE_CLASSES.items():
        assert ours == set(theirs["device_classes"][platform]) - UNIT_OF_ANY_CURRENCY, platform


def test_units_of_sensors(theirs: dict[str, Any]) -> None:
    for name, ours in SENSOR_UNITS.items():
        wanted = set(theirs["sensor_units"].get(name, []))
        assert ours == (set() if wanted == {""} else wanted), name


def test_units_of_numbers(theirs: dict[str, Any]) -> None:
    for name in DEVICE_CLASSES["number"]:
        wanted = set(theirs["number_units"].get(name, []))
        assert SENSOR_UNITS[name] == (set() if wanted == {""} else wanted), name


def test_which_device_classes_have_no_number(theirs: dict[str, Any]) -> None:
    assert set(theirs["not_numeric"]) == NOT_NUMERIC


def test_state_classes(theirs: dict[str, Any]) -> None:
    assert set(theirs["state_classes"]) == STATE_CLASSES


def test_which_device_classes_are_totals_only(theirs: dict[str, Any]) -> None:
    totals = {
        name for name, allowed in theirs["state_classes_of"].items() if allowed and "total_increasing" in allowed
    } - {name for name, allowed in theirs["state_classes_of"].items() if "measurement" in allowed}
    assert totals == ONLY_TOTALS


def test_the_longest_state(theirs: dict[str, Any]) -> None:
    assert theirs["longest_state"] == MAX_STATE_CHARACTERS


def test_what_an_update_publishes_is_accepted(theirs: dict[str, Any]) -> None:
    assert theirs["updates"] == [""] * len(UPDATES)
