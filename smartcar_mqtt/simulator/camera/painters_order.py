"""Painter's algorithm: the order of drawing in which nearer things cover farther ones.

Seen from above every thing is a segment, a circle or a box, and the camera is a point. A line that separates two of
them tells which one can hide the other, whatever their sizes and distances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from smartcar_mqtt.simulator.world.geometry import Box, Circle, Point, Segment

Footprint = Segment | Circle | Box
TOUCH_M = 1e-6  # things that only touch are apart

T = TypeVar("T")


def painters_order(things: Sequence[T], footprint: Callable[[T], Footprint], eye: Point) -> list[T]:
    """The things from the back to the front; those that overlap keep the order in which they are given."""
    prints = [_known(footprint(each)) for each in things]
    spans = [_span(each, eye) for each in prints]
    behind: list[list[int]] = [[] for _ in things]
    for a in range(len(things)):
        for b in range(a + 1, len(things)):
            if _apart(spans[a], spans[b]):
                continue
            nearer = _nearer(prints[a], prints[b], eye)
            if nearer > 0:
                behind[a].append(b)
            elif nearer < 0:
                behind[b].append(a)
    done = [False] * len(things)
    order: list[T] = []

    def draw(number: int) -> None:
        done[number] = True
        for farther in behind[number]:
            if not done[farther]:
                draw(farther)
        order.append(things[number])

    for number in range(len(things)):
        if not done[number]:
            draw(number)
    return order


def outline_of(footprint: Segment | Box) -> list[Point]:
    """The corners, in order."""
    if isinstance(footprint, Segment):
        return [(footprint.ax, footprint.ay), (footprint.bx, footprint.by)]
    return footprint.corners()


def _known(footprint: Footprint) -> Circle | list[Point]:
    return footprint if isinstance(footprint, Circle) else outline_of(footprint)


def _span(footprint: Circle | list[Point], eye: Point) -> tuple[float, float] | None:
    """Middle and half width of the angle under which the eye sees it, radians; None all around."""
    x, y = eye
    if isinstance(footprint, Circle):
        distance = math.hypot(footprint.x - x, footprint.y - y)
        if distance <= footprint.radius:
            return None
        return math.atan2(footprint.y - y, footprint.x - x), math.asin(footprint.radius / distance)
    first = math.atan2(footprint[0][1] - y, footprint[0][0] - x)
    turns = [_turn(math.atan2(py - y, px - x) - first) for px, py in footprint]
    low, high = min(turns), max(turns)
    return (first + (low + high) / 2, (high - low) / 2) if high - low < math.pi else None


def _turn(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _apart(a: tuple[float, float] | None, b: tuple[float, float] | None) -> bool:
    """Whether no line of sight meets both."""
    return a is not None and b is not None and abs(_turn(a[0] - b[0])) >= a[1] + b[1]


def _nearer(a: Circle | list[Point], b: Circle | list[Point], eye: Point) -> int:
    """1 when `a` can hide `b`, -1 when `b` can hide `a`, 0 when no line separates them."""
    if isinstance(a, Circle):
        if isinstance(b, Circle):
            to_a, to_b = math.dist(eye, (a.x, a.y)), math.dist(eye, (b.x, b.y))
            return (to_a < to_b) - (to_a > to_b)
        return -_against_circle(b, a, eye)
    if isinstance(b, Circle):
        return _against_circle(a, b, eye)
    return _against_outline(a, b, eye) or -_against_outline(b, a, eye)


def _against_circle(outline: list[Point], circle: Circle, eye: Point) -> int:
    """1 when the outline can hide the circle: judged at its point that is nearest to the circle's middle."""
    px, py = min(
        (_nearest_on(a, b, circle) for a, b in _edges(outline)),
        key=lambda point: (point[0] - circle.x) ** 2 + (point[1] - circle.y) ** 2,
    )
    toward = (circle.x - px) * (eye[0] - px) + (circle.y - py) * (eye[1] - py)
    return (toward < 0) - (toward > 0)


def _against_outline(outline: list[Point], other: list[Point], eye: Point) -> int:
    """1 or -1 when an edge of the first outline has the other wholly outside, else 0."""
    for (ax, ay), (bx, by) in _edges(outline):
        nx, ny = by - ay, ax - bx
        offset = nx * ax + ny * ay
        inside = [nx * x + ny * y - offset for x, y in outline]
        side = -1.0 if max(inside) > TOUCH_M else 1.0  # outward, whichever way the corners go around
        away = [side * (nx * x + ny * y - offset) for x, y in other]
        eye_side = side * (nx * eye[0] + ny * eye[1] - offset)
        if min(away) >= -TOUCH_M:
            return -1 if eye_side > 0 else 1
        if len(outline) == 2 and max(away) <= TOUCH_M:
            return 1 if eye_side > 0 else -1
    return 0


def _edges(outline: list[Point]) -> list[tuple[Point, Point]]:
    if len(outline) == 2:
        return [(outline[0], outline[1])]
    return list(zip(outline, outline[1:] + outline[:1], strict=True))


def _nearest_on(a: Point, b: Point, circle: Circle) -> Point:
    ex, ey = b[0] - a[0], b[1] - a[1]
    along = ((circle.x - a[0]) * ex + (circle.y - a[1]) * ey) / (ex * ex + ey * ey)
    along = min(max(along, 0.0), 1.0)
    return a[0] + along * ex, a[1] + along * ey
