"""Eyes of the face. Lengths in radii of an eye, from the middle between the eyes.

Each layer of both eyes is one path that is filled at once: half the calls, half the time.
"""

from __future__ import annotations

import math

from bridges.display.face.expressions import Pose
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

WIDTH, HEIGHT = 0.94, 1.04
"""Half the width and half the height of an open eye."""
ELLIPSE, FLAT = 0.5523, 0.72
"""Length of a Bézier curve's handles: of an ellipse, and of the flatter lid of a half closed eye."""
PARABOLA = 2 / 3
MEETING = 0.22
"""How far below the middle the lids meet."""
BEND = 0.22
"""How deep closed lids are bent."""
TRAVEL_X, TRAVEL_Y = 0.48, 0.44
"""How far the pupil goes at most."""
HALF = 0.5
"""An eye that is open less than this is so narrow that it needs a line in any colour."""
CLOSED = 0.03
"""An eye that is open less than this shows nothing but its lids."""
RIM = 0.86
"""Where the light in the lower part of the iris ends, in radii of the iris."""
GLINTS = ((-0.34, -0.36, 0.27), (0.34, 0.36, 0.13))
"""Highlights: places and radii, in radii of the iris."""
FULL_TURN = 2 * math.pi

Eye = tuple[int, float]
"""Side (-1: left, 1: right), and how far it is open."""


def draw_eyes(context: cairocffi.Context, pose: Pose, theme: Theme, eye_x: float) -> None:
    """Both eyes, `eye_x` to the left and to the right."""
    both = ((-1, pose.eye_open_left), (1, pose.eye_open_right))
    seeing = tuple((side, opening) for side, opening in both if opening > CLOSED)
    line = context.get_line_width()
    lined = theme.line != theme.eye or min(pose.eye_open_left, pose.eye_open_right) < HALF
    if seeing:
        context.save()
        # a line in the colour of the eye is the same as a larger eye, which is drawn twice as fast
        trace_eyes(context, pose, eye_x, seeing, 0.0 if lined else line / 2)
        context.set_source_rgb(*theme.eye)
        context.fill()
        if not within_lids(pose):
            trace_eyes(context, pose, eye_x, seeing, 0.0 if lined else -line / 2)
            context.clip()
        draw_irises(context, pose, theme, [side * eye_x for side, _ in seeing])
        context.restore()
    if lined:
        trace_eyes(context, pose, eye_x, both)
        context.set_line_width(line * (1.4 - 0.4 * max(pose.eye_open_left, pose.eye_open_right)))
        context.set_source_rgb(*theme.line)
        context.stroke()
        context.set_line_width(line)


def within_lids(pose: Pose) -> bool:
    """Whether nothing of the irises can stand over the lids: clipping is slow."""
    wide_open = pose.eye_open_left == 1 == pose.eye_open_right and pose.lower_lid == 0 == pose.lid_slant
    reach = pose.iris_size + math.hypot(pose.pupil_x * TRAVEL_X, pose.pupil_y * TRAVEL_Y)
    return wide_open and reach <= WIDTH


def trace_eyes(context: cairocffi.Context, pose: Pose, eye_x: float, eyes: tuple[Eye, ...], grow: float = 0.0) -> None:
    """The outlines of eyes, larger by `grow` on all sides."""
    for side, opening in eyes:
        trace_lids(context, pose, side * eye_x, side, opening, grow)


def trace_lids(context: cairocffi.Context, pose: Pose, x: float, side: int, opening: float, grow: float) -> None:
    """The outline of an eye: an ellipse whose halves flatten and slope as the lids close, down to one bent line."""
    scale, shut = pose.eye_scale, 1 - opening
    bend = BEND * pose.lid_bend * shut
    middle = MEETING * shut + bend
    top = scale * (middle - HEIGHT * opening) - grow
    low = scale * (middle + (HEIGHT - 0.62 * pose.lower_lid) * opening) + grow
    droop = scale * 0.55 * pose.lid_slant * side * opening
    corner = scale * (MEETING * shut - bend)
    left, right = corner - 0.5 * droop, corner + 0.5 * droop
    ellipse = min(1.0, 3 * opening)  # to 0 for the parabola of closed lids
    lid = ELLIPSE + (FLAT - ELLIPSE) * min(1.0, 2 * shut)
    half = WIDTH * scale + grow
    edge = half * mix(PARABOLA, 1, ellipse)
    over, over_pull = mix(1 / 3, lid, ellipse), mix(PARABOLA, lid, ellipse)
    under, under_pull = mix(1 / 3, ELLIPSE, ellipse), mix(PARABOLA, ELLIPSE, ellipse)
    context.move_to(x - half, left)
    context.curve_to(x - edge, mix(left, top, over_pull), x - over * half, top - droop * over, x, top)
    context.curve_to(x + over * half, top + droop * over, x + edge, mix(right, top, over_pull), x + half, right)
    context.curve_to(x + edge, mix(right, low, under_pull), x + under * half, low, x, low)
    context.curve_to(x - under * half, low, x - edge, mix(left, low, under_pull), x - half, left)
    context.close_path()


