"""How the objects to be detected are drawn: balls, traffic cones, people, cardboard boxes.

Shape and size are those of the room; what a room does not say, such as the hair of a person, follows from the name.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from smartcar_mqtt.simulator.camera.furniture import FURNITURE, base_of, plain
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
from smartcar_mqtt.simulator.world.room import BoxObstacle, Obstacle, RoundObstacle, shape_of

WHITE: Colour = (245, 245, 245)
BLACK: Colour = (28, 26, 24)
TAPE: Colour = (120, 168, 196)
SKINS: tuple[Colour, ...] = ((170, 196, 236), (128, 165, 214), (94, 128, 184), (62, 86, 132))
HAIRS: tuple[Colour, ...] = ((30, 28, 26), (34, 52, 84), (60, 100, 148), (86, 150, 200), (120, 120, 124))
TROUSERS: tuple[Colour, ...] = ((96, 66, 46), (62, 58, 56), (84, 98, 108), (110, 92, 74), (52, 44, 70))
BALL_SHADES = 10
CONE_SHADES = (0.74, 0.88, 1.0, 1.1, 1.06, 0.95, 0.84, 0.70)


@lru_cache(maxsize=256)
def solid_of(obstacle: Obstacle) -> Solid:
    """The drawing of an obstacle by its kind; a kind without a drawing of its own is a plain cylinder or box."""
    chance = random.Random(crc32(obstacle.name.encode()))  # noqa: S311 - looks, not a secret
    if isinstance(obstacle, RoundObstacle):
        if obstacle.kind == "ball":
            return _ball(obstacle)
        if obstacle.kind == "cone":
            return _cone(obstacle)
        if obstacle.kind == "person":
            return _person(obstacle, chance)
    elif obstacle.kind == "box":
        return _box(obstacle, chance)
    draw = FURNITURE.get(obstacle.kind, plain)
    return draw(obstacle, chance) or plain(obstacle, chance)


def _ball(ball: RoundObstacle) -> Solid:
    """Discs that get brighter towards the upper left, a lighter band around the middle, a highlight."""
    colour, radius = bgr(ball.colour), ball.radius_m
    maker = PanelMaker()
    for number in range(BALL_SHADES):
        share = number / (BALL_SHADES - 1)
        size = radius * (1 - 0.78 * share)
        aside = (radius - size) * 0.42
        middle = radius + (radius - size) * 0.5
        maker.flat(disc(-aside, middle, size, 40), shaded(colour, 0.62 + 0.5 * share))
    maker.flat(disc(-0.40 * radius, 1.46 * radius, 0.15 * radius, 12, squash=0.8), mixed(colour, WHITE, 0.75))
    return Solid(shape_of(ball), (maker.upright(),))


def _cone(cone: RoundObstacle) -> Solid:
    """A square foot and a cone with two white bands, drawn as strips around its front."""
    colour, radius, top = bgr(cone.colour), cone.radius_m, cone.height_m
    foot = 0.06 * top
    lower, upper = 0.72 * radius, 0.12 * radius
    maker = PanelMaker()
    side, front = 0.85 * radius, 0.5 * radius  # the corners of the foot lie on the circle
    maker.add(
        [(-side, -front, foot), (side, -front, foot), (side, front, foot), (-side, front, foot)], shaded(colour, 0.9)
    )
    maker.add(
        [(-side, front, 0.0), (side, front, 0.0), (side, front, foot), (-side, front, foot)], shaded(colour, 0.62)
    )
    heights = (foot, 0.30 * top, 0.46 * top, 0.62 * top, 0.76 * top, top)
    for band, (low, high) in enumerate(pairwise(heights)):
        base = WHITE if band % 2 else colour
        for strip, shade in enumerate(CONE_SHADES):
            corners = []
            for height, turn in ((low, strip), (low, strip + 1), (high, strip + 1), (high, strip)):
                size = lower + (upper - lower) * (height - foot) / (top - foot)
                angle = math.pi * turn / len(CONE_SHADES)
                corners.append((-size * math.cos(angle), size * math.sin(angle), height))
            maker.add(corners, shaded(base, shade))
    return Solid(shape_of(cone), (maker.upright(),))


def _person(person: RoundObstacle, chance: random.Random) -> Solid:
    """A figure of head, hair, trunk, arms and legs; pose, skin, hair and trousers follow from the name."""
    shirt, tall = bgr(person.colour), person.height_m
    wide = person.radius_m / 0.126  # half the breadth of the shoulders is about an eighth of the height
    skin, hair, trousers = chance.choice(SKINS), chance.choice(HAIRS), chance.choice(TROUSERS)
    stride = chance.choice((0.035, 0.05, 0.08))
    pose, long_hair, side = chance.choice(("hanging", "hip", "raised")), chance.random() < 0.4, chance.choice((-1, 1))
    maker = PanelMaker()

    def put(points: list[tuple[float, float]], colour: Colour) -> None:
        maker.flat([(x * wide, z * tall) for x, z in points], colour)

    for leg, shade in ((-1, 0.92), (1, 1.0)):
        put(limb((leg * (stride + 0.012), 0.012), (leg * stride, 0.02), 0.02, 0.017), BLACK)
        put(limb((leg * 0.045, 0.48), (leg * stride, 0.04), 0.048, 0.026), shaded(trousers, shade))
    shoulder, hand = 0.805, 0.46
    for arm in (-1, 1):
        elbow, end = (arm * 0.135, 0.64), (arm * 0.125, hand)
        if arm == side and pose == "raised":
            elbow, end = (arm * 0.17, 0.86), (arm * 0.145, 1.0)
        elif arm == side and pose == "hip":
            elbow, end = (arm * 0.185, 0.64), (arm * 0.09, 0.53)
        put(limb(elbow, end, 0.021, 0.016), skin)
        put(disc(*end, 0.021, 12), skin)
        put(limb((arm * 0.105, shoulder), elbow, 0.028, 0.024), shaded(shirt, 0.80 if arm > 0 else 0.9))
    if long_hair:
        put(limb((0, 0.925), (0, 0.85), 0.066, 0.058, 8), shaded(hair, 0.85))
    put(limb((0, 0.88), (0, 0.82), 0.026, 0.03), shaded(skin, 0.82))
    put([(-0.08, 0.46), (0.08, 0.46), (0.092, 0.62), (0.122, 0.80), (0.085, 0.838), (-0.085, 0.838), (-0.122, 0.80),
         (-0.092, 0.62)], shirt)  # fmt: skip
    put(
        [(0.035, 0.46), (0.08, 0.46), (0.092, 0.62), (0.122, 0.80), (0.085, 0.838), (0.055, 0.838)], shaded(shirt, 0.86)
    )
    put(disc(0, 0.928, 0.056, 20, squash=1.15), skin)
    put([(x, max(z, 0.948)) for x, z in disc(0, 0.940, 0.060, 20)], hair)
    for eye in (-0.019, 0.019):
        put(disc(eye, 0.927, 0.006, 8), BLACK)
    put(limb((-0.014, 0.893), (0.014, 0.893), 0.003, 0.003, 3), shaded(skin, 0.6))
    return Solid(shape_of(person), (maker.upright(),))


def _box(box: BoxObstacle, chance: random.Random) -> Solid:
    """A closed cardboard box: a strip of tape over the middle of two sides and the lid, a label, dark edges."""
    colour, high = bgr(box.colour), box.height_m
    tape, label = mixed(TAPE, colour, 0.25), chance.randrange(4)

    def decorate(face: Face, side: int) -> None:
        edge = 0.012
        face.rectangle(0, 0, face.width, edge, shaded(colour, 0.72))
        face.rectangle(0, high - edge, face.width, high, shaded(colour, 1.18))
        if side % 2 == 0:
            middle, half = face.width / 2, min(0.03, face.width * 0.08)
            face.rectangle(middle - half, high * 0.62, middle + half, high, tape)
        if side == label:
            width, height = face.width * 0.34, high * 0.26
            left = face.width * 0.58
            face.rectangle(left, high * 0.16, left + width, high * 0.16 + height, WHITE)
            face.rectangle(left + width * 0.1, high * 0.2, left + width * 0.7, high * 0.2 + height * 0.2, BLACK)

    base = base_of(box)
    solid = cuboid(base, 0.0, high, colour, decorate)
    middle = min(0.03, box.width_m * 0.08) / box.width_m
    (ax, ay), (bx, by), _, (dx, dy) = base.corners()
    strip = PanelMaker()
    strip.add(
        [
            (ax + (bx - ax) * share + (dx - ax) * far, ay + (by - ay) * share + (dy - ay) * far, high)
            for share, far in ((0.5 - middle, 0), (0.5 + middle, 0), (0.5 + middle, 1), (0.5 - middle, 1))
        ],
        shaded(tape, 1.1),
    )
    return Solid(base, (solid.panels[0], strip.facing((0.0, 0.0, 1.0)), *solid.panels[1:]))
