"""Section `thermometer` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartcar_mqtt.config import Section, SimulatedCar


class ThermometerSettings(Section, frozen=True):
    """Settings of the thermometer. Times in s."""

    device: str = "/sys/class/thermal/nowhere/temp"
    """File that holds the temperature in °C."""
    interval: float = 5.0
    """Time between two readings."""

    @classmethod
    def for_demo(cls, car: SimulatedCar) -> dict[str, Any]:
        """What the demo has in place of the hardware."""
        return {"device": str(Path(__file__).parent / "data/simulated.txt")}
