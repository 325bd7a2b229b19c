"""Random scenes in the house style: rooms as those of the demo, with things to find before the camera.

All chance comes from one `random.Random`; the same seed gives the same pictures and labels.
"""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Iterator
from typing import NamedTuple

import cv2
from msgspec.structs import replace

from smartcar_mqtt.simulator.camera.renderer import FOUND_KINDS, Camera, Frame, Label
from smartcar_mqtt.simulator.camera.scene import Scene
from smartcar_mqtt.simulator.world.geometry import Circle, Segment, distance_to_segment, segments_along
from smartcar_mqtt.simulator.world.room import BoxObstacle, Lens, Obstacle, Room, RoundObstacle, Wall

FRAME_SIZE = (640, 480)
SCENES_A_ROOM = 8  # a room costs more to draw the first time
WALLS = ("#d8d2c4", "#cfd6d2", "#d9cfc0", "#c9d0da", "#e0dcd2", "#cfc4bd", "#d5d9c8", "#bfc5c9")
WOODS = ("#a58a68", "#8d6f4f", "#b99a72", "#7d6650", "#c2aa86", "#9a8f80")
STONES = ("#b5b2aa", "#9ea3a6", "#c7bfae", "#8f9694", "#d0ccc4")
FURNITURE_COLOURS = ("#7a5230", "#5c4033", "#b08968", "#9c6644", "#8a8f98", "#d6d0c4", "#6d5a4a", "#4b4e57")
COUCHES = ("#3d5a80", "#6b705c", "#7f5539", "#8d99ae", "#52616b", "#a3a380", "#6d597a")
BALLS = ("#e63946", "#1d6fd1", "#2fa84f", "#f4c20d", "#f0812a", "#8e44ad", "#f06ba8", "#19b5b5", "#f2f2f2")
CONES = ("#f26419", "#ff5a1f", "#f77f00", "#e8501a", "#f9a620")
BOXES = ("#b98b5e", "#a9794c", "#c39a6b", "#9a7148", "#b0936f", "#6b705c", "#8a7356")
PLANTS = ("#40916c", "#52894a", "#2d6a4f", "#6a994e")


class Sample(NamedTuple):
    """A picture in the camera's size with what is to be found in it."""

    frame: Frame
    labels: list[Label]


class Place(NamedTuple):
    """A room with its furniture, and its size in metres from its south-western corner, which is (0, 0)."""

    width: float
    depth: float
    walls: tuple[Wall, ...]
    furniture: tuple[Obstacle, ...]
    floor_colour: str
    floor_pattern: str


def samples(seed: int, size: tuple[int, int] = FRAME_SIZE) -> Iterator[Sample]:
    """Pictures without end."""
    chance = random.Random(seed)  # noqa: S311 - pictures, not a secret
    while True:
        place = random_place(chance)
        for _ in range(SCENES_A_ROOM):
            scene = random_scene(chance, place)
            if scene is not None:
                yield render(chance, scene, size)


def samples_in(room: Room, seed: int, size: tuple[int, int] = FRAME_SIZE) -> Iterator[Sample]:
    """Pictures without end of that room, with its own furniture, camera and floor, and random things to find."""
    chance = random.Random(seed)  # noqa: S311 - pictures, not a secret
    points = [point for wall in room.walls for point in wall.points]
    furniture = tuple(each for each in room.obstacles if each.kind not in FOUND_KINDS)
    width, depth = max(x for x, _ in points), max(y for _, y in points)
    place = Place(width, depth, room.walls, furniture, room.floor_colour, room.floor_pattern)
    while True:
        scene = random_scene(chance, place)
        if scene is not None:
            frame, labels = Camera(size, seed=chance.randrange(1 << 30)).labelled(replace(scene, camera=room.camera))
            yield Sample(frame, labels)


def render(chance: random.Random, scene: Scene, size: tuple[int, int]) -> Sample:
    """The picture under random light, blur and noise, mirrored every second time."""
    gain = chance.uniform(0.6, 1.18)
    camera = Camera(
        size,
        light=tuple(gain * chance.uniform(0.93, 1.07) for _ in range(3)),  # type: ignore[arg-type]
        noise=chance.choice((0.0, 1.0, 2.0, 3.0, 4.0, 6.0)),
        blur_px=chance.choice((0.0, 0.0, 0.5, 0.8, 1.2)) * size[0] / FRAME_SIZE[0],
        seed=chance.randrange(1 << 30),
    )
    frame, labels = camera.labelled(scene)
    if chance.random() < 0.5:
        frame = cv2.flip(frame, 1)
        labels = [each._replace(left=size[0] - each.right, right=size[0] - each.left) for each in labels]
    return Sample(frame, labels)


