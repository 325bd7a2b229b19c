"""Rooms: what a YAML file may say about walls, furniture, gas and the car, and what is wrong when it cannot be used.

Positions are [x, y] in metres, x to the east and y to the north. Headings and bearings are compass degrees: 0 is
north, 90 is east, clockwise is positive; so a sensor at -30 degrees looks to the left of the car.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from smartcar_mqtt.simulator.world.geometry import Box, Circle, Point, box, distance_to_segment, segments_along
from smartcar_mqtt.untrusted.decoding import DecodingError
from smartcar_mqtt.untrusted.yaml_text import decode_yaml, fitted

SHIPPED = Path(__file__).parents[1] / "rooms"
LARGEST_NUMBER = 10_000  # nothing in a room is larger; NaN and infinity fail the comparison too

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
AdcValue = Annotated[int, msgspec.Meta(ge=0, le=4095)]
Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
FloorPattern = Literal["planks", "tiles", "plain"]


class RoomError(ValueError):
    """A room that cannot be used; the message is one sentence with file, key and what to change."""


class Pose(NamedTuple):
    """Where the middle of the car is (metres) and where it looks (degrees clockwise from north, 0 to 360)."""

    x_m: float
    y_m: float
    heading_deg: float


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of a room file: a key that is not known is an error."""


class Wall(_Section, frozen=True, kw_only=True):
    """A wall along a polyline of at least two points, without thickness."""

    points: tuple[Point, ...]
    colour: Colour = "#d8d2c4"
    height_m: Positive = 2.4


class _Obstacle(_Section, frozen=True, kw_only=True, tag_field="shape"):
    """Something that stands in the room; `kind` is what a camera would call it, `name` is unique in the room."""

    name: str
    kind: str
    at: Point
    colour: Colour = "#808080"
    height_m: Positive = 0.5


class RoundObstacle(_Obstacle, frozen=True, kw_only=True, tag="circle"):
    """A ball, a person, a table leg: a circle seen from above."""

    radius_m: Positive


class BoxObstacle(_Obstacle, frozen=True, kw_only=True, tag="rectangle"):
    """A sofa, a shelf: a rectangle of width (west-east) by depth (south-north) around `at`, then turned clockwise."""

    width_m: Positive
    depth_m: Positive
    turned_deg: float = 0.0


Obstacle = RoundObstacle | BoxObstacle


class Gas(_Section, frozen=True, kw_only=True):
    """What the gas sensor reads, raw 12-bit ADC: clean air plus a cloud that thins out as exp(-(distance/radius)^2)."""

    at: Point = (0.0, 0.0)
    strength_raw: AdcValue = 0
    radius_m: Positive = 1.0
    clean_air_raw: AdcValue = 180
    noise_raw: NotNegative = 0.0


class Car(_Section, frozen=True, kw_only=True):
    """The car's body and drive.

    The turn rate is given, not derived from the distance of the wheels: wheels that are dragged sideways slip. The
    defaults turn 45 degrees in 200 ms, as the scan of the firmware needs. The lags are time constants: of the wheels
    under power, and of the wheels that roll out with the power off.
    """

    radius_m: Positive = 0.11
    full_speed_m_s: Positive = 0.45
    turn_rate_deg_s: Positive = 225.0
    motor_lag_s: NotNegative = 0.06
    coast_lag_s: NotNegative = 0.06

    @property
    def effective_track_m(self) -> float:
        """Distance of two wheels without slip that would turn the car as fast, metres."""
        return 2 * self.full_speed_m_s / math.radians(self.turn_rate_deg_s)


class Sonar(_Section, frozen=True, kw_only=True):
    """An HC-SR04 on the rim of the car's body.

    `max_m` is what the firmware's 30 ms of waiting allow. Nearer than `min_m` the echo drowns in the ping: it reads
    `min_m`, and 0 below 1 cm. Noise is the standard deviation of one reading.
    """

    name: str
    bearing_deg: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    cone_deg: Annotated[float, msgspec.Meta(gt=0, le=120)] = 30.0
    min_m: NotNegative = 0.02
    max_m: Positive = 5.14
    noise_cm: NotNegative = 0.0
    no_echo_chance: Chance = 0.0
    grazing_deg: Annotated[float, msgspec.Meta(gt=0, le=90)] | None = 60.0


class Lens(_Section, frozen=True, kw_only=True):
    """The camera: a pinhole that looks forward, `forward_m` ahead of the middle of the car, tilted up by `pitch_deg`.

    The opening angle, across the picture, is that of a Raspberry Pi camera module 2. The camera stands on the car's
    body: nothing is mounted on the pan servo (seed facts, section 2.3); with `on_servo` it turns with it.
    """

    height_m: Positive = 0.13
    forward_m: float = 0.07
    pitch_deg: Annotated[float, msgspec.Meta(ge=-30, le=45)] = 8.0
    opening_deg: Annotated[float, msgspec.Meta(ge=20, le=120)] = 62.2
    on_servo: bool = False


