"""Looking at drawn faces: cairo's surfaces as Pillow's images, and where in them a colour is."""

from __future__ import annotations

import cairocffi
import msgspec
from PIL import Image

from bridges.display.face.expressions import EXPRESSIONS, Pose
from bridges.display.face.face import draw
from bridges.display.face.themes import Colour, Theme, colour

Pixel = tuple[int, int]

PARTS = Theme(
    background=colour(0x000000),
    eye=colour(0xFFFFFF),
    line=colour(0x00FF00),
    iris=colour(0x0000FF),
    iris_light=colour(0x0000FF),
    pupil=colour(0xFF00FF),
    highlight=colour(0xFFFF00),
    brow=colour(0x00FFFF),
    lips=colour(0xFF0000),
    mouth=colour(0xC06010),
    tongue=colour(0xC06010),
    cheek=colour(0x705060),
    tear=colour(0x2060E0),
    mark=colour(0x60E0A0),
)
"""Every part in a colour of its own, so that pixels tell what they belong to."""


def image_of(surface: cairocffi.ImageSurface) -> Image.Image:
    """The same picture for Pillow."""
    surface.flush()
    size = surface.get_width(), surface.get_height()
    return Image.frombytes("RGB", size, bytes(surface.get_data()), "raw", "BGRX", surface.get_stride())


def face(name: str, width: int = 480, height: int = 320, theme: Theme = PARTS, **changes: float) -> Image.Image:
    """An expression with some numbers of its pose changed."""
    return picture(msgspec.structs.replace(EXPRESSIONS[name], **changes), width, height, theme)


def picture(pose: Pose, width: int = 480, height: int = 320, theme: Theme = PARTS, bottom: int = 0) -> Image.Image:
    return image_of(draw(pose, width, height, theme, bottom))


def where(image: Image.Image, part: Colour) -> list[Pixel]:
    """The pixels that are wholly of this colour."""
    wanted = bytes(round(255 * channel) for channel in part)
    data, width = image.tobytes(), image.width
    found, at = [], data.find(wanted)
    while at >= 0:
        if at % 3 == 0:
            found.append((at // 3 % width, at // 3 // width))
        at = data.find(wanted, at + 1)
    return found


def middle(pixels: list[Pixel]) -> tuple[float, float]:
    """The centre of some pixels."""
    return sum(x for x, _ in pixels) / len(pixels), sum(y for _, y in pixels) / len(pixels)
