"""Renders a scene as the car's camera would see it, and labels its objects for the training of a detector.

The floor is one perspective warp of its picture from above. Everything else is flat polygons, drawn from the back to
the front. Light, blur and noise come last. Only the modules of this folder import numpy and OpenCV, so that the
process of the simulated car stays small: a client asks it for its scene and renders that (`camera_client`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from smartcar_mqtt.simulator.camera.appearance import solid_of
from smartcar_mqtt.simulator.camera.floor import floor_of
from smartcar_mqtt.simulator.camera.furniture import wall_of
from smartcar_mqtt.simulator.camera.painters_order import Footprint, outline_of, painters_order
from smartcar_mqtt.simulator.camera.polygons import Panel, Points, Solid
from smartcar_mqtt.simulator.camera.scene import Scene
from smartcar_mqtt.simulator.world.geometry import Circle, Segment, segments_along
from smartcar_mqtt.simulator.world.room import Obstacle, Wall

Frame = npt.NDArray[np.uint8]
FOUND_KINDS = ("ball", "cone", "person", "box")  # the classes of the shipped detector, in this order
NEAR_M = 0.03  # nothing nearer is drawn
TINY_PX = 0.9  # details smaller than this are left out
NOISE_SPARE_PX = 64  # by how much the noise at hand is larger than a picture
FARTHEST = 2e9  # corners beyond, of what is huge and very near, would not be 32-bit numbers
SUBPIXEL = 16  # cv2 takes corners in sixteenths of a pixel
LABEL_LEAST_PX = 6
LABEL_LEAST_VISIBLE = 0.5  # of what the picture would show without the things in front
LABEL_LEAST_INSIDE = 0.15  # of the object's width, and of its height, within the picture
CEILING = (212, 219, 223), (228, 233, 236)  # at the upper edge of the picture, and at the lower
SKY = (222, 202, 176), (238, 234, 226)


class Label(NamedTuple):
    """An object in a picture: its kind and name, and the box around its visible pixels.

    The box holds the columns from `left` up to but not including `right`, and the rows from `top` to `bottom` likewise.
    """

    kind: str
    name: str
    left: int
    top: int
    right: int
    bottom: int


class Camera:
    """A camera with light and noise of its own; the same seed and the same scenes give the same pictures.

    Not for several threads at once.
    """

    def __init__(
        self,
        size: tuple[int, int] = (640, 480),
        *,
        light: float | tuple[float, float, float] = 1.0,
        noise: float = 2.0,
        blur_px: float = 0.0,
        seed: int = 0,
    ) -> None:
        """A camera of that many columns and rows.

        `light` multiplies all channels, or blue, green and red one by one; `noise` is the standard deviation of the
        sensor's noise in grey levels, `blur_px` that of a blur.
        """
        self.size = size
        self._light = light if isinstance(light, tuple) else (light, light, light)
        self._blur_px = blur_px
        self._random = random.Random(seed)  # noqa: S311 - sensor noise, not a secret
        self._noise = _noise_tiles(size, noise) if noise > 0 else None

    def picture(self, scene: Scene) -> Frame:
        """The picture: rows x columns x (blue, green, red), bytes."""
        eye = _Eye(scene, self.size)
        frame = eye.background()
        for _, solid in eye.solids():
            for panel in eye.panels(solid):
                for corners, colour in eye.polygons(panel):
                    cv2.fillConvexPoly(frame, corners, colour, cv2.LINE_AA, 4)
        return self._expose(frame)

    def labelled(self, scene: Scene) -> tuple[Frame, list[Label]]:
        """The picture, and the objects of `FOUND_KINDS` that can be seen well enough to be found.

        Well enough: 6 pixels in both directions, half of it not hidden, a seventh of its width and of its height within
        the picture.
        """
        eye = _Eye(scene, self.size)
        frame = eye.background()
        seen = np.zeros(frame.shape[:2], np.uint8)
        alone = np.zeros_like(seen)
        found: list[tuple[Obstacle, int, bool]] = []
        for thing, solid in eye.solids():
            number = len(found) + 1 if thing is not None and thing.kind in FOUND_KINDS else 0
            inside = _Outline(self.size)
            for panel in eye.panels(solid):
                for corners, colour in eye.polygons(panel):
                    cv2.fillConvexPoly(frame, corners, colour, cv2.LINE_AA, 4)
                    cv2.fillConvexPoly(seen, corners, (number,), cv2.LINE_8, 4)
                    if number:
                        cv2.fillConvexPoly(alone, corners, (255,), cv2.LINE_8, 4)
                        inside.add(corners)
            if thing is not None and number:
                found.append((thing, cv2.countNonZero(alone), inside.share >= LABEL_LEAST_INSIDE))
                alone[:] = 0
        labels = [
            label
            for number, (thing, whole, inside_enough) in enumerate(found, start=1)
            if inside_enough and (label := _label(seen, number, thing, whole)) is not None
        ]
        return self._expose(frame), labels

    def _expose(self, frame: Frame) -> Frame:
        if self._light != (1.0, 1.0, 1.0):
            frame = np.asarray(cv2.LUT(frame, _brightness(self._light)), np.uint8)
        if self._blur_px > 0:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), self._blur_px), np.uint8)
        if self._noise is not None:
            columns, rows = self.size
            down, right = self._random.randrange(NOISE_SPARE_PX), self._random.randrange(NOISE_SPARE_PX)
            for tile, apply in zip(self._noise, (cv2.add, cv2.subtract), strict=True):
                apply(frame, tile[down : down + rows, right : right + columns], dst=frame)
        return frame


class _Outline:
    """How much of the width and the height of some polygons lies within the picture: the smaller share."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._low = [math.inf, math.inf]
        self._high = [-math.inf, -math.inf]

    def add(self, corners: npt.NDArray[np.int32]) -> None:
        for axis in (0, 1):
            self._low[axis] = min(self._low[axis], int(corners[:, axis].min()) / SUBPIXEL)
            self._high[axis] = max(self._high[axis], int(corners[:, axis].max()) / SUBPIXEL)

    @property
    def share(self) -> float:
        share = 1.0
        for low, high, size in zip(self._low, self._high, self._size, strict=True):
            share = min(share, max(0.0, min(high, size) - max(low, 0.0)) / (high - low) if high > low else 0.0)
        return share