class Start(_Section, frozen=True, kw_only=True):
    """Where the car stands at first."""

    at: Point
    heading_deg: float = 0.0


FACING_FORWARD = (
    Sonar(name="left", bearing_deg=-30.0),
    Sonar(name="centre", bearing_deg=0.0),
    Sonar(name="right", bearing_deg=30.0),
)


class Room(_Section, frozen=True, kw_only=True):
    """A room and the car in it. The sonars are S1, S2, S3 of the firmware, in this order."""

    start: Start
    walls: tuple[Wall, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    gas: Gas = Gas()
    car: Car = Car()
    sonars: tuple[Sonar, Sonar, Sonar] = FACING_FORWARD
    camera: Lens = Lens()
    floor_colour: Colour = "#a58a68"
    floor_pattern: FloorPattern = "planks"


def load_room(room: str | Path) -> Room:
    """The room of that shipped name (`living_room`) or in that YAML file.

    Raises:
        RoomError: there is no such file, or it is not a usable room.
    """
    path = Path(room)
    if isinstance(room, str) and path.name == room and not path.suffix:
        path = SHIPPED / f"{room}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.yaml")))
            raise RoomError(f'There is no room "{room}": name one of {known}, or a YAML file.')
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RoomError(f"{path}: the room cannot be read ({error}): name a readable YAML file.") from error
    return parse_room(text, source=path.name)


def parse_room(text: str, *, source: str) -> Room:
    """The room that a YAML text describes; `source` names it in errors.

    Raises:
        RoomError: the text is not a usable room.
    """
    try:
        data = fitted(decode_yaml(text), Room)
    except DecodingError as error:
        raise RoomError(f"{source}: this is not YAML ({error}): correct it there.") from error
    _require_finite(data, "", source)
    try:
        room = msgspec.convert(data, Room)
    except msgspec.ValidationError as error:
        raise RoomError(f"{source}: {_explain(str(error))}") from error
    check_room(room, source=source)
    return room


def check_room(room: Room, *, source: str) -> None:
    """See that walls have a length, names are unique, and the car stands free.

    Raises:
        RoomError: they do not.
    """
    for number, wall in enumerate(room.walls):
        if len(set(wall.points)) < 2:
            raise RoomError(f"{source}: walls[{number}].points has fewer than 2 different points: add the end.")
    for name, count in Counter(each.name for each in room.obstacles).items():
        if count > 1:
            raise RoomError(f'{source}: obstacles has the name "{name}" {count} times: give each its own.')
    x, y = room.start.at
    for number, each in enumerate(room.obstacles):
        if shape_of(each).distance(x, y) < room.car.radius_m:
            where = f'obstacles[{number}] "{each.name}"'
            raise RoomError(f"{source}: start.at puts the car into {where}: move one of them.")
    for number, wall in enumerate(room.walls):
        if any(distance_to_segment(x, y, piece) < room.car.radius_m for piece in segments_along(wall.points)):
            raise RoomError(f"{source}: start.at puts the car into walls[{number}]: move one of them.")


def shape_of(obstacle: Obstacle) -> Circle | Box:
    """The outline of an obstacle, seen from above."""
    if isinstance(obstacle, RoundObstacle):
        return Circle(*obstacle.at, obstacle.radius_m)
    return box(obstacle.at, obstacle.width_m, obstacle.depth_m, obstacle.turned_deg)


def _require_finite(data: Any, key: str, source: str) -> None:
    if isinstance(data, dict):
        for name, value in data.items():
            _require_finite(value, f"{key}.{name}".lstrip("."), source)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            _require_finite(value, f"{key}[{number}]", source)
    elif isinstance(data, int | float) and not abs(data) <= LARGEST_NUMBER:
        raise RoomError(f"{source}: {key} is {data}, beyond any room: write an ordinary number.")


def _explain(message: str) -> str:
    """Turn msgspec's message into one sentence with the key in front and the fix at the end."""
    text, _, path = message.partition(" - at ")
    key = path.strip("`").removeprefix("$").removeprefix(".")
    where = key or "the room"
    if unknown := re.fullmatch("Object contains unknown field `(.*)`", text):
        near = difflib.get_close_matches(unknown[1], sorted(_known_keys()), n=1)
        fix = f'write "{near[0]}" or remove it' if near else "remove it"
        return f'{where} has the unknown key "{unknown[1]}": {fix}.'
    if missing := re.fullmatch("Object missing required field `(.*)`", text):
        return f'{where} lacks the key "{missing[1]}": add it.'
    return f"{where} is wrong ({text[:1].lower()}{text[1:]}): correct the value."


def _known_keys() -> set[str]:
    kinds = (Room, Start, Sonar, Car, Lens, Gas, Wall, RoundObstacle, BoxObstacle)
    return {field for kind in kinds for field in kind.__struct_fields__} | {"shape"}
