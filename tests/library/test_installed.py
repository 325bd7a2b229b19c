"""Bridges are found by their name, their settings without the libraries that they need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridges
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.installed import find_bridge, find_settings

SETTINGS = """
from smartcar_mqtt.config import Section

class FrontLightSettings(Section, frozen=True):
    pin: int = 4
"""
NAMELESS = """
from smartcar_mqtt.bridge import Bridge

class FrontLight(Bridge):
    title = "Front light"
"""


@pytest.fixture
def front_light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a bridge `front_light` that counts as installed and has no file of its own yet."""
    folder = tmp_path / "front_light"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.setattr(bridges, "__path__", [*bridges.__path__, str(tmp_path)])
    yield folder
    for module in [module for module in sys.modules if module.startswith("bridges.front_light")]:
        del sys.modules[module]
    vars(bridges).pop("front_light", None)


@pytest.mark.usefixtures("front_light")
def test_a_folder_is_a_bridge() -> None:
    assert "front_light" in bridge_names()


def test_settings_of_a_name_of_two_words_are_found_without_the_libraries(front_light: Path) -> None:
    (front_light / "bridge.py").write_text("import a_library_that_is_not_here\n")
    (front_light / "settings.py").write_text(SETTINGS)
    assert find_settings("front_light").__name__ == "FrontLightSettings"


def test_a_bridge_without_a_class_of_its_name_says_what_is_missing(front_light: Path) -> None:
    (front_light / "bridge.py").write_text(NAMELESS)
    with pytest.raises(TypeError, match=r"front_light/bridge\.py has no subclass of Bridge .* 'front_light'"):
        find_bridge("front_light")
