"""Section `led`: what is allowed, and what is said of what is not."""

from __future__ import annotations

import pytest

from bridges.led.settings import LedSettings
from smartcar_mqtt.config import load
from smartcar_mqtt.config.file import ConfigError


def settings(**variables: object) -> LedSettings:
    environment = {f"SMARTCAR__LED__{name.upper()}": str(value) for name, value in variables.items()}
    return load(sections={"led": LedSettings}, environment=environment).section("led", LedSettings)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"driver": "neopixel"}, "one of none, spi, ws281x"),
        ({"device": "/dev/ttyUSB0"}, "/dev/spidev"),
        ({"pin": 17}, "one of 12, 13, 18, 19, 21"),
        ({"pixels": 0}, "from 1 to 300"),
        ({"pixels": 301}, "from 1 to 300"),
        ({"order": "GRBW"}, "one of BGR"),
        ({"brightness": 0}, "above 0 to 1|above 0 at most 1"),
        ({"fps": 0}, "from 1 to 100"),
        ({"farewell": "red"}, "#"),
        ({"max_milliamps": 100, "pixels": 60}, "max_milliamps must be at least 120"),
    ],
)
def test_what_is_not_allowed_is_said_in_words(variables: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        settings(**variables)


def test_variables_of_the_environment_are_enough() -> None:
    assert settings(driver="ws281x", pin=21, pixels=8).pin == 21


@pytest.mark.parametrize(("farewell", "colour"), [("", (0, 0, 0)), ("#0a14Ff", (10, 20, 255))])
def test_the_farewell_is_a_colour(farewell: str, colour: tuple[int, int, int]) -> None:
    assert LedSettings(farewell=farewell).farewell_colour == colour
