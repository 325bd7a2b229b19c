"""Pictures in black and white only: ordered dithering, all of it in cairo's own arithmetic.

The brightness of each pixel is added to a threshold of the tile below, and the highest bit of the sum is the pixel. A
picture that is black and white already stays exactly as it is.
"""

from __future__ import annotations

from bridges.display.graphics.cairo import cairocffi
from bridges.display.panel.canvas import CHUNK, Canvas

TILE = 8
HALF = 127
"""Brightness of white; the highest bit of a byte is set from 128 on."""
DARKEST, BRIGHTEST = 0.015, 0.97
"""Thresholds lie between these: a surface that is nearly black has no stars, one that is nearly white no holes."""
RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
"""Share of each channel in the brightness that people see (ITU-R BT.709)."""


def bayer(size: int) -> list[list[int]]:
    """The ordered dithering matrix: each number below size² once, neighbours far apart in size."""
    if size == 1:
        return [[0]]
    quarter = bayer(size // 2)
    rows = []
    for row in range(size):
        offsets = (0, 2) if row < size // 2 else (3, 1)
        source = quarter[row % (size // 2)]
        rows.append([4 * value + offset for offset in offsets for value in source])
    return rows


def threshold_tile() -> cairocffi.ImageSurface:
    """What is added to a brightness from 0 to 127, so that from 128 on it is white."""
    data = bytearray()
    for row in bayer(TILE):
        for rank in row:
            threshold = DARKEST + (rank + 0.5) / TILE**2 * (BRIGHTEST - DARKEST)
            data.append(HALF - int(threshold * HALF))
    return cairocffi.ImageSurface.create_for_data(data, cairocffi.FORMAT_A8, TILE, TILE, TILE)


def brightness_table(share: float) -> bytes:
    """A channel's part of the brightness for each of its values: light adds up linearly, bytes stand for its root."""
    return bytes(round(HALF * share * linear(value / 255)) for value in range(256))


def linear(value: float) -> float:
    """Light of an sRGB value from 0 to 1 (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


TABLES = [brightness_table(share) for share in (BLUE, GREEN, RED)]
"""In the order of the bytes of a pixel."""


class Ditherer:
    """Makes pictures of one size black and white."""

    def __init__(self, width: int, height: int) -> None:
        padded = -width % 4 + width  # rows of one byte a pixel must end at four bytes
        self._colours = Canvas(cairocffi.FORMAT_RGB24, padded, height)
        self._channels = [Canvas(cairocffi.FORMAT_A8, padded, height) for _ in TABLES]
        self._grey = Canvas(cairocffi.FORMAT_A8, padded, height)
        self._bits = Canvas(cairocffi.FORMAT_A1, width, height)
        self._tile = cairocffi.SurfacePattern(threshold_tile())
        self._tile.set_extend(cairocffi.EXTEND_REPEAT)
        self._tile.set_filter(cairocffi.FILTER_NEAREST)

    def dither(self, picture: cairocffi.Pattern) -> Canvas:
        """One bit a pixel (FORMAT_A1), set where it is white; overwritten by the next picture."""
        self._colours.replace(picture)
        self._take_apart(memoryview(self._colours.data))
        self._grey.replace(self._tile)
        context = cairocffi.Context(self._grey.surface)
        context.set_operator(cairocffi.OPERATOR_ADD)
        for channel in self._channels:
            channel.surface.mark_dirty()
            context.set_source_surface(channel.surface)
            context.paint()
        self._bits.replace(cairocffi.SurfacePattern(self._grey.surface))
        return self._bits

    def _take_apart(self, data: memoryview) -> None:
        """The brightness of each channel."""
        for start in range(0, len(data), CHUNK):
            part = bytes(data[start : start + CHUNK])
            first = start // 4
            for number, (channel, table) in enumerate(zip(self._channels, TABLES, strict=True)):
                channel.data[first : first + len(part) // 4] = part[number::4].translate(table)
