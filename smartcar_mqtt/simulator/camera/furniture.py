"""How walls and furniture are drawn: what stands in a room and is not to be detected."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from smartcar_mqtt.simulator.camera.polygons import (
    Colour,
    Face,
    PanelMaker,
    Solid,
    bgr,
    cuboid,
    disc,
    limb,
    mixed,
    shaded,
)
from smartcar_mqtt.simulator.world.geometry import Box, Segment, box
from smartcar_mqtt.simulator.world.room import BoxObstacle, Obstacle, RoundObstacle, shape_of

BOOKS: tuple[Colour, ...] = (
    (64, 72, 150), (120, 92, 60), (82, 128, 92), (96, 150, 190), (70, 60, 58), (150, 140, 130), (110, 84, 128),
)  # fmt: skip
CYLINDER_SHADES = (0.74, 0.92, 1.06, 1.12, 1.04, 0.92, 0.78, 0.66)
SKIRTING_M = 0.07
MOST_DETAILS = 20  # doors or shelves, however large the thing is
LONGEST_ROW_M = 40.0  # of books, or of doors, windows and pictures on a wall
POT: Colour = (72, 104, 168)
WHITE: Colour = (240, 242, 243)
SKY: Colour = (236, 214, 178)
PICTURES: tuple[Colour, ...] = ((150, 130, 96), (112, 150, 128), (96, 120, 170), (160, 150, 150))


class Gap(NamedTuple):
    """Where something may be drawn on a wall: the face, from how many metres along it, for how many, and its paint."""

    face: Face
    left: float
    space: float
    paint: Colour


Draw = Callable[[Obstacle, random.Random], Solid | None]


@lru_cache(maxsize=256)
def wall_of(piece: Segment, height: float, colour: str) -> Solid:
    """A straight piece of wall with a skirting board and, where there is room, a door, a window or pictures."""
    face = Face((piece.ax, piece.ay), (piece.bx, piece.by))
    paint = bgr(colour)
    face.rectangle(0, 0, face.width, height, paint)
    chance = random.Random(crc32(repr((piece, colour)).encode()))  # noqa: S311 - looks, not a secret
    if height >= 2.0:
        place = 0.35
        while (left := face.width - place) > 1.0 and place < LONGEST_ROW_M:
            what = chance.choice((_door, _window, _picture, _picture))
            place += what(Gap(face, place, left, paint), chance) + chance.uniform(0.35, 0.8)
    face.rectangle(0, 0, face.width, SKIRTING_M, mixed(paint, WHITE, 0.6))
    face.rectangle(0, SKIRTING_M, face.width, SKIRTING_M + 0.012, shaded(paint, 0.78))
    return Solid(piece, (face.panel(both_sides=True),))


def _door(gap: Gap, _: random.Random) -> float:
    face, left, space, paint = gap
    if space < 1.2:
        return 0.3
    wide, tall, leaf = 0.86, 2.0, mixed(paint, (96, 132, 168), 0.45)
    face.rectangle(left - 0.06, 0, left + wide + 0.06, tall + 0.06, mixed(paint, WHITE, 0.7))
    face.rectangle(left, 0, left + wide, tall, leaf)
    for low, high in ((0.22, 0.92), (1.08, 1.84)):
        face.rectangle(left + 0.14, low, left + wide - 0.14, high, shaded(leaf, 0.9))
        face.rectangle(left + 0.17, low + 0.03, left + wide - 0.14, high, shaded(leaf, 1.04))
    face.rectangle(left + 0.06, 0.98, left + 0.16, 1.01, (110, 118, 122))
    return wide


def _window(gap: Gap, chance: random.Random) -> float:
    face, left, space, _ = gap
    wide = min(space - 0.3, chance.uniform(0.8, 1.5))
    low, high = 0.92, 2.05
    face.rectangle(left - 0.05, low - 0.05, left + wide + 0.05, high + 0.05, WHITE)
    face.rectangle(left, low, left + wide, high, SKY)
    face.polygon([(left, low), (left + wide, low), (left + wide, low + 0.22), (left, low + 0.38)], (120, 158, 140))
    face.rectangle(left + wide / 2 - 0.02, low, left + wide / 2 + 0.02, high, WHITE)
    face.rectangle(left - 0.08, low - 0.09, left + wide + 0.08, low - 0.05, shaded(WHITE, 0.9))
    return wide


def _picture(gap: Gap, chance: random.Random) -> float:
    face, left, _, _ = gap
    wide, tall = chance.uniform(0.35, 0.6), chance.uniform(0.3, 0.55)
    low, colour = chance.uniform(1.05, 1.35), chance.choice(PICTURES)
    face.rectangle(left, low, left + wide, low + tall, (62, 70, 84))
    face.rectangle(left + 0.03, low + 0.03, left + wide - 0.03, low + tall - 0.03, mixed(colour, WHITE, 0.5))
    rise = chance.uniform(0.2, 0.6)
    face.polygon(
        [(left + 0.03, low + 0.03), (left + wide - 0.03, low + 0.03), (left + wide - 0.03, low + tall * rise),
         (left + 0.03, low + tall * (0.75 - rise))], colour,
    )  # fmt: skip
    return wide


def plain(obstacle: Obstacle, _: random.Random) -> Solid:
    """A plain cylinder or box: for kinds without a drawing of their own."""
    if isinstance(obstacle, BoxObstacle):
        return cuboid(base_of(obstacle), 0.0, obstacle.height_m, bgr(obstacle.colour))
    maker = PanelMaker()
    _cylinder(maker, obstacle.radius_m, obstacle.radius_m, 0.0, obstacle.height_m, bgr(obstacle.colour))
    return Solid(shape_of(obstacle), (maker.upright(),))


def _cylinder(maker: PanelMaker, low_radius: float, high_radius: float, low: float, high: float, paint: Colour) -> None:
    """The front half of a cylinder or of a truncated cone, and its top."""
    count = len(CYLINDER_SHADES)
    maker.add(
        [
            (high_radius * math.cos(turn), high_radius * math.sin(turn), high)
            for turn in (2 * math.pi * number / 20 for number in range(20))
        ],
        shaded(paint, 1.16),
    )
    for strip, shade in enumerate(CYLINDER_SHADES):
        ends = [math.pi * (strip + end) / count for end in (0, 1)]
        corners = [
            (radius, height, turn) for radius, height in ((low_radius, low), (high_radius, high)) for turn in ends
        ]
        points = [(-radius * math.cos(turn), radius * math.sin(turn), height) for radius, height, turn in corners]
        maker.add([points[0], points[1], points[3], points[2]], shaded(paint, shade))


def _plant(plant: Obstacle, chance: random.Random) -> Solid | None:
    """A pot with long leaves."""
    if not isinstance(plant, RoundObstacle):
        return None
    maker, radius, high = PanelMaker(), plant.radius_m, plant.height_m
    rim, green = 0.3 * high, bgr(plant.colour)
    _cylinder(maker, radius * 0.6, radius * 0.85, 0.0, rim, POT)
    for number in range(11):
        lean = (number - 5) / 5
        tip = (lean * radius * 1.5, rim + (high - rim) * (1.0 - 0.5 * abs(lean)) * chance.uniform(0.85, 1.0))
        root = (lean * radius * 0.4, rim * 0.95)
        middle = (root[0] + (tip[0] - root[0]) * 0.35, root[1] + (tip[1] - root[1]) * 0.62)
        leaf = shaded(green, chance.uniform(0.72, 1.2))
        maker.flat(limb(root, middle, radius * 0.05, radius * 0.16, 4), leaf)
        maker.flat(limb(middle, tip, radius * 0.16, radius * 0.03, 4), leaf)
    return Solid(shape_of(plant), (maker.upright(),))


def _chair(chair: Obstacle, _: random.Random) -> Solid | None:
    """Four legs, a seat and a back, within its circle."""
    if not isinstance(chair, RoundObstacle):
        return None
    half, paint, seat = chair.radius_m * 0.7, bgr(chair.colour), 0.48 * chair.height_m
    x, y = chair.at
    legs = [
        cuboid(box((x + sx * half * 0.86, y + sy * half * 0.86), 0.035, 0.035, 0), 0.0, seat, shaded(paint, 0.8))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    board = cuboid(box((x, y), 2 * half, 2 * half, 0), seat, seat + 0.04, paint)
    back = cuboid(box((x, y - half + 0.02), 2 * half, 0.03, 0), seat + 0.06, chair.height_m, shaded(paint, 0.95))
    return Solid(shape_of(chair), pieces=(board, *legs, back))


def _table(table: Obstacle, _: random.Random) -> Solid | None:
    """A board on four legs, with free sight below it."""
    if not isinstance(table, BoxObstacle):
        return None
    base, paint, thick = base_of(table), bgr(table.colour), 0.04
    legs = [
        cuboid(_within(table, sx * (table.width_m / 2 - 0.04), sy * (table.depth_m / 2 - 0.04), 0.05, 0.05), 0.0,
               table.height_m - thick, shaded(paint, 0.82))
        for sx in (-1, 1) for sy in (-1, 1)
    ]  # fmt: skip
    return Solid(base, pieces=(cuboid(base, table.height_m - thick, table.height_m, paint), *legs))


def _couch(couch: Obstacle, _: random.Random) -> Solid | None:
    """Seat, arms at its short ends and a back along its western or northern long side."""
    if not isinstance(couch, BoxObstacle):
        return None
    width, depth, high, paint = couch.width_m, couch.depth_m, couch.height_m, bgr(couch.colour)
    across = width >= depth  # the long side runs from west to east
    long, deep = (width, depth) if across else (depth, width)
    back, arm, seat = min(0.24, deep * 0.3), min(0.2, long * 0.15), 0.52 * high

    def part(along: float, out: float, length: float, breadth: float, top: float, light: float) -> Solid:
        """A part by its middle: metres along the sofa, and out from its middle towards the back."""
        spot = (along, out, length, breadth) if across else (-out, along, breadth, length)
        return cuboid(_within(couch, *spot), 0.0, top, shaded(paint, light), _cushions if top == seat else _seam)

    def _seam(face: Face, _: int) -> None:
        face.rectangle(0, 0, face.width, 0.06, shaded(paint, 0.6))

    def _cushions(face: Face, _: int) -> None:
        face.rectangle(0, 0, face.width, 0.06, shaded(paint, 0.5))
        face.rectangle(0, seat * 0.58, face.width, seat * 0.61, shaded(paint, 0.62))
        if face.width > deep:
            for share in (1 / 3, 2 / 3):
                at = face.width * share
                face.rectangle(at - 0.006, seat * 0.6, at + 0.006, seat, shaded(paint, 0.62))

    return Solid(
        base_of(couch),
        pieces=(
            part(0, (deep - back) / 2, long - 2 * arm, back, high, 0.94),
            part(0, -back / 2, long - 2 * arm, deep - back, seat, 1.04),
            part((long - arm) / 2, 0, arm, deep, 0.72 * high, 0.98),
            part(-(long - arm) / 2, 0, arm, deep, 0.72 * high, 0.98),
        ),
    )


def _shelf(shelf: Obstacle, chance: random.Random) -> Solid | None:
    """Boards with books on its two wide sides."""
    if not isinstance(shelf, BoxObstacle):
        return None
    paint, high = bgr(shelf.colour), shelf.height_m
    wide = 0 if shelf.width_m >= shelf.depth_m else 1
    rows = min(MOST_DETAILS, max(1, round(high / 0.36)))

    def decorate(face: Face, side: int) -> None:
        if side % 2 != wide:
            return
        step = (high - 0.08) / rows
        for row in range(rows):
            low = 0.06 + row * step
            face.rectangle(0.03, low, face.width - 0.03, low + step - 0.03, shaded(paint, 0.45))
            at = 0.05
            while at < min(face.width - 0.12, LONGEST_ROW_M):
                thick = chance.uniform(0.05, 0.1)
                if chance.random() < 0.85:
                    book = shaded(chance.choice(BOOKS), chance.uniform(0.8, 1.1))
                    face.rectangle(at, low, at + thick * 0.9, low + step * chance.uniform(0.55, 0.85), book)
                at += thick

    return cuboid(base_of(shelf), 0.0, high, paint, decorate)


def _cabinet(cabinet: Obstacle, _: random.Random) -> Solid | None:
    """Doors with knobs on its two wide sides, on a dark plinth."""
    if not isinstance(cabinet, BoxObstacle):
        return None
    paint, high = bgr(cabinet.colour), cabinet.height_m
    wide = 0 if cabinet.width_m >= cabinet.depth_m else 1

    def decorate(face: Face, side: int) -> None:
        face.rectangle(0, 0, face.width, 0.06, shaded(paint, 0.5))
        face.rectangle(0, high - 0.03, face.width, high, shaded(paint, 1.12))
        if side % 2 != wide:
            return
        doors = min(MOST_DETAILS, max(1, round(face.width / 0.45)))
        each = face.width / doors
        for number in range(doors):
            left = number * each
            face.rectangle(left + 0.012, 0.075, left + each - 0.012, high - 0.05, shaded(paint, 0.72))
            face.rectangle(left + 0.02, 0.085, left + each - 0.02, high - 0.06, shaded(paint, 1.05))
            knob = left + (each - 0.07 if number % 2 == 0 else 0.07)
            face.polygon(disc(knob, high * 0.62, 0.014, 10), (150, 190, 205))

    return cuboid(base_of(cabinet), 0.0, high, paint, decorate)


def base_of(obstacle: BoxObstacle) -> Box:
    """What it covers of the floor."""
    return box(obstacle.at, obstacle.width_m, obstacle.depth_m, obstacle.turned_deg)


def _within(whole: BoxObstacle, x: float, y: float, width: float, depth: float) -> Box:
    """A box inside another: its middle in the other's own directions before it was turned, then turned with it."""
    turn = math.radians(whole.turned_deg)
    sine, cosine = math.sin(turn), math.cos(turn)
    at = (whole.at[0] + x * cosine + y * sine, whole.at[1] - x * sine + y * cosine)
    return box(at, width, depth, whole.turned_deg)


FURNITURE: dict[str, Draw] = {
    "potted plant": _plant,
    "chair": _chair,
    "table": _table,
    "dining table": _table,
    "couch": _couch,
    "shelf": _shelf,
    "cabinet": _cabinet,
}
