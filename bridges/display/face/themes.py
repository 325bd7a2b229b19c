"""The colours of the face."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

Colour = tuple[float, float, float]
"""Red, green and blue, each from 0 to 1."""


def colour(rgb: int) -> Colour:
    """A colour written as 0xRRGGBB."""
    return (rgb >> 16 & 255) / 255, (rgb >> 8 & 255) / 255, (rgb & 255) / 255


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """What the parts of a face are coloured in."""

    background: Colour
    eye: Colour
    """The white of the eye."""
    line: Colour
    """Around the eyes."""
    iris: Colour
    iris_light: Colour
    """The lower part of the iris, where light falls through."""
    pupil: Colour
    highlight: Colour
    brow: Colour
    lips: Colour
    mouth: Colour
    """Inside the open mouth."""
    tongue: Colour
    cheek: Colour
    tear: Colour
    mark: Colour
    """Arcs of hearing, Zs of sleep."""
    one_bit: bool = False
    """For panels with black and white only: bold strokes, no half-tones, no smooth edges."""


LIGHT = Theme(
    background=colour(0xFFFFFF),
    eye=colour(0xFFFFFF),
    line=colour(0x2B2D42),
    iris=colour(0x1F6FB2),
    iris_light=colour(0x55B6E8),
    pupil=colour(0x14172B),
    highlight=colour(0xFFFFFF),
    brow=colour(0x2B2D42),
    lips=colour(0x2B2D42),
    mouth=colour(0x7A1F35),
    tongue=colour(0xF2788C),
    cheek=colour(0xFF9DB0),
    tear=colour(0x6CC6F5),
    mark=colour(0x7FA8C9),
)
"""White background, as in the first version of this car."""

DARK = Theme(
    background=colour(0x0E1220),
    eye=colour(0xF6F8FC),
    line=colour(0xF6F8FC),
    iris=colour(0x1976C5),
    iris_light=colour(0x4FC3F7),
    pupil=colour(0x0B1020),
    highlight=colour(0xFFFFFF),
    brow=colour(0xC9D6EA),
    lips=colour(0xF6F8FC),
    mouth=colour(0x8E2440),
    tongue=colour(0xF7859A),
    cheek=colour(0xFF6F91),
    tear=colour(0x6CC6F5),
    mark=colour(0x5FB3E6),
)
"""For the dark: only the face is bright, so that the panel does not dazzle."""

MONO = Theme(
    background=colour(0x000000),
    eye=colour(0xFFFFFF),
    line=colour(0xFFFFFF),
    iris=colour(0x000000),
    iris_light=colour(0x000000),
    pupil=colour(0x000000),
    highlight=colour(0xFFFFFF),
    brow=colour(0xFFFFFF),
    lips=colour(0xFFFFFF),
    mouth=colour(0x000000),
    tongue=colour(0x000000),
    cheek=colour(0xFFFFFF),
    tear=colour(0xFFFFFF),
    mark=colour(0xFFFFFF),
    one_bit=True,
)
"""White strokes on black, for an OLED of 128x64 with one bit a pixel."""

THEMES = MappingProxyType({"light": LIGHT, "dark": DARK, "mono": MONO})


def swapped(theme: Theme) -> Theme:
    """The theme for a panel that shows red as blue and blue as red."""
    changes = {}
    for field in theme.__struct_fields__:
        value = getattr(theme, field)
        if isinstance(value, tuple):
            red, green, blue = value
            changes[field] = blue, green, red
    return msgspec.structs.replace(theme, **changes)