def _label(seen: Frame, number: int, thing: Obstacle, whole: int) -> Label | None:
    mask = (seen == number).astype(np.uint8)
    if whole == 0 or cv2.countNonZero(mask) < LABEL_LEAST_VISIBLE * whole:
        return None
    left, top, width, height = cv2.boundingRect(mask)
    if width < LABEL_LEAST_PX or height < LABEL_LEAST_PX:
        return None
    return Label(thing.kind, thing.name, left, top, left + width, top + height)


class _Eye:
    """The projection of one scene: where it stands, where it looks, what is before it."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        self.scene, self.size = scene, size
        lens = scene.camera
        heading, view, pitch = (math.radians(each) for each in (scene.heading_deg, scene.view_deg, lens.pitch_deg))
        self.x = scene.x_m + lens.forward_m * math.sin(heading)
        self.y = scene.y_m + lens.forward_m * math.cos(heading)
        self.height = lens.height_m
        self.sine, self.cosine = math.sin(view), math.cos(view)
        columns, rows = size
        focus = columns / 2 / math.tan(math.radians(lens.opening_deg) / 2)
        self.focus = focus
        tilt_sine, tilt_cosine = math.sin(pitch), math.cos(pitch)
        # From (forward, right, up) at the eye to (column, row, 1) times the depth.
        self.lens = np.array(
            [
                [columns / 2 * tilt_cosine, focus, columns / 2 * tilt_sine],
                [rows / 2 * tilt_cosine + focus * tilt_sine, 0.0, rows / 2 * tilt_sine - focus * tilt_cosine],
                [tilt_cosine, 0.0, tilt_sine],
            ]
        )
        # From (x, y, height) in the room to (forward, right, up).
        turn = np.array([[self.sine, self.cosine, 0.0], [self.cosine, -self.sine, 0.0], [0.0, 0.0, 1.0]])
        self.standing = (self.lens @ turn).T
        self.offset = -np.array([self.x, self.y, self.height]) @ self.standing

    def background(self) -> Frame:
        """Sky or ceiling above, floor below the horizon."""
        columns, rows = self.size
        frame = _above(self.size, bool(self.scene.walls)).copy()
        horizon = rows / 2 + self.focus * math.tan(math.radians(self.scene.camera.pitch_deg))
        first = max(0, min(rows, math.ceil(horizon) + 1))
        if first >= rows:
            return frame
        footprints = tuple(piece.footprint for each in self.scene.obstacles for piece in _feet(solid_of(each))) + tuple(
            piece for wall in self.scene.walls for piece in _pieces(wall)
        )
        places = [point for wall in self.scene.walls for point in wall.points] or [
            (self.scene.x_m + dx, self.scene.y_m + dy) for dx in (-4, 4) for dy in (-4, 4)
        ]
        floor = floor_of(self.scene.floor_colour, self.scene.floor_pattern, places, footprints)
        half = ((columns + 1) // 2, (rows - first + 1) // 2)
        # From a pixel of the half-sized strip to the whole picture, to a place in the room, to the floor's picture.
        grow = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, first + 0.5], [0.0, 0.0, 1.0]])
        on_floor = np.linalg.inv(np.column_stack([self.standing[0], self.standing[1], self.offset]))
        to_picture = np.array(
            [[floor.scale, 0.0, -floor.left * floor.scale], [0.0, floor.scale, -floor.bottom * floor.scale], [0, 0, 1]]
        )
        strip = cv2.warpPerspective(
            floor.picture,
            to_picture @ on_floor @ grow,
            half,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        cv2.resize(strip, (columns, rows - first), dst=frame[first:], interpolation=cv2.INTER_LINEAR)
        return frame

    def solids(self) -> Iterator[tuple[Obstacle | None, Solid]]:
        """What may be in view, from the back to the front; walls come without an obstacle."""
        outer: list[tuple[Obstacle | None, Solid]] = []
        inner: list[tuple[Obstacle | None, Solid]] = []
        inward = _inward(self.scene.walls)
        for wall in self.scene.walls:
            for piece in _pieces(wall):
                if self._in_view(piece):
                    side = outer if self._behind_all(inward.get(piece)) else inner
                    side.append((None, wall_of(piece, wall.height_m, wall.colour)))
        for obstacle in self.scene.obstacles:
            solid = solid_of(obstacle)
            if self._in_view(solid.footprint):
                inner.append((obstacle, solid))
        inner.sort(key=lambda each: -self._distance(each[1]))
        yield from outer
        yield from painters_order(inner, lambda each: each[1].footprint, (self.x, self.y))

    def panels(self, solid: Solid) -> Iterator[Panel]:
        """Panels of a thing that look this way, from the back to the front."""
        if solid.pieces:
            for piece in painters_order(solid.pieces, lambda each: each.footprint, (self.x, self.y)):
                yield from self.panels(piece)
        for panel in solid.panels:
            if panel.upright:
                yield self._turned(panel, solid)
            elif panel.faces(self.x, self.y, self.height):
                yield panel

    def polygons(self, panel: Panel) -> Iterator[tuple[npt.NDArray[np.int32], tuple[int, int, int]]]:
        """Corners in sixteenths of a pixel and colour of each polygon that is before the eye."""
        seen = panel.points @ self.standing + self.offset
        depth = seen[:, 2]
        nearest = float(depth.min())
        if nearest >= NEAR_M:
            corners = _pixels(seen)
            least_m = TINY_PX * nearest / self.focus
            for part in panel.parts:
                if part.smallest_m >= least_m:
                    yield corners[part.start : part.stop], part.colour
        elif float(depth.max()) > NEAR_M:
            for part in panel.parts:
                before = seen[part.start : part.stop]
                if float(before[:, 2].min()) < NEAR_M:
                    before = _clipped(before)
                if len(before) >= 3:
                    yield _pixels(before), part.colour

    def _turned(self, panel: Panel, solid: Solid) -> Panel:
        """An upright panel as it stands in the room now, its front to the eye."""
        foot = solid.footprint
        if not isinstance(foot, Circle):
            raise TypeError("only what is round can turn with the viewer")
        away_x, away_y = foot.x - self.x, foot.y - self.y
        distance = math.hypot(away_x, away_y) or 1.0
        away_x, away_y = away_x / distance, away_y / distance
        points = np.empty_like(panel.points)
        across, toward = panel.points[:, 0], panel.points[:, 1]
        points[:, 0] = foot.x + across * away_y - toward * away_x
        points[:, 1] = foot.y - across * away_x - toward * away_y
        points[:, 2] = panel.points[:, 2]
        return panel._replace(points=points)

    def _behind_all(self, inward: tuple[float, float, float] | None) -> bool:
        """Whether the eye and all obstacles are on the inner side of an outer wall: then it hides nothing."""
        if inward is None:
            return False
        nx, ny, offset = inward
        places = [(self.x, self.y), *(each.at for each in self.scene.obstacles)]
        return all(nx * x + ny * y > offset for x, y in places)

    def _in_view(self, footprint: Footprint) -> bool:
        """Whether it is not wholly behind the eye or beside the picture."""
        slope = self.size[0] / 2 / self.focus * 1.02 + 0.05  # a tilted camera sees a little wider above
        margin = 0.0
        if isinstance(footprint, Circle):
            points, margin = [(footprint.x, footprint.y)], footprint.radius * 1.6
        else:
            points = outline_of(footprint)
        views = []
        for px, py in points:
            dx, dy = px - self.x, py - self.y
            views.append((dx * self.sine + dy * self.cosine, dx * self.cosine - dy * self.sine))
        if all(ahead + margin < NEAR_M for ahead, _ in views):
            return False
        return not (
            all(aside - margin > slope * max(ahead + margin, 0) for ahead, aside in views)
            or all(-aside - margin > slope * max(ahead + margin, 0) for ahead, aside in views)
        )

    def _distance(self, solid: Solid) -> float:
        foot = solid.footprint
        if isinstance(foot, Segment):
            return math.hypot((foot.ax + foot.bx) / 2 - self.x, (foot.ay + foot.by) / 2 - self.y)
        return math.hypot(foot.x - self.x, foot.y - self.y)


def _pixels(seen: Points) -> npt.NDArray[np.int32]:
    # cv2 counts from the middle of a pixel, the lens from its corner.
    exact = seen[:, :2] / seen[:, 2:] * SUBPIXEL - SUBPIXEL / 2
    pixels: npt.NDArray[np.int32] = np.rint(exact.clip(-FARTHEST, FARTHEST)).astype(np.int32)
    return pixels


def _clipped(seen: Points) -> Points:
    """The part of a convex polygon that is before the eye."""
    kept: list[tuple[float, float, float]] = []
    corners = seen.tolist()
    for (ax, ay, az), (bx, by, bz) in zip(corners, corners[1:] + corners[:1], strict=True):
        if az >= NEAR_M:
            kept.append((ax, ay, az))
        if (az >= NEAR_M) != (bz >= NEAR_M):
            share = (NEAR_M - az) / (bz - az)
            kept.append((ax + (bx - ax) * share, ay + (by - ay) * share, NEAR_M))
    return np.array(kept).reshape(-1, 3)


def _feet(solid: Solid) -> tuple[Solid, ...]:
    return solid.pieces or (solid,)


@lru_cache(maxsize=64)
def _pieces(wall: Wall) -> tuple[Segment, ...]:
    return tuple(segments_along(wall.points))


@lru_cache(maxsize=16)
def _inward(walls: tuple[Wall, ...]) -> dict[Segment, tuple[float, float, float]]:
    """For each piece of wall that has all the others on one side: its normal to there, and its offset along it."""
    points = [point for wall in walls for point in wall.points]
    inward = {}
    for wall in walls:
        for piece in _pieces(wall):
            nx, ny = piece.by - piece.ay, piece.ax - piece.bx
            offset = nx * piece.ax + ny * piece.ay
            sides = [nx * x + ny * y - offset for x, y in points]
            if min(sides) > -1e-6 and max(sides) > 1e-6:
                inward[piece] = (nx, ny, offset)
            elif max(sides) < 1e-6 and min(sides) < -1e-6:
                inward[piece] = (-nx, -ny, -offset)
    return inward


@lru_cache(maxsize=8)
def _above(size: tuple[int, int], indoors: bool) -> Frame:
    columns, rows = size
    share = np.linspace(0, 1, rows)[:, None]
    high, low = CEILING if indoors else SKY
    column = np.array(high) * (1 - share) + np.array(low) * share
    return np.repeat(column[:, None, :], columns, axis=1).astype(np.uint8)


@lru_cache(maxsize=64)
def _brightness(light: tuple[float, float, float]) -> Frame:
    levels = np.arange(256)[:, None] * np.array(light)[None, :]
    return np.asarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8)[None])


@lru_cache(maxsize=16)
def _noise_tiles(size: tuple[int, int], sigma: float) -> tuple[Frame, Frame]:
    """What is added, and what is subtracted; larger than a picture, so that each takes another part."""
    columns, rows = size
    normal = np.random.default_rng(0).normal(0, sigma, (rows + NOISE_SPARE_PX, columns + NOISE_SPARE_PX, 3))
    rounded = np.rint(normal)
    return np.clip(rounded, 0, 255).astype(np.uint8), np.clip(-rounded, 0, 255).astype(np.uint8)
