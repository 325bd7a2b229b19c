"""From colours to the bytes for a strip of WS2812 pixels: brightness, gamma, current limit, order of channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from bridges.led.effects.colours import Colour

MILLIAMPS_A_CHANNEL = 20
"""What one channel of a pixel draws at its highest level (WS2812B: three of them, 60 mA in white)."""
MILLIAMPS_IDLE = 1
"""What a pixel draws for its own electronics, dark or not."""
FULL = 255


class Output:
    """Makes a frame of bytes of a list of colours.

    Args:
        count: number of pixels.
        order: in which order the strip takes the channels, such as GRB.
        gamma: exponent between what is seen and the light that a pixel gives; 1 = off.
        max_brightness: share of a pixel's light, and so of its current, that is used at most; 0 to 1.
        max_milliamps: what the whole strip may draw; 0 = no limit.

    Raises:
        ValueError: an argument is out of range; the text says which and why.
    """

    def __init__(
        self,
        count: int,
        order: str = "GRB",
        gamma: float = 2.2,
        max_brightness: float = 1.0,
        max_milliamps: float = 0.0,
    ) -> None:
        if count < 1:
            raise ValueError(f"a ring of {count} pixels: must have at least 1")
        if sorted(order) != ["B", "G", "R"]:
            raise ValueError(f"order {order!r} must have each of the letters R, G and B once, such as GRB")
        if not 0 < gamma <= 5:
            raise ValueError(f"gamma {gamma:g} is out of range (allowed: above 0 to 5)")
        if not 0 <= max_brightness <= 1:
            raise ValueError(f"max_brightness {max_brightness:g} is out of range (allowed: 0 to 1)")
        if max_milliamps and max_milliamps < count * MILLIAMPS_IDLE:
            raise ValueError(
                f"max_milliamps {max_milliamps:g} is too little: {count} pixels draw "
                f"{count * MILLIAMPS_IDLE} mA even when they are dark (0 = no limit)"
            )
        self.count = count
        self._channels = tuple("RGB".index(letter) for letter in order)
        self._gamma = gamma
        self._max_brightness = max_brightness
        self._budget: int | None = None
        """The largest sum of all levels; None = no limit."""
        if max_milliamps:
            self._budget = int((max_milliamps - count * MILLIAMPS_IDLE) * FULL / MILLIAMPS_A_CHANNEL)
        self._tables: dict[int, bytes] = {}

    def encode(self, colours: Sequence[Colour], brightness: int = FULL) -> bytes:
        """The bytes of one frame, three for each pixel.

        A pixel with any colour is lit, however dim: where gamma would round it to 0, its
        strongest channels get level 1. The current limit comes before that: it dims all pixels alike.

        Args:
            colours: one for each pixel.
            brightness: of the whole, 0 to 255, as the eye sees it.

        Raises:
            ValueError: not as many colours as pixels.
        """
        if len(colours) != self.count:
            raise ValueError(f"{len(colours)} colours for a ring of {self.count} pixels")
        wanted = bytes(chain.from_iterable(colours))
        levels = wanted.translate(self._table(brightness))
        if brightness and self._max_brightness and levels.count(0) > wanted.count(0):
            levels = rescued(wanted, levels)
        if self._budget is not None:
            total = sum(levels)
            if total > self._budget:
                budget = self._budget
                levels = bytes([level * budget // total for level in levels])
        frame = bytearray(len(levels))
        for place, channel in enumerate(self._channels):
            frame[place::3] = levels[channel::3]
        return bytes(frame)

    def milliamps(self, frame: bytes) -> float:
        """What the strip draws while it shows these bytes, by the model of MILLIAMPS_A_CHANNEL and MILLIAMPS_IDLE."""
        return self.count * MILLIAMPS_IDLE + sum(frame) * MILLIAMPS_A_CHANNEL / FULL

    def _table(self, brightness: int) -> bytes:
        """Value of a colour → level of the LED."""
        table = self._tables.get(brightness)
        if table is None:
            dimming = brightness / FULL
            light = FULL * self._max_brightness
            table = bytes(round(light * (value / FULL * dimming) ** self._gamma) for value in range(256))
            self._tables[brightness] = table
        return table


def rescued(wanted: bytes, levels: bytes) -> bytes:
    """The same levels, but at least 1 in the strongest channels of a pixel that has any colour."""
    rescue = bytearray(levels)
    for place in range(0, len(levels), 3):
        if not any(levels[place : place + 3]):
            strongest = max(wanted[place : place + 3])
            if strongest:
                for channel in range(place, place + 3):
                    rescue[channel] = wanted[channel] == strongest
    return bytes(rescue)
