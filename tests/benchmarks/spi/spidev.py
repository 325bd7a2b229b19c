"""Stands in for the package `spidev`: one system call for each transfer, as there, into the file $BENCH_SPI."""

from __future__ import annotations

import os


class SpiDev:
    """An SPI device."""

    def __init__(self) -> None:
        self.max_speed_hz = 0
        self.mode = 0
        self._file = -1

    def open(self, bus: int, device: int) -> None:
        self._file = os.open(os.environ["BENCH_SPI"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def writebytes2(self, values: bytes) -> None:
        os.write(self._file, values)

    def close(self) -> None:
        os.close(self._file)
