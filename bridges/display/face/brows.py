"""Brows of the face. Lengths in radii of an eye, from the middle between the eyes."""

from __future__ import annotations

from bridges.display.face.expressions import Pose
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

REST = -1.28
"""Where a brow is that expresses nothing."""
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
