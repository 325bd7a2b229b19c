"""The systemd units: a bridge that fails is started again, however often."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from smartcar_mqtt.config import bridge_names

UNITS = Path(__file__).parents[2] / "deploy/systemd"


def read_unit(name: str) -> configparser.RawConfigParser:
    """The unit of a bridge; where a key may stand several times, the last one counts."""
    unit = configparser.RawConfigParser(strict=False, interpolation=None, comment_prefixes=("#", ";"))
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string((UNITS / f"smartcar-{name}.service").read_text())
    return unit


@pytest.mark.parametrize("name", bridge_names())
def test_a_bridge_is_never_given_up(name: str) -> None:
    unit = read_unit(name)
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    service = unit["Service"]
    assert service["Restart"] == "always"
    assert float(service["RestartSec"]) <= 1
    assert int(service["RestartSteps"]) >= 1
    longest = 10 if name == "motion" else 30
    assert 1 <= float(service["RestartMaxDelaySec"]) <= longest
    assert "StartLimitBurst" not in unit["Unit"]
    assert "RestartPreventExitStatus" not in service
