"""The cheeks of the face, which blush. Lengths in radii of an eye."""

from __future__ import annotations

import math

from bridges.display.face.expressions import Pose
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

OUTWARDS = 0.62
"""How far a cheek is from the middle of its eye."""
FADING = ((0.0, 1.0), (0.5, 0.85), (1.0, 0.0))
"""Strength of the blush from the middle of a cheek to its edge."""
TILE = 32
"""Pixels of the small picture that is stretched over each cheek: half the time of two gradients."""


def draw_cheeks(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float, y: float) -> None:
    """Both cheeks, `y` below the eyes; on a panel of black and white as small strokes."""
    if pose.blush <= 0:
        return
    if theme.one_bit:
        draw_strokes(context, pose, theme, eye_x, y)
        return
    tile = glow(theme)
    size = 0.36 + 0.08 * pose.blush
    for side in (-1, 1):
        context.save()
        context.translate(side * (eye_x + OUTWARDS), y)
        context.rotate(-math.radians(pose.tilt))  # a slanted picture takes cairo four times as long
        context.scale(2.8 * size / TILE, 1.7 * size / TILE)
        context.set_source_surface(tile, -TILE / 2, -TILE / 2)
        context.paint_with_alpha(min(1.0, 0.65 * pose.blush))
        context.restore()


def glow(theme: Theme) -> cairocffi.ImageSurface:
    """A round patch of colour that fades to its edge."""
    tile = cairocffi.ImageSurface(cairocffi.FORMAT_ARGB32, TILE, TILE)
    gradient = cairocffi.RadialGradient(TILE / 2, TILE / 2, 0, TILE / 2, TILE / 2, TILE / 2)
    for place, share in FADING:
        gradient.add_color_stop_rgba(place, *theme.cheek, share)
    context = cairocffi.Context(tile)
    context.set_source(gradient)
    context.paint()
    return tile


def draw_strokes(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float, y: float) -> None:
    """Slanted strokes, the longer the redder."""
    length, low = 0.14 * pose.blush, y + 0.08
    for side in (-1, 1):
        for apart in (-0.19, 0.19):
            x = side * (eye_x + OUTWARDS) + apart
            context.move_to(x - length / 2, low + length)
            context.line_to(x + length / 2, low - length)
    line = context.get_line_width()
    context.set_line_width(0.8 * line)
    context.set_source_rgb(*theme.cheek)
    context.stroke()
    context.set_line_width(line)
