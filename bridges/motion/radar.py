"""The picture of a scan: what the car saw around it, from above, its start heading up."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from bridges.motion.scan import Reading

SIZE = 480
SUPERSAMPLING = 2
"""Drawn this much larger and scaled down, for smooth edges."""
FURTHEST_CM = 300
"""Distance at the edge of the picture; farther echoes are drawn there."""
SENSOR_DEGREES = (-30, 0, 30)
CONE_DEGREES = 15

BACKGROUND = (16, 22, 30)
FREE = (29, 78, 71)
BEST = (46, 160, 117)
WALL = (255, 183, 77)
NEAR_WALL = (255, 99, 88)
GRID = (58, 72, 88)
TEXT = (168, 184, 200)
NEAR_CM = 40


def draw(readings: Sequence[Reading], best: Reading | None) -> bytes:
    """The picture as PNG, SIZE by SIZE pixels."""
    edge = SIZE * SUPERSAMPLING
    image = Image.new("RGB", (edge, edge), BACKGROUND)
    pen = ImageDraw.Draw(image)
    middle = edge / 2
    scale = middle * 0.92 / FURTHEST_CM

    def circle(radius_cm: float) -> tuple[float, float, float, float]:
        radius = radius_cm * scale
        return middle - radius, middle - radius, middle + radius, middle + radius

    for reading in readings:
        distances = (reading.left, reading.center, reading.right)
        for offset, distance in zip(SENSOR_DEGREES, distances, strict=True):
            if distance is None:
                continue
            shown = min(distance, FURTHEST_CM)
            upward = reading.heading + offset - 90  # Pillow counts clockwise from three o'clock
            cone = (upward - CONE_DEGREES, upward + CONE_DEGREES)
            pen.pieslice(circle(shown), *cone, fill=BEST if reading is best else FREE)
    for ring in range(100, FURTHEST_CM + 1, 100):
        pen.ellipse(circle(ring), outline=GRID, width=SUPERSAMPLING)
    for reading in readings:
        distances = (reading.left, reading.center, reading.right)
        for offset, distance in zip(SENSOR_DEGREES, distances, strict=True):
            if distance is None or distance > FURTHEST_CM:
                continue
            upward = reading.heading + offset - 90
            colour = NEAR_WALL if distance <= NEAR_CM else WALL
            pen.arc(
                circle(distance), upward - CONE_DEGREES, upward + CONE_DEGREES, fill=colour, width=5 * SUPERSAMPLING
            )
    draw_car(pen, middle)
    if best is not None:
        draw_arrow(pen, middle, best.heading, 60 * scale)
    font_size = 13 * SUPERSAMPLING
    for ring in range(100, FURTHEST_CM + 1, 100):
        pen.text((middle + 4, middle - ring * scale + 2), f"{ring / 100:g} m", fill=TEXT, font_size=font_size)
    finished = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    finished.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def draw_car(pen: ImageDraw.ImageDraw, middle: float) -> None:
    """The car in the middle, nose up."""
    width, length = 11 * SUPERSAMPLING, 16 * SUPERSAMPLING
    pen.rounded_rectangle(
        (middle - width, middle - length, middle + width, middle + length), radius=6 * SUPERSAMPLING, fill=TEXT
    )
    pen.polygon(
        [
            (middle, middle - length - 8 * SUPERSAMPLING),
            (middle - width, middle - length),
            (middle + width, middle - length),
        ],
        fill=TEXT,
    )


def draw_arrow(pen: ImageDraw.ImageDraw, middle: float, heading: int, length: float) -> None:
    """An arrow from the car toward the best heading."""
    angle = math.radians(heading)
    ahead = (math.sin(angle), -math.cos(angle))
    aside = (math.cos(angle), math.sin(angle))
    tip = (middle + ahead[0] * length, middle + ahead[1] * length)
    foot = (middle + ahead[0] * length * 0.55, middle + ahead[1] * length * 0.55)
    half = 9 * SUPERSAMPLING
    pen.polygon(
        [tip, *((foot[0] + side * aside[0] * half, foot[1] + side * aside[1] * half) for side in (-1, 1))],
        fill=(255, 255, 255),
    )
