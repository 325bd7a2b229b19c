"""Fixtures of the LED ring's tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.led.bus import FakeBus
from tests.led.desk import LedDesk

FAKES = Path(__file__).parent / "fake"


def fake_bus(folder: Path, patch: pytest.MonkeyPatch) -> FakeBus:
    """An SPI bus with a ring on it: the packages `spidev` and `rpi_ws281x` are those of the folder `fake`.

    That is so in this process and in those that it starts, until the patch is taken back.
    """
    for name in ("spidev", "rpi_ws281x"):
        patch.delitem(sys.modules, name, raising=False)
    patch.syspath_prepend(str(FAKES))
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(FAKES), os.environ.get("PYTHONPATH")))))
    patch.setenv("FAKE_SPI", str(folder))
    return FakeBus(folder)


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBus]:
    """An SPI bus for one test."""
    folder = tmp_path / "spi"
    folder.mkdir()
    yield fake_bus(folder, monkeypatch)
    for name in ("spidev", "rpi_ws281x"):
        sys.modules.pop(name, None)


@pytest.fixture
def make_desk(tmp_path: Path, bus: FakeBus) -> Iterator[Callable[..., LedDesk]]:
    """Makes the bridge with these settings, not connected yet; closed with the test."""
    made: list[LedDesk] = []

    def make(**settings: Any) -> LedDesk:
        made.append(LedDesk(tmp_path / "state", bus, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def desk(make_desk: Callable[..., LedDesk]) -> LedDesk:
    """One that is connected."""
    desk = make_desk()
    desk.connect()
    return desk
