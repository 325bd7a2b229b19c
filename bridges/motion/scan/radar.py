"""The picture of a scan: what the car saw around it, from above, its start heading up."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from bridges.motion.scan.scan import Reading

SIZE = 480
SUPERSAMPLING = 2
"""Drawn this much larger and scaled down, for smooth edges."""
RANGES_CM = (100, 200, 300, 600)
"""Distances at the outermost ring: the smallest that holds all echoes."""
COLOURS = 128
SENSOR_DEGREES = (-30, 0, 30)
CONE_DEGREES = 15
NEAR_CM = 40

BACKGROUND = (16, 22, 30)
FREE = (29, 78, 71)
BEST = (46, 160, 117)
WALL = (255, 183, 77)
NEAR_WALL = (255, 99, 88)
GRID = (58, 72, 88)
CAR = (168, 184, 200)
ARROW = (255, 255, 255)


def draw(readings: Sequence[Reading], best: Reading | None) -> bytes:
    """The picture as PNG, SIZE by SIZE pixels."""
    echoes = [distance for *_, distance in cones(readings)]
    furthest_cm = next((edge for edge in RANGES_CM if edge >= max(echoes, default=0)), RANGES_CM[-1])
    radar = Radar(furthest_cm)
    radar.free_space([reading for reading in readings if reading is not best], FREE)
    if best is not None:
        radar.free_space([best], BEST)
    radar.rings()
    radar.walls(readings)
    radar.labels()
    radar.car()
    if best is not None:
        radar.arrow(best.heading)
    return radar.encoded()


def cones(readings: Sequence[Reading]) -> Iterator[tuple[float, float, int]]:
    """Each echo as a piece of a circle: from and to in Pillow's degrees (clockwise from three o'clock), and cm."""
    for reading in readings:
        distances = (reading.left, reading.center, reading.right)
        for offset, distance in zip(SENSOR_DEGREES, distances, strict=True):
            if distance is not None:
                upward = reading.heading + offset - 90
                yield upward - CONE_DEGREES, upward + CONE_DEGREES, distance


class Radar:
    """The canvas: centimetres around a middle, larger than it will be."""

    def __init__(self, furthest_cm: int) -> None:
        edge = SIZE * SUPERSAMPLING
        self._furthest_cm = furthest_cm
        self._image = Image.new("RGB", (edge, edge), BACKGROUND)
        self._pen = ImageDraw.Draw(self._image)
        self._middle = edge / 2
        self._scale = self._middle * 0.94 / furthest_cm

    def _circle(self, radius_cm: float) -> tuple[float, float, float, float]:
        radius = min(radius_cm, self._furthest_cm) * self._scale
        return self._middle - radius, self._middle - radius, self._middle + radius, self._middle + radius

    def free_space(self, readings: Sequence[Reading], colour: tuple[int, int, int]) -> None:
        """What lies before the echoes; far ones first, so that near ones stay visible."""
        for start, end, distance in sorted(cones(readings), key=lambda cone: -cone[2]):
            self._pen.pieslice(self._circle(distance), start, end, fill=colour)

    def walls(self, readings: Sequence[Reading]) -> None:
        """Where the echoes came from."""
        for start, end, distance in cones(readings):
            colour = NEAR_WALL if distance <= NEAR_CM else WALL
            self._pen.arc(self._circle(distance), start, end, fill=colour, width=5 * SUPERSAMPLING)

    @property
    def _distances(self) -> range:
        step = 50 if self._furthest_cm <= 200 else 100
        return range(step, self._furthest_cm + 1, step)

    def rings(self) -> None:
        """Circles of equal distance."""
        for distance in self._distances:
            self._pen.ellipse(self._circle(distance), outline=GRID, width=SUPERSAMPLING)

    def labels(self) -> None:
        """The distance of each ring, below the car, where the way ahead is not written over."""
        for distance in self._distances:
            place = (self._middle + 5, self._middle + distance * self._scale - 18 * SUPERSAMPLING)
            self._pen.text(place, f"{distance / 100:g} m", fill=CAR, font_size=13 * SUPERSAMPLING)

    def car(self) -> None:
        """The car in the middle, nose up."""
        middle, half_width, half_length = self._middle, 11 * SUPERSAMPLING, 16 * SUPERSAMPLING
        nose = middle - half_length - 8 * SUPERSAMPLING
        self._pen.rounded_rectangle(
            (middle - half_width, middle - half_length, middle + half_width, middle + half_length),
            radius=6 * SUPERSAMPLING,
            fill=CAR,
        )
        self._pen.polygon(
            [(middle, nose), (middle - half_width, middle - half_length), (middle + half_width, middle - half_length)],
            fill=CAR,
        )

    def arrow(self, heading: int) -> None:
        """An arrow from the car toward the best heading."""
        angle = math.radians(heading)
        ahead, aside = (math.sin(angle), -math.cos(angle)), (math.cos(angle), math.sin(angle))
        tip, foot, half = 64 * SUPERSAMPLING, 38 * SUPERSAMPLING, 10 * SUPERSAMPLING
        points = [(tip, 0), (foot, -half), (foot, half)]
        self._pen.polygon(
            [
                (self._middle + far * ahead[0] + wide * aside[0], self._middle + far * ahead[1] + wide * aside[1])
                for far, wide in points
            ],
            fill=ARROW,
        )

    def encoded(self) -> bytes:
        """The finished picture."""
        small = self._image.resize((SIZE, SIZE), Image.Resampling.LANCZOS).quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE
        )
        encoded = io.BytesIO()
        small.save(encoded, "PNG", optimize=True)
        return encoded.getvalue()