def draw_irises(context: cairocffi.Context, pose: Pose, theme: Theme, places: list[float]) -> None:
    """Irises, pupils and highlights of the eyes that are at these places."""
    radius = pose.iris_size * pose.eye_scale
    y = pose.pupil_y * TRAVEL_Y * pose.eye_scale
    middles = [x + pose.pupil_x * TRAVEL_X * pose.eye_scale for x in places]
    trace_discs(context, [(x, y, radius) for x in middles])
    context.set_source_rgb(*theme.iris)
    context.fill()
    if not theme.one_bit:
        for x in middles:
            trace_light(context, x, y, radius)
        context.set_source_rgb(*theme.iris_light)
        context.fill()
        trace_discs(context, [(x, y, radius * pose.pupil_size) for x in middles])
        context.set_source_rgb(*theme.pupil)
        context.fill()
    angle = math.radians(pose.highlight_angle)
    sin, cos = math.sin(angle), math.cos(angle)
    glints = [
        (x + radius * (cos * to_x - sin * to_y), y + radius * (sin * to_x + cos * to_y), radius * size)
        for x in middles
        for to_x, to_y, size in GLINTS
    ]
    trace_discs(context, [(at_x, at_y, size * pose.highlight_size * (1 - pose.sparkle)) for at_x, at_y, size in glints])
    for at_x, at_y, size in glints:
        trace_star(context, at_x, at_y, 1.75 * size * pose.highlight_size * pose.sparkle, sin, cos)
    context.set_source_rgb(*theme.highlight)
    context.fill()


def trace_light(context: cairocffi.Context, x: float, y: float, radius: float) -> None:
    """A crescent in the lower part of the iris; its upper edge is behind the pupil."""
    context.new_sub_path()
    context.arc(x, y, RIM * radius, 0.05 * math.pi, 0.95 * math.pi)
    context.curve_to(
        x - 0.6 * radius, y + 0.65 * radius, x + 0.6 * radius, y + 0.65 * radius, x + 0.85 * radius, y + 0.135 * radius
    )
    context.close_path()


def trace_discs(context: cairocffi.Context, discs: list[tuple[float, float, float]]) -> None:
    """The outlines of discs (x, y, radius); of those without a radius, none."""
    for x, y, radius in discs:
        if radius > 0:
            context.new_sub_path()
            context.arc(x, y, radius, 0, FULL_TURN)


def trace_star(context: cairocffi.Context, x: float, y: float, radius: float, sin: float, cos: float) -> None:
    """The outline of a star with four points and hollow sides, turned; of one without a radius, none."""
    if radius <= 0:
        return
    context.move_to(x + radius * sin, y - radius * cos)
    for side_x, side_y, to_x, to_y in ((1, -1, 1, 0), (1, 1, 0, 1), (-1, 1, -1, 0), (-1, -1, 0, -1)):
        bend_x = x + 0.15 * radius * (cos * side_x - sin * side_y)
        bend_y = y + 0.15 * radius * (sin * side_x + cos * side_y)
        tip_x, tip_y = x + radius * (cos * to_x - sin * to_y), y + radius * (sin * to_x + cos * to_y)
        context.curve_to(bend_x, bend_y, bend_x, bend_y, tip_x, tip_y)
    context.close_path()


def mix(a: float, b: float, share: float) -> float:
    """The number between `a` (share 0) and `b` (share 1)."""
    return a + (b - a) * share
