"""The ways to the pixels: what they write, and what they say when they cannot."""

from __future__ import annotations

import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridges.led.settings import LedSettings
from bridges.led.strip import drivers
from bridges.led.strip.drivers import DriverError, NoRing, Ring, SpiRing, Ws281xRing, ring_for
from tests.led.bus import FakeBus
from tests.led.strip.waveform import bytes_of

PI_4 = "Raspberry Pi 4 Model B Rev 1.4"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the kernel names the board: a Raspberry Pi 4, and we are root on it."""
    file = tmp_path / "model"
    file.write_text(PI_4 + "\0")
    monkeypatch.setattr(drivers, "BOARD_MODEL", file)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return file


# -- choice ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("spi", SpiRing), ("ws281x", Ws281xRing), ("none", NoRing)])
def test_the_configuration_chooses(name: str, kind: type[Ring]) -> None:
    ring = ring_for(LedSettings(driver=name))  # type: ignore[arg-type]
    assert type(ring) is kind
    assert ring.name == name


def test_no_ring_takes_everything() -> None:
    ring = NoRing()
    ring.open()
    ring.show(b"abc")
    ring.close()


# -- SPI ---------------------------------------------------------------------------------------------------------------


def test_spi_writes_one_transfer_for_each_picture(bus: FakeBus) -> None:
    ring = SpiRing("/dev/spidev1.2", 2)
    ring.open()
    ring.show(b"\x01\x02\x03\x0a\x0b\x0c")
    ring.show(bytes(6))
    assert [bytes_of(stream) for stream in bus.streams] == [b"\x01\x02\x03\x0a\x0b\x0c", bytes(6)]
    assert bus.opened == ["1.2"]


def test_spi_can_be_opened_again(bus: FakeBus) -> None:
    ring = SpiRing(pixels=1)
    bus.unplug()
    with pytest.raises(DriverError):
        ring.open()
    bus.plug()
    ring.open()
    ring.close()
    ring.close()
    ring.open()
    ring.show(b"abc")
    assert bus.count == 1


def test_a_missing_spi_device_names_the_setting_that_brings_it(bus: FakeBus) -> None:
    bus.unplug()
    with pytest.raises(DriverError, match=r"^/dev/spidev0\.0 is not there: add dtparam=spi=on to .*config\.txt"):
        SpiRing().open()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.EACCES, r"usermod -aG spi"), (errno.ENOTTY, "is no SPI device; correct led.device"), (errno.EIO, "Input")],
)
def test_an_spi_device_that_cannot_be_opened_says_what_to_do(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(importlib.import_module("spidev").SpiDev, "open", refuse)
    with pytest.raises(DriverError, match=rf"^/dev/spidev0\.0 .*{sentence}"):
        SpiRing().open()


@pytest.mark.parametrize(("number", "sentence"), [(errno.ENODEV, "has gone"), (errno.EIO, "does not take data")])
def test_a_failed_write_is_told(bus: FakeBus, number: int, sentence: str) -> None:
    ring = SpiRing(pixels=1)
    ring.open()
    bus.refuse(number)
    with pytest.raises(DriverError, match=sentence):
        ring.show(b"abc")


def test_writing_before_opening_is_an_error() -> None:
    with pytest.raises(DriverError, match="not open"):
        SpiRing().show(b"abc")
    with pytest.raises(DriverError, match="not open"):
        Ws281xRing().show(b"abc")


@pytest.mark.parametrize(("name", "driver"), [("spidev", SpiRing), ("rpi_ws281x", Ws281xRing)])
def test_a_missing_package_names_what_to_install(
    board: Path, monkeypatch: pytest.MonkeyPatch, name: str, driver: type[Ring]
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as Python does for what is known not to be there
    with pytest.raises(DriverError, match=rf"needs the Python package {name.replace('_', '-')}; run: pip install"):
        driver().open()


def test_a_picture_that_does_not_fit_into_one_transfer_is_refused(
    bus: FakeBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "bufsiz"
    monkeypatch.setattr(drivers, "SPIDEV_BUFFER", limit)
    limit.write_text("2048\n")
    SpiRing(pixels=151).open()
    with pytest.raises(DriverError, match=r"^152 pixels need 2050 bytes .* allows 2048; .*spidev\.bufsiz=2050"):
        SpiRing(pixels=152).open()
    limit.unlink()
    SpiRing(pixels=300).open()
    with pytest.raises(DriverError, match="allows 4096"):
        SpiRing(pixels=400).open()


def test_the_real_spidev_is_used_as_it_is() -> None:
    spidev = pytest.importorskip("spidev")
    assert callable(spidev.SpiDev.writebytes2)
    with pytest.raises(DriverError, match=r"^/dev/spidev99\.0 is not there"):
        SpiRing("/dev/spidev99.0").open()


# -- PWM and PCM -------------------------------------------------------------------------------------------------------


def test_ws281x_hands_the_bytes_over_in_the_order_that_they_have(board: Path, bus: FakeBus) -> None:
    package = importlib.import_module("rpi_ws281x")
    ring = Ws281xRing(13, 2)
    ring.open()
    ring.show(b"\x01\x02\x03\x0a\x0b\x0c")
    strip = package.STRIPS[-1]
    # WS2811_STRIP_RGB: the colour 0xRRGGBB leaves as R, G, B
    assert strip.made_with == {"num": 2, "pin": 13, "channel": 1, "strip_type": 0x00100800}
    assert strip.shown == [[0x010203, 0x0A0B0C]]
    ring.close()
    ring.close()
    assert strip.cleaned == 1


@pytest.mark.parametrize(
    ("model", "works"),
    [
        (PI_4, True),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", True),
        ("Raspberry Pi Zero 2 W Rev 1.0", True),
        ("Raspberry Pi 400 Rev 1.0", True),
        ("Raspberry Pi Model B Rev 2", True),
        ("Raspberry Pi Compute Module 4S Rev 1.0", True),
        ("Raspberry Pi 5 Model B Rev 1.0", False),
        ("Raspberry Pi 500 Rev 1.0", False),
        ("Raspberry Pi Compute Module 5 Rev 1.0", False),
        ("Orange Pi 4", False),
    ],
)
def test_ws281x_looks_at_the_board_before_it_imports_anything(
    board: Path, bus: FakeBus, monkeypatch: pytest.MonkeyPatch, model: str, works: bool
) -> None:
    board.write_text(model + "\0")
    monkeypatch.delitem(sys.modules, "rpi_ws281x", raising=False)
    if works:
        ring = Ws281xRing()
        ring.open()
        ring.close()
    else:
        with pytest.raises(DriverError, match=rf"this is {model}; set led\.driver: spi"):
            Ws281xRing().open()
    assert ("rpi_ws281x" in sys.modules) == works


def test_ws281x_where_there_is_no_raspberry_pi(board: Path) -> None:
    board.unlink()
    with pytest.raises(DriverError, match="this is no Raspberry Pi"):
        Ws281xRing().open()


def test_ws281x_needs_root(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DriverError, match="needs root"):
        Ws281xRing().open()


def open_ws281x_in_a_process(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Try to, as root on a Raspberry Pi 4, and end in order."""
    model = tmp_path / "model"
    model.write_text(PI_4)
    script = f"""
import os, pathlib
from bridges.led.strip import drivers
drivers.BOARD_MODEL = pathlib.Path({str(model)!r})
os.geteuid = lambda: 0
try:
    drivers.Ws281xRing().open()
except drivers.DriverError as error:
    print(error)
"""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


def test_a_failed_start_of_ws281x_does_not_kill_the_process_at_its_end(
    bus: FakeBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WS281X", "no begin")
    done = open_ws281x_in_a_process(tmp_path)
    assert "GPIO 18 cannot drive the ring: ws2811_init failed with code -3" in done.stdout
    assert "; check led.pin" in done.stdout
    assert done.returncode == 0, done.stderr


def test_nor_does_the_real_one(tmp_path: Path) -> None:
    pytest.importorskip("rpi_ws281x")
    done = open_ws281x_in_a_process(tmp_path)
    assert "cannot drive the ring" in done.stdout
    assert done.returncode == 0, done.stderr


def test_a_failed_picture_of_ws281x_is_told(board: Path, bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ws281xRing(pixels=1)
    ring.open()
    monkeypatch.setenv("FAKE_WS281X", "no show")
    with pytest.raises(DriverError, match="GPIO 18 does not take data"):
        ring.show(b"abc")
    ring.close()
