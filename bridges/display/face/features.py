"""Brows, cheeks and marks (a tear, arcs of hearing, the Zs of sleep) of the face. Lengths in radii of an eye.

Brows and marks are placed from the middle between the eyes.
"""

from __future__ import annotations

import math

from bridges.display.face.expressions import Pose
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

REST = -1.28
"""Height of a neutral brow."""
INNER, OUTER = 0.5, 0.55
"""How far a brow reaches, from the middle of its eye."""
WEIGHT = 1.5
"""Width of its line, in lines of the face."""


def draw_brows(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float) -> None:
    """Both brows, above eyes that stand `eye_x` to the left and to the right."""
    arch = 0.14 * pose.brow_bend
    for side, height in ((-1, pose.brow_left), (1, pose.brow_right)):
        x, y = side * eye_x, REST - 0.24 * height
        inner, outer = y - 0.2 * pose.brow_slant, y + 0.2 * pose.brow_slant
        context.move_to(x - INNER * side, inner + arch)
        context.curve_to(x - 0.2 * side, inner - arch, x + 0.25 * side, outer - arch, x + OUTER * side, outer + arch)
    line = context.get_line_width()
    context.set_line_width(WEIGHT * line)
    context.set_source_rgb(*theme.brow)
    context.stroke()
    context.set_line_width(line)


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


UNSEEN = 0.01
"""Marks that are smaller than this are not drawn."""
SNORES = ((0.62, -0.5, 0.24), (0.92, -1.0, 0.33), (1.38, -1.5, 0.42))
"""Places of the Zs, from the middle of the right eye, and their sizes."""


def draw_tear(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float) -> None:
    """A tear below the right eye."""
    if pose.tear < UNSEEN:
        return
    context.save()
    context.translate(eye_x + 0.45, 1.2)
    context.scale(0.2 * pose.tear)
    context.move_to(0, -1.6)
    context.curve_to(0.35, -0.7, 1, -0.3, 1, 0.3)
    context.curve_to(1, 0.85, 0.55, 1.25, 0, 1.25)
    context.curve_to(-0.55, 1.25, -1, 0.85, -1, 0.3)
    context.curve_to(-1, -0.3, -0.35, -0.7, 0, -1.6)
    context.set_source_rgb(*theme.tear)
    context.fill()
    context.restore()


def draw_arcs(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float) -> None:
    """Two arcs beside each eye, like sound that comes in."""
    if pose.hearing < UNSEEN:
        return
    context.save()
    context.set_source_rgb(*theme.mark)
    for side in (-1, 1):
        for radius in (0.35, 0.62):
            context.new_sub_path()
            middle = 0 if side > 0 else math.pi
            reach = radius * pose.hearing
            context.arc(side * (eye_x + 0.98), 0, reach, middle - 0.75, middle + 0.75)
            context.stroke()
    context.restore()


def draw_snores(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float) -> None:
    """Three Zs that rise beside the right eye."""
    if pose.snoring < UNSEEN:
        return
    context.set_source_rgb(*theme.mark)
    for x, y, size in SNORES:
        if size < 2.2 * context.get_line_width():
            continue  # too small to be drawn clearly
        half = size / 2 * pose.snoring
        left, right = eye_x + x - half, eye_x + x + half
        context.move_to(left, y - half)
        context.line_to(right, y - half)
        context.line_to(left, y + half)
        context.line_to(right, y + half)
        context.stroke()
