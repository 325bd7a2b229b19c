"""Section `led` of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import Meta

from smartcar_mqtt.config import Section, SimulatedCar


class LedSettings(Section, frozen=True):
    """Settings of the LED bridge. Times in s, currents in mA."""

    driver: Literal["spi", "ws281x", "none"] = "spi"
    """How the pixels are reached; "none": there is no ring (the demo), its picture and its entities are there."""
    device: Annotated[str, Meta(pattern=r"^/dev/spidev[0-9]+\.[0-9]+\Z")] = "/dev/spidev0.0"
    """SPI device of driver "spi"; the ring must be alone on its bus."""
    pin: Literal[12, 13, 18, 19, 21] = 18
    """GPIO of driver "ws281x": 12, 13, 18 and 19 are PWM, 21 is PCM."""
    pixels: Annotated[int, Meta(ge=1, le=300)] = 16
    """How many pixels the ring has."""
    order: Literal["GRB", "RGB", "BGR", "BRG", "GBR", "RBG"] = "GRB"
    """In which order a pixel wants its channels; WS2812: GRB."""
    brightness: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of full brightness that "100 %" in Home Assistant stands for."""
    gamma: Annotated[float, Meta(ge=1, le=4)] = 2.2
    """Exponent of the gamma correction; 1: none."""
    max_milliamps: Annotated[int, Meta(ge=20, le=20_000)] = 500
    """Most current that the whole ring may draw; brighter pictures are dimmed to it."""
    fps: Annotated[int, Meta(ge=1, le=100)] = 60
    """Most pictures a second."""
    transition: Annotated[float, Meta(ge=0, le=5)] = 0.3
    """How long one effect takes to fade into the next; safety is shown without any fading."""
    farewell: Annotated[str, Meta(pattern=r"^(#[0-9A-Fa-f]{6})?\Z")] = ""
    """Colour ("#rrggbb") that the ring is left in when the bridge ends; empty: dark."""
    picture: Literal["animated", "still", "off"] = "still"
    """The picture of the ring in Home Assistant."""

    def __post_init__(self) -> None:
        """Check values that depend on each other."""
        if self.max_milliamps < 2 * self.pixels:
            raise ValueError(f"max_milliamps must be at least {2 * self.pixels}: a dark pixel draws 1 mA already")

    @property
    def farewell_colour(self) -> tuple[int, int, int]:
        """`farewell` as a colour; black where it is empty."""
        red, green, blue = (int(part, 16) for part in re.findall("..", self.farewell.lstrip("#") or "000000"))
        return red, green, blue

    @classmethod
    def for_demo(cls, car: SimulatedCar) -> dict[str, Any]:  # noqa: ARG003 - it needs neither line nor room
        """What the demo has in place of the hardware."""
        return {"driver": "none", "picture": "animated"}
