"""The mouth of the face. Lengths in radii of an eye, from the middle of the mouth."""

from __future__ import annotations

import itertools

from bridges.display.face.expressions import Pose
from bridges.display.face.eyes import ELLIPSE, PARABOLA, mix
from bridges.display.face.themes import Theme
from bridges.display.graphics.cairo import cairocffi

DEPTH = 0.34
"""How far the middle of a full smile is below the line from which its corners rise as much."""
GAP = 0.72
"""Height of a mouth that is wide open."""
CLOSED = 0.03
"""A mouth that is open less than this is a line."""
WEIGHT = 1.2
"""Width of its line, in lines of the face."""
TONGUE = 0.5
"""Where on the way from the corner to the middle of the lower lip the tongue begins."""
TONGUE_GAP = 2.5
"""How many lines high a mouth must be open to show it."""

Point = tuple[float, float]


def draw_mouth(context: cairocffi.Context, pose: Pose, theme: Theme, y: float) -> None:
    """The mouth, its middle `y` below the eyes."""
    context.save()
    context.translate(pose.mouth_x, y)
    context.rotate(-0.35 * pose.mouth_slant)
    half = pose.mouth_width
    depth = DEPTH * pose.mouth_curve * (0.4 + 0.6 * half)
    if pose.mouth_open > CLOSED:
        draw_open(context, pose, theme, half, depth)
    else:
        trace_line(context, half, -depth, depth)
    context.set_line_width(WEIGHT * context.get_line_width())
    context.set_source_rgb(*theme.lips)
    context.stroke()
    context.restore()


def draw_open(context: cairocffi.Context, pose: Pose, theme: Theme, half: float, depth: float) -> None:
    """Fill an open mouth; its outline is left to be drawn."""
    gap = GAP * pose.mouth_open * (1 + 0.5 * pose.mouth_round)
    corner = -depth * (1 - 0.35 * pose.mouth_open)
    upper, lower = depth - 0.53 * gap, depth + 0.47 * gap
    over = lip(half, corner, upper, PARABOLA, 1 / 3, pose.mouth_round)
    under = lip(half, corner, lower, 0.9, 0.5, pose.mouth_round)
    trace_between(context, over, under)
    context.set_source_rgb(*theme.mouth)
    context.fill()
    if gap > TONGUE_GAP * context.get_line_width():
        draw_tongue(context, theme, rest_of(under, TONGUE), gap)
    trace_between(context, over, under)


def draw_tongue(
    context: cairocffi.Context, theme: Theme, lip_below: tuple[Point, Point, Point, Point], gap: float
) -> None:
    """A tongue that lies on the middle of the lower lip."""
    begin, first, second, end = lip_below
    middle = min(begin[1], end[1]) - 0.18 * gap
    top = middle + (middle - begin[1]) / 3  # so that the curve passes there
    context.move_to(*begin)
    context.curve_to(*first, *second, *end)
    context.curve_to(-second[0], second[1], -first[0], first[1], -begin[0], begin[1])
    context.curve_to(-0.75 * begin[0], top, 0.75 * begin[0], top, *begin)
    context.set_source_rgb(*theme.tongue)
    context.fill()


def lip(
    half: float, corner: float, middle: float, tip: float, reach: float, roundness: float
) -> tuple[Point, Point, Point, Point]:
    """The left half of a lip as a Bézier curve, from the corner to the middle: pointed at the corner, or round."""
    pull = mix(corner, middle, mix(PARABOLA, ELLIPSE, roundness))
    return (
        (-half, corner),
        (-half * mix(tip, 1, roundness), pull),
        (-half * mix(reach, ELLIPSE, roundness), middle),
        (0.0, middle),
    )


def rest_of(curve: tuple[Point, Point, Point, Point], share: float) -> tuple[Point, Point, Point, Point]:
    """What is left of a Bézier curve behind `share` of it, by de Casteljau's way."""
    points, behind = list(curve), [curve[-1]]
    while len(points) > 1:
        points = [
            (mix(x, next_x, share), mix(y, next_y, share)) for (x, y), (next_x, next_y) in itertools.pairwise(points)
        ]
        behind.append(points[-1])
    end, second, first, begin = behind
    return begin, first, second, end


def trace_line(context: cairocffi.Context, half: float, corner: float, middle: float) -> None:
    """The line of a closed mouth, from the left corner to the right one: a parabola."""
    begin, first, second, end = lip(half, corner, middle, PARABOLA, 1 / 3, 0)
    context.move_to(*begin)
    context.curve_to(*first, *second, *end)
    context.curve_to(-second[0], second[1], -first[0], first[1], -begin[0], begin[1])


def trace_between(
    context: cairocffi.Context, over: tuple[Point, Point, Point, Point], under: tuple[Point, Point, Point, Point]
) -> None:
    """The outline of an open mouth between the left halves of its lips and their mirror images."""
    begin, first, second, end = over
    context.move_to(*begin)
    context.curve_to(*first, *second, *end)
    context.curve_to(-second[0], second[1], -first[0], first[1], -begin[0], begin[1])
    begin, first, second, end = under
    context.curve_to(-first[0], first[1], -second[0], second[1], *end)
    context.curve_to(*second, *first, *begin)
    context.close_path()