def random_place(chance: random.Random) -> Place:
    """A rectangular room, sometimes with inner walls, with furniture along the walls or in the middle."""
    width, depth = chance.uniform(2.2, 7.0), chance.uniform(2.2, 6.0)
    if chance.random() < 0.12:
        width, depth = chance.uniform(1.2, 2.0), chance.uniform(4.0, 8.0)
    paint = jitter(chance, chance.choice(WALLS), 0.05)
    outer = Wall(points=((0, 0), (width, 0), (width, depth), (0, depth), (0, 0)), colour=paint)
    walls = [outer]
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        x, y = chance.uniform(0.2, 0.8) * width, chance.uniform(0.2, 0.8) * depth
        reach = chance.uniform(0.5, 1.6)
        end = (x, y + reach) if chance.random() < 0.5 else (x + reach, y)
        end = (min(end[0], width), min(end[1], depth))
        walls.append(Wall(points=((x, y), end), colour=paint, height_m=chance.choice((2.4, 2.4, 1.1))))
    pattern = chance.choice(("planks", "planks", "planks", "tiles", "plain"))
    floor = jitter(chance, chance.choice(WOODS if pattern == "planks" else STONES + WOODS), 0.06)
    furniture: list[Obstacle] = []
    for number in range(chance.choice((0, 2, 3, 4, 5, 6, 8))):
        for _ in range(15):
            piece = random_furniture(chance, f"furniture {number}", width, depth)
            if free(piece, furniture, walls if chance.random() < 0.5 else [], 0.0):
                furniture.append(piece)
                break
    return Place(width, depth, tuple(walls), tuple(furniture), floor, pattern)


def random_furniture(chance: random.Random, name: str, width: float, depth: float) -> Obstacle:
    """A piece of furniture, mostly with its back to a wall."""
    kind = chance.choice(("cabinet", "couch", "shelf", "table", "table", "chair", "chair", "potted plant", "vase"))
    at = (chance.uniform(0.3, max(0.31, width - 0.3)), chance.uniform(0.3, max(0.31, depth - 0.3)))
    if kind in {"chair", "potted plant", "vase"}:
        colours = {"chair": FURNITURE_COLOURS, "potted plant": PLANTS, "vase": COUCHES}[kind]
        high = {"chair": (0.75, 1.0), "potted plant": (0.5, 1.4), "vase": (0.35, 0.9)}[kind]
        radius = {"chair": (0.18, 0.26), "potted plant": (0.11, 0.2), "vase": (0.08, 0.18)}[kind]
        return RoundObstacle(
            name=name, kind=kind, at=at, radius_m=chance.uniform(*radius), height_m=chance.uniform(*high),
            colour=jitter(chance, chance.choice(colours), 0.06),
        )  # fmt: skip
    long, deep, high = {
        "cabinet": ((0.5, 1.6), (0.3, 0.5), (0.5, 1.3)),
        "couch": ((1.2, 2.1), (0.75, 0.95), (0.65, 0.9)),
        "shelf": ((0.5, 1.4), (0.22, 0.36), (0.9, 2.1)),
        "table": ((0.5, 1.4), (0.5, 0.8), (0.4, 0.78)),
    }[kind]
    size = [chance.uniform(*long), chance.uniform(*deep)]
    chance.shuffle(size)
    if chance.random() < 0.75:
        side = chance.randrange(4)
        x, y = at
        at = ((x, depth - size[1] / 2 - 0.02), (x, size[1] / 2 + 0.02), (size[0] / 2 + 0.02, y),
              (width - size[0] / 2 - 0.02, y))[side]  # fmt: skip
    return BoxObstacle(
        name=name, kind=kind, at=at, width_m=size[0], depth_m=size[1], height_m=chance.uniform(*high),
        turned_deg=chance.choice((0.0, 0.0, chance.uniform(-25, 25))),
        colour=jitter(chance, chance.choice(COUCHES if kind == "couch" else FURNITURE_COLOURS), 0.06),
    )  # fmt: skip


