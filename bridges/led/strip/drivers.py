"""Drivers of the pixels: SPI, the Raspberry Pi's PWM or PCM, and none.

The configuration names one. There is no fallback to another: what is missing is a DriverError.
"""

from __future__ import annotations

import atexit
import errno
import importlib
import os
import re
from pathlib import Path
from typing import Any, Protocol

from bridges.led.settings import LedSettings
from bridges.led.strip.ws2812 import SPI_HZ, encode, encoded_size

SPIDEV_BUFFER = Path("/sys/module/spidev/parameters/bufsiz")
SPIDEV_BUFFER_BYTES = 4096
"""The kernel's default, used where it cannot be read."""
BOARD_MODEL = Path("/proc/device-tree/model")
BOARDS_OF_WS281X = re.compile(r"Raspberry Pi (Model|Zero|[234]|Compute Module (Rev|[34]))")
"""Raspberry Pi 0 to 4, as the kernel names them; rpi-ws281x knows no later one."""
CHANNEL_OF_PIN = {12: 0, 13: 1, 18: 0, 19: 1, 21: 0}
"""GPIO → channel of the PWM block (PCM has one only). Source: pin tables of the rpi_ws281x C library."""
AS_GIVEN = 0x00100800
"""WS2811_STRIP_RGB of that library: channels leave in the order in which we give them."""
WIRING = "see docs/led-ring.md"


class DriverError(Exception):
    """The ring cannot be reached; the text says what is wrong, where, and what to do."""


class Ring(Protocol):
    """Pixels behind some piece of hardware. To be used from one thread at a time."""

    name: str
    """What `led.driver` calls it."""

    def open(self) -> None:
        """Open the hardware without waiting; raises DriverError. It may be called again after a failure."""

    def show(self, data: bytes) -> None:
        """Light the pixels: three bytes each, in the strip's order of channels; raises DriverError."""

    def close(self) -> None:
        """Close the hardware; the pixels stay as they are. Does nothing when it is not open."""


class NoRing:
    """No pixels at all: for a car without a ring and for the demo."""

    name = "none"

    def open(self) -> None:
        """Nothing to open."""

    def show(self, data: bytes) -> None:
        """Nothing to show it on."""

    def close(self) -> None:
        """Nothing to close."""


class SpiRing:
    """WS2812 pixels on the data line (MOSI) of an SPI bus: no root, any Raspberry Pi.

    Args:
        device: `/dev/spidevB.D`.
        pixels: how many; a picture must fit into one transfer, since a pause within it would be the end of it.
    """

    name = "spi"

    def __init__(self, device: str = "/dev/spidev0.0", pixels: int = 16) -> None:
        self.device = device
        self.pixels = pixels
        self._spi: Any = None

    def open(self) -> None:
        self.close()
        needed, allowed = encoded_size(self.pixels), transfer_limit()
        if needed > allowed:
            raise DriverError(
                f"{self.pixels} pixels need {needed} bytes in one SPI transfer, and the kernel allows {allowed}; "
                f"lower led.pixels, or add spidev.bufsiz={needed} to /boot/firmware/cmdline.txt and restart"
            )
        spidev = load_package("spidev", "spi")
        bus, device = (int(number) for number in re.findall(r"\d+", self.device))
        spi = spidev.SpiDev()
        try:
            spi.open(bus, device)
            spi.max_speed_hz = SPI_HZ
            spi.mode = 0
        except OSError as error:
            spi.close()
            raise DriverError(explain_spi(self.device, error)) from None
        self._spi = spi

    def show(self, data: bytes) -> None:
        if self._spi is None:
            raise DriverError(f"{self.device} is not open")
        try:
            self._spi.writebytes2(encode(data))
        except OSError as error:
            raise DriverError(explain_spi(self.device, error)) from None

    def close(self) -> None:
        spi, self._spi = self._spi, None
        if spi is not None:
            spi.close()


