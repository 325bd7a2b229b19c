"""Section `display` of the configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from smartcar_mqtt.config import Section, SimulatedCar

Pixels = Annotated[int, Meta(ge=32, le=4096)]


class DisplaySettings(Section, frozen=True):
    """Settings of the display bridge. Times in s."""

    driver: Literal["framebuffer", "none"] = "framebuffer"
    """How the panel is reached; "none": there is none (the demo), its picture and its entities are there."""
    device: Annotated[str, Meta(min_length=1)] = "/dev/fb0"
    """The panel's framebuffer; size and format are read from the kernel."""
    width: Pixels = 480
    """Width of the picture where there is no panel."""
    height: Pixels = 320
    """Its height."""
    rotation: Literal[0, 90, 180, 270] = 0
    """By how many degrees the picture is turned clockwise."""
    swap_red_blue: bool = False
    """true for a panel that shows red as blue."""
    theme: Literal["light", "dark", "mono"] = "dark"
    """Colours of the face; "mono" is for panels with black and white only, and chosen for them by itself."""
    backlight: str = ""
    """Which of /sys/class/backlight is the panel's; empty: the first there is."""
    mirror_gaze: bool = True
    """true where camera and face look the same way: who stands at the left of the camera's picture then stands at the
    right of the screen."""
    fps: Annotated[int, Meta(ge=1, le=30)] = 15
    """Most pictures a second; a panel on SPI takes about 13."""
    sleep_after: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """Time without use after which the face falls asleep; 0: never."""
    image_interval: Annotated[float, Meta(ge=0.2, le=3600)] = 1.0
    """Shortest time between two pictures of the face for Home Assistant."""

    @classmethod
    def for_demo(cls, car: SimulatedCar) -> dict[str, Any]:  # noqa: ARG003 - it needs neither line nor room
        """What the demo has in place of the hardware."""
        return {"driver": "none"}