def random_scene(chance: random.Random, place: Place) -> Scene | None:
    """The car somewhere free in the room with up to seven things before it; None if no spot for it is found."""
    lens = Lens(
        height_m=chance.uniform(0.09, 0.24), pitch_deg=chance.uniform(0.0, 14.0), opening_deg=chance.uniform(56, 70)
    )
    for _ in range(20):
        x, y = chance.uniform(0.25, place.width - 0.25), chance.uniform(0.25, place.depth - 0.25)
        car = RoundObstacle(name="car", kind="car", at=(x, y), radius_m=0.2)
        if free(car, place.furniture, place.walls, 0.02):
            break
    else:
        return None
    heading = chance.uniform(0, 360)
    things: list[Obstacle] = []
    for number in range(chance.choice((0, 1, 1, 2, 2, 3, 4, 5, 7))):
        for _ in range(20):
            away = 0.4 + 4.2 * chance.random() ** 1.3
            bearing = math.radians(heading + chance.uniform(-36, 36))
            at = (x + away * math.sin(bearing), y + away * math.cos(bearing))
            if not (0.1 < at[0] < place.width - 0.1 and 0.1 < at[1] < place.depth - 0.1):
                continue
            thing = random_thing(chance, f"thing {chance.randrange(1000)} {number}", at)
            if free(thing, [*place.furniture, *things, car], place.walls, 0.01):
                things.append(thing)
                break
    return Scene(
        x_m=x, y_m=y, heading_deg=heading, camera=lens, walls=place.walls, obstacles=(*place.furniture, *things),
        floor_colour=place.floor_colour, floor_pattern=place.floor_pattern,  # type: ignore[arg-type]
    )  # fmt: skip


def random_thing(chance: random.Random, name: str, at: tuple[float, float]) -> Obstacle:
    """A thing to be found."""
    kind = chance.choices(("ball", "cone", "person", "box"), (2, 3, 4, 4))[0]
    if kind == "ball":
        radius = chance.uniform(0.04, 0.17)
        colour = jitter(chance, chance.choice(BALLS), 0.1) if chance.random() < 0.8 else any_colour(chance)
        return RoundObstacle(name=name, kind=kind, at=at, radius_m=radius, height_m=2 * radius, colour=colour)
    if kind == "cone":
        high = chance.uniform(0.2, 0.75)
        colour = jitter(chance, chance.choice(CONES), 0.06)
        wide = high * chance.uniform(0.28, 0.42)
        return RoundObstacle(name=name, kind=kind, at=at, radius_m=wide, height_m=high, colour=colour)
    if kind == "person":
        high = chance.uniform(1.1, 1.95)
        wide = high * chance.uniform(0.115, 0.14)
        return RoundObstacle(name=name, kind=kind, at=at, radius_m=wide, height_m=high, colour=any_colour(chance))
    return BoxObstacle(
        name=name, kind=kind, at=at, width_m=chance.uniform(0.16, 0.6), depth_m=chance.uniform(0.14, 0.5),
        height_m=chance.uniform(0.11, 0.5), turned_deg=chance.uniform(0, 360),
        colour=jitter(chance, chance.choice(BOXES), 0.06),
    )  # fmt: skip


def free(thing: Obstacle, others: list[Obstacle] | tuple[Obstacle, ...], walls: object, gap: float) -> bool:
    """Whether it overlaps neither the others nor a wall, boxes taken as circles."""
    me = around(thing)
    for other in others:
        them = around(other)
        if math.dist((me.x, me.y), (them.x, them.y)) < me.radius + them.radius + gap:
            return False
    pieces: list[Segment] = [piece for wall in walls for piece in segments_along(wall.points)]  # type: ignore[attr-defined]
    return all(distance_to_segment(me.x, me.y, piece) >= min(me.radius, 0.45) + gap for piece in pieces)


def around(thing: Obstacle) -> Circle:
    """A circle that stands for the thing."""
    if isinstance(thing, RoundObstacle):
        return Circle(*thing.at, thing.radius_m)
    return Circle(*thing.at, 0.48 * math.hypot(thing.width_m, thing.depth_m))


def jitter(chance: random.Random, colour: str, spread: float) -> str:
    """A colour near that one: hue by a third of `spread`, saturation and brightness by all of it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    hue, saturation, value = colorsys.rgb_to_hsv(*channels)
    hue = (hue + chance.uniform(-spread, spread) / 3) % 1
    saturation = min(1.0, max(0.0, saturation + chance.uniform(-spread, spread)))
    value = min(1.0, max(0.0, value + chance.uniform(-spread, spread)))
    return written(colorsys.hsv_to_rgb(hue, saturation, value))


def any_colour(chance: random.Random) -> str:
    """Any colour that is neither very dark nor shrill."""
    return written(colorsys.hsv_to_rgb(chance.random(), chance.uniform(0.0, 0.9), chance.uniform(0.25, 0.95)))


def written(channels: tuple[float, float, float]) -> str:
    """Red, green, blue from 0 to 1 as `#rrggbb`."""
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
