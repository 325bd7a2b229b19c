"""The face as a picture: a pure function of pose, size and theme.

All parts are drawn in one unit, the radius of an eye, from an origin between the eyes; `Layout` says where that is and
how large it can be.
"""

from __future__ import annotations

import math

import msgspec

from bridges.display.face.expressions import Pose
from bridges.display.face.eyes import draw_eyes
from bridges.display.face.features import draw_arcs, draw_brows, draw_cheeks, draw_snores, draw_tear
from bridges.display.face.lips import draw_mouth
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

LINE = 0.075
"""Width of the face's lines, in radii of an eye."""
THINNEST_PX = 1.6
"""Thinner lines would be grey instead of dark."""
ONE_BIT_LINE, ONE_BIT_THINNEST_PX = 0.11, 2.0

MARGIN_PX = 1
"""Free on all sides."""
ABOVE = 1.83
"""From the middle of the eyes to the top, with raised brows, in radii of an eye."""
TOLERANCE_PX = 0.2
"""How far a curve may be from its true course."""
UPRIGHT, NARROW, WIDE = 1.0, 1.5, 2.0
"""Ratios of width to height between which the parts of a face move."""


class Layout(msgspec.Struct, frozen=True):
    """Where a face stands in a picture. Lengths in radii of an eye, unless they are pixels."""

    x_px: float
    """The origin: the middle between the eyes."""
    y_px: float
    radius_px: float
    """Radius of an eye of scale 1."""
    eye_x: float
    """How far the eyes stand from the middle."""
    mouth_y: float
    """How far the middle of the mouth is below that of the eyes."""
    cheek_y: float
    """How far the cheeks are below it."""


def layout(width: int, height: int) -> Layout:
    """The largest face that fits a picture of this size, in pixels.

    In a lying picture the eyes move apart and the mouth up between them; in an upright one the mouth moves down.
    """
    width, height = max(1, width - 2 * MARGIN_PX), max(1, height - 2 * MARGIN_PX)
    ratio = width / height
    spread = share_of(ratio, NARROW, WIDE)
    upright = 1 - share_of(ratio, UPRIGHT, NARROW)
    rows, columns = 4.25 - 0.48 * spread, 6.2 - 0.3 * upright
    radius = min(width / columns, height / rows)
    eye_x = 1.3 + 0.35 * spread - 0.12 * upright
    drop = 0.5 * min(0.6, max(0.0, height / radius - rows))
    return Layout(
        x_px=MARGIN_PX + width / 2,
        y_px=MARGIN_PX + height / 2 + (ABOVE - (rows + drop) / 2) * radius,
        radius_px=radius,
        eye_x=max(1.0, round(eye_x * radius)) / radius,  # whole pixels: both eyes look the same
        mouth_y=1.6 - 0.45 * spread + drop,
        cheek_y=1.38 - 0.1 * spread,
    )


def share_of(value: float, low: float, high: float) -> float:
    """How far a value is on the way from `low` to `high`, from 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def paint(context: cairocffi.Context, pose: Pose, width: int, height: int, theme: Theme, bottom: int = 0) -> None:
    """Draw a face over everything that is there.

    Args:
        context: where to; its origin is the picture's top left corner. It is left as it was found.
        pose: what the face does.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        theme: its colours.
        bottom: pixels at the lower edge that stay free, for a caption.
    """
    context.save()
    context.rectangle(0, 0, width, height)
    context.clip()
    context.set_source_rgb(*theme.background)
    context.paint()
    place = layout(width, max(1, height - bottom))
    thinnest = ONE_BIT_THINNEST_PX if theme.one_bit else THINNEST_PX
    line = max(ONE_BIT_LINE if theme.one_bit else LINE, thinnest / place.radius_px)
    context.set_antialias(cairocffi.ANTIALIAS_NONE if theme.one_bit else cairocffi.ANTIALIAS_GRAY)
    context.set_tolerance(TOLERANCE_PX)
    context.set_line_cap(cairocffi.LINE_CAP_ROUND)
    context.set_line_join(cairocffi.LINE_JOIN_ROUND)
    context.set_line_width(line)
    context.translate(place.x_px, place.y_px)
    context.scale(place.radius_px)
    if pose.tilt:
        context.rotate(math.radians(pose.tilt))
    draw_eyes(context, pose, theme, place.eye_x)
    draw_cheeks(context, pose, theme, place.eye_x, place.cheek_y)
    draw_mouth(context, pose, theme, place.mouth_y)
    draw_brows(context, pose, theme, place.eye_x)
    draw_tear(context, pose, theme, place.eye_x)
    draw_arcs(context, pose, theme, place.eye_x)
    draw_snores(context, pose, theme, place.eye_x)
    context.restore()


def draw(pose: Pose, width: int, height: int, theme: Theme, bottom: int = 0) -> cairocffi.ImageSurface:
    """A picture (RGB24) of a face; arguments as for `paint`."""
    surface = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, width, height)
    paint(cairocffi.Context(surface), pose, width, height, theme, bottom)
    return surface