class Ws281xRing:
    """Pixels on a PWM or PCM pin of a Raspberry Pi 0 to 4, by DMA: needs root.

    Args:
        pin: GPIO number.
        pixels: how many.
    """

    name = "ws281x"

    def __init__(self, pin: int = 18, pixels: int = 16) -> None:
        self.pin = pin
        self.pixels = pixels
        self._strip: Any = None

    def open(self) -> None:
        self.close()
        # Before the import: where its start fails, this package takes the whole process down at its end.
        model = board_model()
        if not BOARDS_OF_WS281X.match(model):
            raise DriverError(
                f"led.driver ws281x works on a Raspberry Pi 0 to 4 only, and this is {model or 'no Raspberry Pi'}; "
                f"set led.driver: spi ({WIRING}), or none"
            )
        if os.geteuid() != 0:
            raise DriverError(
                f"led.driver ws281x needs root, since it reaches GPIO {self.pin} through /dev/mem; set led.driver: spi "
                f"({WIRING}), or run this bridge as root"
            )
        strip = load_package("rpi_ws281x", "ws281x").PixelStrip(
            self.pixels, self.pin, channel=CHANNEL_OF_PIN[self.pin], strip_type=AS_GIVEN
        )
        try:
            strip.begin()
        except RuntimeError as error:
            # Its clean-up at exit frees what was never made: the process would die of SIGSEGV.
            atexit.unregister(strip._cleanup)  # noqa: SLF001 - there is no public way
            raise DriverError(
                f"GPIO {self.pin} cannot drive the ring: {error}; check led.pin, or set led.driver: spi"
            ) from None
        self._strip = strip

    def show(self, data: bytes) -> None:
        strip = self._strip
        if strip is None:
            raise DriverError(f"GPIO {self.pin} is not open")
        try:
            for pixel in range(min(self.pixels, len(data) // 3)):
                strip.setPixelColor(pixel, int.from_bytes(data[3 * pixel : 3 * pixel + 3], "big"))
            strip.show()
        except RuntimeError as error:
            raise DriverError(f"GPIO {self.pin} does not take data: {error}") from None

    def close(self) -> None:
        strip, self._strip = self._strip, None
        if strip is not None:
            atexit.unregister(strip._cleanup)  # noqa: SLF001 - done now, and each opening registers another one
            strip._cleanup()  # noqa: SLF001 - there is no public way


def ring_for(settings: LedSettings) -> Ring:
    """The driver that the configuration names; it is not open yet."""
    if settings.driver == "spi":
        return SpiRing(settings.device, settings.pixels)
    if settings.driver == "ws281x":
        return Ws281xRing(settings.pin, settings.pixels)
    return NoRing()


def load_package(name: str, driver: str) -> Any:
    """A Python package that only one driver needs; raises DriverError where it is missing or broken."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        wanted = name.replace("_", "-")
        raise DriverError(f"led.driver {driver} needs the Python package {wanted}; run: pip install {wanted}") from None
    except ImportError as error:
        raise DriverError(f"led.driver {driver}: the Python package {name} does not load: {error}") from None


def transfer_limit() -> int:
    """Most bytes of one SPI transfer (`bufsiz` of the kernel's module `spidev`)."""
    try:
        return int(SPIDEV_BUFFER.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return SPIDEV_BUFFER_BYTES


def board_model() -> str:
    """What board this is, as the kernel names it; empty where it does not say."""
    try:
        return BOARD_MODEL.read_text(encoding="utf-8", errors="replace").rstrip("\0\n")
    except OSError:
        return ""


def explain_spi(device: str, error: OSError) -> str:
    """What went wrong with an SPI device, in one sentence with what to do."""
    if isinstance(error, FileNotFoundError):
        return f"{device} is not there: add dtparam=spi=on to /boot/firmware/config.txt and restart ({WIRING})"
    if isinstance(error, PermissionError):
        return f"{device} may not be opened: add this user to its group (sudo usermod -aG spi $USER) and log in again"
    if error.errno == errno.ENOTTY:
        return f"{device} is no SPI device; correct led.device"
    if error.errno in {errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN}:
        return f"{device} has gone: {error.strerror}"
    return f"{device} does not take data: {error.strerror or error}"
