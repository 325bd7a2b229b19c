"""Plane geometry of a room: segments, circles, boxes, and how near a point is to them.

Metres throughout; x points east and y north. Bearings are compass bearings: degrees clockwise from north.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

Point = tuple[float, float]


class Segment(NamedTuple):
    """A straight piece of surface from (ax, ay) to (bx, by), metres."""

    ax: float
    ay: float
    bx: float
    by: float


class Circle(NamedTuple):
    """A round obstacle seen from above, metres."""

    x: float
    y: float
    radius: float

    def distance(self, x: float, y: float) -> float:
        """Metres from the point to the rim; negative inside."""
        return math.hypot(x - self.x, y - self.y) - self.radius


class Box(NamedTuple):
    """A rectangular obstacle seen from above: centre, half sizes (metres), sine and cosine of its turn."""

    x: float
    y: float
    half_width: float
    half_depth: float
    sine: float
    cosine: float

    def corners(self) -> list[Point]:
        """The four corners in order, metres."""
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return [self._outside(sx * self.half_width, sy * self.half_depth) for sx, sy in signs]

    def edges(self) -> list[Segment]:
        """The four sides."""
        corners = self.corners()
        return [Segment(*a, *b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]

    def distance(self, x: float, y: float) -> float:
        """Metres from the point to the nearest side; negative inside."""
        dx, dy = x - self.x, y - self.y
        beyond_x = abs(dx * self.cosine - dy * self.sine) - self.half_width
        beyond_y = abs(dx * self.sine + dy * self.cosine) - self.half_depth
        if beyond_x <= 0 and beyond_y <= 0:
            return max(beyond_x, beyond_y)
        return math.hypot(max(beyond_x, 0.0), max(beyond_y, 0.0))

    def _outside(self, local_x: float, local_y: float) -> Point:
        return (
            self.x + local_x * self.cosine + local_y * self.sine,
            self.y - local_x * self.sine + local_y * self.cosine,
        )


def box(centre: Point, width: float, depth: float, turned_deg: float) -> Box:
    """A box of `width` (west-east) by `depth` (south-north) metres, then turned clockwise by `turned_deg`."""
    turn = math.radians(turned_deg)
    return Box(*centre, width / 2, depth / 2, math.sin(turn), math.cos(turn))


class Surfaces:
    """Everything solid in a room, ready for ray casting and for collision checks."""

    __slots__ = ("boxes", "circles", "segments", "walls")

    def __init__(self, walls: list[Segment], circles: list[Circle], boxes: list[Box]) -> None:
        self.walls = walls
        self.circles = circles
        self.boxes = boxes
        self.segments = walls + [edge for each in boxes for edge in each.edges()]

    def clearance(self, x: float, y: float) -> float:
        """Metres from the point to the nearest surface; negative inside an obstacle, infinite in an empty room."""
        nearest = math.inf
        for wall in self.walls:
            nearest = min(nearest, distance_to_segment(x, y, wall))
        for circle in self.circles:
            nearest = min(nearest, circle.distance(x, y))
        for each in self.boxes:
            nearest = min(nearest, each.distance(x, y))
        return nearest

    def covers(self, x: float, y: float) -> bool:
        """Whether the point lies inside an obstacle."""
        return any(circle.distance(x, y) <= 0 for circle in self.circles) or any(
            each.distance(x, y) <= 0 for each in self.boxes
        )


def segments_along(points: tuple[Point, ...]) -> list[Segment]:
    """The pieces of a polyline; pieces without length are left out."""
    return [Segment(*a, *b) for a, b in pairwise(points) if a != b]


def distance_to_segment(x: float, y: float, segment: Segment) -> float:
    """Metres from a point to the nearest point of a segment."""
    ax, ay, bx, by = segment
    ex, ey = bx - ax, by - ay
    along = ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)
    along = 0.0 if along < 0 else min(along, 1.0)
    return math.hypot(x - ax - along * ex, y - ay - along * ey)
