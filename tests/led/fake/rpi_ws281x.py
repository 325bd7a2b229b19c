"""Stands in for the package `rpi_ws281x`: what it was told, and its clean-up at exit.

$FAKE_WS281X may be `no begin` or `no show`: what fails then.
"""

from __future__ import annotations

import atexit
import os

STRIPS: list[PixelStrip] = []


class PixelStrip:
    """A strip of pixels."""

    def __init__(
        self,
        num: int,
        pin: int,
        freq_hz: int = 800_000,
        dma: int = 10,
        invert: bool = False,
        brightness: int = 255,
        channel: int = 0,
        strip_type: int | None = None,
        gamma: list[int] | None = None,
    ) -> None:
        self.made_with = {"num": num, "pin": pin, "channel": channel, "strip_type": strip_type}
        self.pixels = [0] * num
        self.shown: list[list[int]] = []
        self.began = False
        self.cleaned = 0
        STRIPS.append(self)
        atexit.register(self._cleanup)

    def begin(self) -> None:
        if os.environ.get("FAKE_WS281X") == "no begin":
            raise RuntimeError("ws2811_init failed with code -3 (Hardware revision is not supported)")
        self.began = True

    def setPixelColor(self, n: int, color: int) -> None:  # noqa: N802 - its name there
        self.pixels[n] = color

    def show(self) -> None:
        if os.environ.get("FAKE_WS281X") == "no show":
            raise RuntimeError("ws2811_render failed with code -10 (DMA error)")
        self.shown.append(self.pixels[:])

    def _cleanup(self) -> None:
        if not self.began:
            os.abort()  # the real one frees what was never made, and dies
        self.cleaned += 1
