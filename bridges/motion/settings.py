"""Section `motion` of the configuration."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from smartcar_mqtt.config import Section, SimulatedCar

Centimetres = Annotated[int, Meta(ge=0, le=400)]
RawGas = Annotated[int, Meta(ge=0, le=4095)]


class MotionSettings(Section, frozen=True):
    """What the motion bridge can be told. Distances in cm, times in s."""

    device: Annotated[str, Meta(min_length=1)] = "/dev/serial0"
    """Serial device, or any address that pyserial knows (`socket://host:port`, `rfc2217://...`)."""
    baud: Annotated[int, Meta(ge=1200, le=4_000_000)] = 115_200
    """Speed of the serial line in bits a second; the firmware's is 115200."""
    default_lease: Annotated[float, Meta(ge=0.1, le=5)] = 1.0
    """How long a move lasts when the command does not say."""
    max_lease: Annotated[float, Meta(ge=0.1, le=30)] = 5.0
    """Longest move that one command may ask for."""
    blind_lease: Annotated[float, Meta(ge=0.1, le=1)] = 0.5
    """Longest move forward while no distance sensor hears an echo."""
    manual_hold: Annotated[float, Meta(ge=0, le=60)] = 2.0
    """How long the assistant may not move after a command by hand."""
    stale_after: Annotated[float, Meta(ge=0.2, le=2)] = 0.5
    """Age of the newest data from the ESP32 at which the car stops."""
    obstacle_cm: Centimetres = 10
    """Nearest echo at or below which there is an obstacle (the firmware's own value is 10)."""
    warning_cm: Centimetres = 20
    """Nearest echo at or below which moving forward is refused (the firmware's own value is 20)."""
    hysteresis_cm: Annotated[int, Meta(ge=0, le=20)] = 2
    """How much farther than that the nearest echo must be before the zone counts as left."""
    swap_left_right: bool = True
    """Whether LEFT and RIGHT of the firmware are exchanged.

    true is right for the wiring of docs/serial-protocol.md, with which the firmware's LEFT turns the car clockwise;
    where "left" turns the car to the right, it must be the other value. A scan turns by it too.
    """
    gas_alarm: RawGas = 1000
    """Raw value of the gas sensor at which the alarm goes on."""
    gas_clear: RawGas = 800
    """Raw value below which the alarm goes off again."""
    scan_turn: Annotated[float, Meta(ge=0.05, le=2)] = 0.2
    """How long the car turns for one step of a scan (an eighth of a full turn)."""
    scan_settle: Annotated[float, Meta(ge=0, le=2)] = 0.1
    """How long it stands still before a step's distances count."""

    def __post_init__(self) -> None:
        """Hold values against each other."""
        if self.gas_clear >= self.gas_alarm:
            raise ValueError("gas_clear must be below gas_alarm")
        if self.obstacle_cm > self.warning_cm:
            raise ValueError("obstacle_cm must not be above warning_cm")
        if self.default_lease > self.max_lease:
            raise ValueError("default_lease must not be above max_lease")

    @classmethod
    def for_demo(cls, car: SimulatedCar) -> dict[str, Any]:
        """What the demo has in place of the hardware."""
        return {"device": car.serial}
