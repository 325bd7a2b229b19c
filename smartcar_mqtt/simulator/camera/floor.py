"""The floor, seen from above: planks, tiles or carpet, with the soft shadows of what stands on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from smartcar_mqtt.simulator.camera.painters_order import Footprint, outline_of
from smartcar_mqtt.simulator.camera.polygons import bgr
from smartcar_mqtt.simulator.world.geometry import Circle, Point, Segment
from smartcar_mqtt.simulator.world.room import FloorPattern

Picture = npt.NDArray[np.uint8]
FINEST_PER_M = 96.0  # pixels of the floor's picture a metre
LARGEST_PX = 1024
SHADOW_PER_M = 32.0
MARGIN_M = 0.3
FARTHEST_M = 100_000.0  # what stands farther away throws its shadow from there: cv2 counts in 32 bits
DARKEST = 0.45  # how much light is left right under a thing


class Floor(NamedTuple):
    """A picture of the floor: pixel (column, row) shows the place (left + column / scale, bottom + row / scale)."""

    picture: Picture
    left: float
    bottom: float
    scale: float


def floor_of(colour: str, pattern: FloorPattern, places: Sequence[Point], footprints: tuple[Footprint, ...]) -> Floor:
    """The floor under those places (at least one), with the shadows of the footprints."""
    left, bottom = min(x for x, _ in places) - MARGIN_M, min(y for _, y in places) - MARGIN_M
    right, top = max(x for x, _ in places) + MARGIN_M, max(y for _, y in places) + MARGIN_M
    return _shadowed(colour, pattern, (left, bottom, right, top), footprints)


@lru_cache(maxsize=8)
def _shadowed(
    colour: str, pattern: FloorPattern, bounds: tuple[float, float, float, float], footprints: tuple[Footprint, ...]
) -> Floor:
    bare = _bare(colour, pattern, bounds)
    shadow = _shadows(bounds, footprints, min(bare.scale, SHADOW_PER_M))
    height, width = bare.picture.shape[:2]
    wide = cv2.resize(shadow, (width, height), interpolation=cv2.INTER_LINEAR)
    lit = cv2.multiply(bare.picture, cv2.cvtColor(wide, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    return bare._replace(picture=np.asarray(lit, np.uint8))


def _shadows(bounds: tuple[float, float, float, float], footprints: tuple[Footprint, ...], scale: float) -> Picture:
    left, bottom, right, top = bounds
    size = (max(2, round((right - left) * scale)), max(2, round((top - bottom) * scale)))
    shadow = np.full((size[1], size[0]), 255, np.uint8)

    def sixteenths(metres: float) -> int:
        return round(max(-FARTHEST_M, min(FARTHEST_M, metres)) * scale * 16)

    def pixel(x: float, y: float) -> tuple[int, int]:
        return sixteenths(x - left), sixteenths(y - bottom)

    dark = round(255 * DARKEST)
    for each in footprints:
        if isinstance(each, Circle):
            cv2.circle(shadow, pixel(each.x, each.y), sixteenths(each.radius), (dark,), -1, cv2.LINE_AA, 4)
        elif isinstance(each, Segment):
            cv2.line(shadow, pixel(each.ax, each.ay), pixel(each.bx, each.by), (dark,), 2, cv2.LINE_AA, 4)
        else:
            corners = np.array([pixel(x, y) for x, y in outline_of(each)], np.int32)
            cv2.fillConvexPoly(shadow, corners, (dark,), cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(shadow, (0, 0), max(0.6, 0.055 * scale)), np.uint8)


@lru_cache(maxsize=8)
def _bare(colour: str, pattern: FloorPattern, bounds: tuple[float, float, float, float]) -> Floor:
    left, bottom, right, top = bounds
    scale = min(FINEST_PER_M, LARGEST_PX / max(right - left, top - bottom))
    width, height = max(2, math.ceil((right - left) * scale)), max(2, math.ceil((top - bottom) * scale))
    chance = np.random.default_rng(width * 10_007 + height)
    light = np.ones((height, width), np.float32)
    x, y = np.arange(width) / scale, np.arange(height) / scale
    if pattern == "planks":
        light *= _planks(x, y, chance)
    elif pattern == "tiles":
        light *= _tiles(x, y, chance)
    light += chance.normal(0, 0.02, light.shape).astype(np.float32)
    picture = np.clip(light[:, :, None] * np.array(bgr(colour), np.float32), 0, 255).astype(np.uint8)
    return Floor(picture, left, bottom, scale)


def _planks(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], chance: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Boards of 12 cm by about 1.1 m that run to the north, each with its own brightness, thin gaps between."""
    column = (x / 0.12).astype(int)
    shift = chance.uniform(0, 1.1, int(column[-1]) + 1)[column]
    along = (y[:, None] + shift[None, :]) / 1.1
    board = along.astype(int)
    light = chance.uniform(0.86, 1.1, (int(column[-1]) + 1, int(board.max()) + 1))[column[None, :], board]
    gap = ((x / 0.12) % 1 < 0.09)[None, :] | (along % 1 < 0.012)
    light = np.where(gap, light * 0.74, light)
    return np.asarray(light, np.float32)


def _tiles(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], chance: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Square tiles of 40 cm with lighter joints."""
    columns, rows = (x / 0.4).astype(int), (y / 0.4).astype(int)
    light = chance.uniform(0.93, 1.05, (int(rows[-1]) + 1, int(columns[-1]) + 1))[rows[:, None], columns[None, :]]
    joint = ((x / 0.4) % 1 < 0.045)[None, :] | ((y / 0.4) % 1 < 0.045)[:, None]
    return np.asarray(np.where(joint, light * 0.8, light), np.float32)
