"""A picture of the ring at one moment.

The colours are drawn as they are: a screen bends its levels just as `output` bends those of the ring.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bridges.led.effects.base import WHITE
from bridges.led.effects.colours import Colour, blend

SIZE = 240
"""Edge of a still picture, in pixels of the screen."""
FULL = 255

SUPERSAMPLING = 2
"""Drawn this much larger and scaled down, for smooth edges."""
BACKGROUND: Colour = (16, 22, 30)
BOARD: Colour = (27, 35, 46)
BOARD_EDGE: Colour = (43, 54, 68)
UNLIT: Colour = (46, 57, 71)
RADIUS = 0.395
"""Where the lights stand, as share of the picture's edge."""
LARGEST_LIGHT = 0.054
"""Radius of a light, as share of the picture's edge; where there are many, they are smaller."""
BOARD_WIDTH = 0.078
GLOW_GAIN = 1.4
GLOW_WIDTH = 0.8
"""Of the blur, in radii of a light."""
_GAIN = [min(FULL, round(value * GLOW_GAIN)) for value in range(256)] * 3
BRIGHT_MIDDLE = ((1.0, 0.0), (0.78, 0.18), (0.55, 0.38))
"""A bright light is white towards its middle: share of its radius, and how white."""


class Ring:
    """Draws rings of one size and one number of pixels; what never changes is drawn once."""

    def __init__(self, count: int, size: int) -> None:
        self._size = size * SUPERSAMPLING
        self._light = self._size * min(LARGEST_LIGHT, RADIUS * math.pi / count * 0.8)
        self._places = [self._place(2 * math.pi * pixel / count) for pixel in range(count)]
        self._empty = empty_board(self._size, edge=SUPERSAMPLING)
        pen = ImageDraw.Draw(self._empty)
        for place in self._places:
            _disc(pen, place, self._light, UNLIT)

    def _place(self, angle: float) -> tuple[float, float]:
        """The first pixel is at the top, the others follow clockwise."""
        reach = RADIUS * self._size
        return self._size / 2 + reach * math.sin(angle), self._size / 2 - reach * math.cos(angle)

    def draw(self, colours: Sequence[Colour]) -> Image.Image:
        """The ring in these colours, one for each pixel."""
        picture = self._empty.copy()
        light = Image.new("RGB", picture.size)
        pen, light_pen = ImageDraw.Draw(picture), ImageDraw.Draw(light)
        for place, colour in zip(self._places, colours, strict=True):
            strength = max(colour) / FULL
            if not strength:
                continue
            _disc(light_pen, place, self._light, colour)
            visible = min(1.0, strength * 3)  # a dim light does not hide the unlit pixel
            for share, whiteness in BRIGHT_MIDDLE:
                shade = blend([colour], [WHITE], whiteness * strength**2)
                _disc(pen, place, self._light * share, blend([UNLIT], shade, visible)[0])
        picture = picture.reduce(SUPERSAMPLING)
        light = light.reduce(SUPERSAMPLING).filter(ImageFilter.GaussianBlur(self._light / SUPERSAMPLING * GLOW_WIDTH))
        return ImageChops.screen(picture, light.point(_GAIN))


def empty_board(size: int, edge: float = 1.0) -> Image.Image:
    """The board that the lights stand on; its edges are lines of this width."""
    large = size * 2
    picture = Image.new("RGB", (large, large), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    outer, inner = ((RADIUS + side * BOARD_WIDTH) * large for side in (1, -1))
    rings = ((outer, BOARD_EDGE), (outer - 2 * edge, BOARD), (inner, BOARD_EDGE), (inner - 2 * edge, BACKGROUND))
    for radius, colour in rings:
        _disc(pen, (large / 2, large / 2), radius, colour)
    return picture.reduce(2)


def _disc(pen: ImageDraw.ImageDraw, middle: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = middle
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


@lru_cache(maxsize=4)
def ring(count: int, size: int) -> Ring:
    """A ring of this many pixels, kept for the next picture."""
    return Ring(count, size)


def ring_png(colours: Sequence[Colour]) -> bytes:
    """One moment of the ring as PNG, SIZE by SIZE."""
    picture = ring(len(colours), SIZE).draw(colours)
    encoded = io.BytesIO()
    picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(encoded, "PNG")
    return encoded.getvalue()
