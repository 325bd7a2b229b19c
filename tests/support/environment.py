"""The environment of a program under test: our settings, and nothing of this machine's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

FOREIGN = ("SMARTCAR", "MQTT_", "NOTIFY_", "WATCHDOG_", "JOURNAL_")
"""Beginnings of variables that a test's own surroundings may have set."""
SMARTCAR = str(Path(sys.executable).with_name("smartcar"))
"""The installed `smartcar` command."""


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of the car, of systemd and of the journal."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def car_environment(settings: Mapping[str, object], folder: Path | None = None) -> dict[str, str]:
    """A clean environment with settings of the car.

    Args:
        settings: configuration, `SECTION__KEY` to value.
        folder: where an empty configuration file is written and named, so that none of this machine is found.
    """
    own = {f"SMARTCAR__{name}": str(value) for name, value in settings.items()}
    if folder is not None:
        empty = folder / "system.yaml"
        empty.write_text("")
        own["SMARTCAR_CONFIG"] = str(empty)
    return {**clean_environment(), **own}
