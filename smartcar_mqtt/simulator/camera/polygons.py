"""Flat panels in space, made of filled convex polygons: what a drawing consists of.

The polygons of an object are computed once and kept; for each picture all their points are projected together. An
upright panel is a billboard that always faces the camera; all other panels have a fixed direction in the room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from smartcar_mqtt.simulator.world.geometry import Box, Circle, Point, Segment

Colour = tuple[int, int, int]  # blue, green, red
Points = npt.NDArray[np.float64]
SUN = (-0.55, -0.35)  # horizontal direction from which the light comes, in the room
SHADE_RANGE = 0.20  # how much brighter or darker than its colour a face is


class Part(NamedTuple):
    """A convex polygon: its points in the panel, its colour, and its smallest extent, for leaving out what is tiny."""

    start: int
    stop: int
    colour: Colour
    smallest_m: float


class Panel(NamedTuple):
    """Parts that are drawn in this order.

    Points of an upright panel are (across, toward the viewer, height) from the foot of its object, of all others (x, y,
    height) in the room, metres. A panel with a `normal` is seen only from the side to which it points.
    """

    points: Points
    parts: tuple[Part, ...]
    upright: bool = False
    normal: tuple[float, float, float] | None = None
    offset: float = 0.0

    def faces(self, x: float, y: float, height: float) -> bool:
        """Whether an eye there sees its front."""
        if self.normal is None:
            return True
        return self.normal[0] * x + self.normal[1] * y + self.normal[2] * height > self.offset


class Solid(NamedTuple):
    """A thing that stands in the room: what it covers of the floor, its panels from back to front, its own pieces."""

    footprint: Segment | Circle | Box
    panels: tuple[Panel, ...] = ()
    pieces: tuple[Solid, ...] = ()


class PanelMaker:
    """Collects polygons of one panel."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float, float]] = []
        self._parts: list[Part] = []

    def add(self, points: Sequence[tuple[float, float, float]], colour: Colour) -> None:
        """A convex polygon."""
        start = len(self._points)
        self._points.extend(points)
        xs, ys, zs = zip(*points, strict=True)
        flat = math.hypot(max(xs) - min(xs), max(ys) - min(ys))
        smallest = min(flat, max(zs) - min(zs)) or max(flat, max(zs) - min(zs))
        self._parts.append(Part(start, len(self._points), colour, smallest))

    def flat(self, points: Sequence[Point], colour: Colour) -> None:
        """A convex polygon in an upright panel: (across, height)."""
        self.add([(across, 0.0, height) for across, height in points], colour)

    def upright(self) -> Panel:
        """The panel, always turned to the viewer."""
        return Panel(np.array(self._points), tuple(self._parts), upright=True)

    def facing(self, normal: tuple[float, float, float] | None) -> Panel:
        """The panel as it stands in the room; with a normal, seen from its front alone."""
        points = np.array(self._points)
        offset = float(points[0] @ np.array(normal)) if normal else 0.0
        return Panel(points, tuple(self._parts), normal=normal, offset=offset)


class Face(PanelMaker):
    """A vertical face of something, drawn in its own plane: metres along it from `a`, and height."""

    def __init__(self, a: Point, b: Point) -> None:
        super().__init__()
        self.a, self.width = a, math.dist(a, b)
        self.along = ((b[0] - a[0]) / self.width, (b[1] - a[1]) / self.width)

    @property
    def light(self) -> float:
        """Brightness of the face by the side to which it looks; `a` is on the left of one who looks at it."""
        normal = (self.along[1], -self.along[0])
        return 1.0 + SHADE_RANGE * (normal[0] * SUN[0] + normal[1] * SUN[1])

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A convex polygon: (metres along, height)."""
        (x, y), (dx, dy) = self.a, self.along
        self.add([(x + along * dx, y + along * dy, height) for along, height in points], shaded(colour, self.light))

    def rectangle(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        """A rectangle by its sides: metres along, height."""
        self.polygon([(left, bottom), (right, bottom), (right, top), (left, top)], colour)

    def panel(self, *, both_sides: bool = False) -> Panel:
        """The face as it stands in the room."""
        return self.facing(None if both_sides else (self.along[1], -self.along[0], 0.0))


Decorate = Callable[[Face, int], None]


def bgr(colour: str) -> Colour:
    """`#rrggbb` as blue, green, red."""
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)


def shaded(colour: Colour, light: float) -> Colour:
    """The colour at that brightness, 1 for its own."""
    blue, green, red = (min(255, round(channel * light)) for channel in colour)
    return blue, green, red


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """The colour with that share (0 to 1) of another."""
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return blue, green, red


def disc(across: float, height: float, radius: float, corners: int = 24, *, squash: float = 1.0) -> list[Point]:
    """A round polygon; `squash` is its height by its width."""
    return [
        (across + radius * math.cos(turn), height + radius * squash * math.sin(turn))
        for turn in (2 * math.pi * number / corners for number in range(corners))
    ]


def limb(start: Point, end: Point, start_radius: float, end_radius: float, corners: int = 5) -> list[Point]:
    """A bar with round ends from one point to another, its radius changing evenly."""
    bearing = math.atan2(end[1] - start[1], end[0] - start[0])
    points = []
    for (x, y), radius, first in (
        (start, start_radius, bearing + math.pi / 2),
        (end, end_radius, bearing - math.pi / 2),
    ):
        for number in range(corners + 1):
            turn = first + math.pi * number / corners
            points.append((x + radius * math.cos(turn), y + radius * math.sin(turn)))
    return points


def cuboid(base: Box, bottom: float, top: float, colour: Colour, decorate: Decorate | None = None) -> Solid:
    """A box from one height to another; `decorate` draws on each side, told which: 0 is the one to the south."""
    corners = base.corners()
    panels = []
    if bottom > 0:
        under = PanelMaker()
        under.add([(x, y, bottom) for x, y in corners], shaded(colour, 0.55))
        panels.append(under.facing((0.0, 0.0, -1.0)))
    lid = PanelMaker()
    lid.add([(x, y, top) for x, y in corners], shaded(colour, 1.15))
    panels.append(lid.facing((0.0, 0.0, 1.0)))
    for side, (a, b) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        face = Face(a, b)
        face.rectangle(0, bottom, face.width, top, colour)
        if decorate is not None:
            decorate(face, side)
        panels.append(face.panel())
    return Solid(base, tuple(panels))
