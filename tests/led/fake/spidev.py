"""Stands in for the package `spidev`, with its signatures and its errors: the lowest level that exists here.

The folder in $FAKE_SPI is the bus: while it holds a file `present` there is a device, and each write is appended to its
file `written`, as one line of hexadecimal digits. A file `refuses` has the number of the error that writes end in; a
file `bug` makes one write fail as no device does, and goes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path


class SpiDev:
    """An SPI device."""

    def __init__(self) -> None:
        self.max_speed_hz = 500_000
        self.mode = 0
        self._open = False

    @property
    def _folder(self) -> Path:
        return Path(os.environ["FAKE_SPI"])

    def open(self, bus: int, device: int) -> None:
        if not (self._folder / "present").exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._open = True
        with (self._folder / "opened").open("a") as file:
            file.write(f"{bus}.{device}\n")

    def writebytes2(self, values: Sequence[int]) -> None:
        if not self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if not (self._folder / "present").exists():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        refuses = self._folder / "refuses"
        if refuses.exists():
            number = int(refuses.read_text())
            raise OSError(number, os.strerror(number))
        bug = self._folder / "bug"
        if bug.exists():
            bug.unlink()
            raise ZeroDivisionError("a bug")
        assert (self.max_speed_hz, self.mode) == (3_000_000, 0)
        with (self._folder / "written").open("a") as file:
            file.write(bytes(values).hex() + "\n")

    def close(self) -> None:
        self._open = False
