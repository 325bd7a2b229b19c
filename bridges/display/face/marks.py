"""What a face has around it at times: a tear, arcs of hearing, the Zs of sleep. Lengths in radii of an eye."""

from __future__ import annotations

import math

from bridges.display.face.expressions import Pose
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

UNSEEN = 0.01
"""Marks that are smaller than this are not there."""
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
            continue  # it would be a blot
        half = size / 2 * pose.snoring
        left, right = eye_x + x - half, eye_x + x + half
        context.move_to(left, y - half)
        context.line_to(right, y - half)
        context.line_to(left, y + half)
        context.line_to(right, y + half)
        context.stroke()
