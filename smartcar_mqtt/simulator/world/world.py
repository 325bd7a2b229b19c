"""A car that drives in a room: motors, collisions, three sonars and a gas sensor, moved by whoever calls `step`.

Nothing here knows of time beyond the seconds handed to `step`, and all chance comes from the seed; the same calls give
the same drive. Not for several threads at once.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

import msgspec

from smartcar_mqtt.simulator.world.geometry import Box, Circle, Surfaces, segments_along
from smartcar_mqtt.simulator.world.room import Obstacle, Pose, Room, check_room, load_room, shape_of
from smartcar_mqtt.simulator.world.sonar import Cone, echo_distance
from smartcar_mqtt.simulator.world.wiring import DOCUMENTED, Pins, Wiring

TICK_S = 0.01  # longest piece in which the motion is integrated
FULL_POWER = 255
STANDSTILL_M_S = 0.001  # a wheel slower than this has stopped
TOUCHING_M = 0.01  # a car that hit something has left it when this far away
BLIND_BELOW_M = 0.01  # an echo from nearer than this reads 0 (seed facts, section 2.3)


class World:
    """The state of a room and of the car in it; `wiring` is how the car's motors are connected."""

    def __init__(self, room: Room, *, seed: int = 0, wiring: Wiring = DOCUMENTED) -> None:
        """Put the car at its start.

        Raises:
            RoomError: the room cannot be used.
        """
        check_room(room, source="room")
        self.room = room
        self.car = room.car
        self.wiring = wiring
        self._seed = seed
        self.reset()

    @classmethod
    def load(cls, room: str | Path, *, seed: int = 0, wiring: Wiring = DOCUMENTED) -> World:
        """A world in a shipped room (`living_room`) or in that of a YAML file.

        Raises:
            RoomError: there is no such room, or it cannot be used.
        """
        return cls(load_room(room), seed=seed, wiring=wiring)

    def reset(self) -> None:
        """Back to the initial state: pose, obstacles, gas, wheels at rest, random seed."""
        self._random = random.Random(self._seed)  # noqa: S311 - sensor noise, not a secret
        self._obstacles = {each.name: each for each in self.room.obstacles}
        self._gas = self.room.gas
        self._left_m_s = self._right_m_s = 0.0
        self._left_target_m_s = self._right_target_m_s = 0.0
        self._touching = False
        self._collisions = 0
        self._travelled_m = 0.0
        self._walls = [piece for wall in self.room.walls for piece in segments_along(wall.points)]
        self._furnish()
        self.set_pose(*self.room.start.at, self.room.start.heading_deg)

    # What can be seen

    @property
    def pose(self) -> Pose:
        """Where the middle of the car is and where it looks."""
        return Pose(self._x, self._y, math.degrees(self._heading) % 360.0)

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """What stands in the room now."""
        return tuple(self._obstacles.values())

    @property
    def speed_m_s(self) -> float:
        """Speed of the middle of the car; negative when it goes backwards."""
        return (self._left_m_s + self._right_m_s) / 2

    @property
    def travelled_m(self) -> float:
        """Distance travelled by the middle of the car since the start, forwards and backwards added up."""
        return self._travelled_m

    @property
    def touching(self) -> bool:
        """Whether the car has hit something and has not moved away from it since."""
        return self._touching

    @property
    def collisions(self) -> int:
        """Number of collisions so far."""
        return self._collisions

    @property
    def clearance_m(self) -> float:
        """Way from the rim of the car to the nearest surface in any direction."""
        return self._surfaces.clearance(self._x, self._y) - self.car.radius_m

    def distance_cm(self, sensor: int) -> int | None:
        """One reading of sensor 0, 1 or 2: whole centimetres, cut off; None without an echo.

        Every call is a measurement of its own, with noise of its own.
        """
        sonar = self.room.sonars[sensor]
        distance_m = self._echo(sensor)
        missed = sonar.no_echo_chance > 0 and self._random.random() < sonar.no_echo_chance
        noise_cm = self._random.gauss(0.0, sonar.noise_cm) if sonar.noise_cm > 0 else 0.0
        if distance_m is None or missed:
            return None
        if distance_m < BLIND_BELOW_M:
            return 0
        reading_cm = max(distance_m * 100 + noise_cm, sonar.min_m * 100)
        # Rays carry rounding errors in the 15th digit; an object set at 20 cm must not read 19.
        return int(reading_cm + 1e-6) if reading_cm <= sonar.max_m * 100 else None

    def gas_raw(self) -> int:
        """One reading of the gas sensor, raw ADC 0 to 4095."""
        gas = self._gas
        away = math.dist((self._x, self._y), gas.at) / gas.radius_m
        raw = gas.clean_air_raw + gas.strength_raw * math.exp(-away * away)
        if gas.noise_raw > 0:
            raw += self._random.gauss(0.0, gas.noise_raw)
        return min(4095, max(0, round(raw)))

    # What moves the car

    def switch(self, pins: Pins, power: int = FULL_POWER) -> None:
        """Set the levels of the motor driver's inputs, and the power of a high one; they stay until set anew."""
        self.drive(*self.wiring.wheels(pins, power))

    def drive(self, left: int, right: int) -> None:
        """Set the power of the wheels, -255 to 255; it stays until set anew."""
        scale = self.car.full_speed_m_s / FULL_POWER
        self._left_target_m_s = min(FULL_POWER, max(-FULL_POWER, left)) * scale
        self._right_target_m_s = min(FULL_POWER, max(-FULL_POWER, right)) * scale

    def step(self, seconds: float) -> None:
        """Let that much time pass."""
        if seconds < 0:
            raise ValueError("time does not go backwards")
        count = math.ceil(seconds / TICK_S - 1e-9)
        for _ in range(count):
            if not (self._left_m_s or self._right_m_s or self._left_target_m_s or self._right_target_m_s):
                return
            self._tick(seconds / count)

    # What a test or an operator changes

    def set_pose(self, x_m: float, y_m: float, heading_deg: float) -> None:
        """Set the pose of the car; its wheels keep turning."""
        self._x, self._y = x_m, y_m
        self._heading = math.radians(heading_deg)
        self._touching = False
        self._scene_changed()

    def put_obstacle(self, obstacle: Obstacle) -> None:
        """Add an obstacle, or replace the one of that name."""
        self._obstacles[obstacle.name] = obstacle
        self._furnish()

    def move_obstacle(self, name: str, x_m: float, y_m: float) -> None:
        """Move an obstacle to another place.

        Raises:
            KeyError: there is none of that name.
        """
        self.put_obstacle(msgspec.structs.replace(self._obstacles[name], at=(x_m, y_m)))

    def remove_obstacle(self, name: str) -> None:
        """Take an obstacle out of the room.

        Raises:
            KeyError: there is none of that name.
        """
        del self._obstacles[name]
        self._furnish()

    def set_gas_raw(self, strength_raw: int) -> None:
        """Set how far the middle of the gas cloud stands above clean air, raw ADC 0 to 4095."""
        self._gas = msgspec.structs.replace(self._gas, strength_raw=min(4095, max(0, strength_raw)))

    # Inside

    def _furnish(self) -> None:
        shapes = [shape_of(each) for each in self._obstacles.values()]
        circles = [each for each in shapes if isinstance(each, Circle)]
        boxes = [each for each in shapes if isinstance(each, Box)]
        self._surfaces = Surfaces(self._walls, circles, boxes)
        self._scene_changed()

    def _scene_changed(self) -> None:
        self._free_m = 0.0  # way that can be made in any direction without another look at the surfaces
        self._echoes: dict[int, float | None] = {}

    def _echo(self, sensor: int) -> float | None:
        """The exact echo, worked out once for as long as neither car nor room changes."""
        if sensor not in self._echoes:
            sonar = self.room.sonars[sensor]
            bearing = self._heading + math.radians(sonar.bearing_deg)
            x = self._x + self.car.radius_m * math.sin(bearing)
            y = self._y + self.car.radius_m * math.cos(bearing)
            cone = Cone(x, y, math.degrees(bearing), sonar.cone_deg)
            self._echoes[sensor] = echo_distance(self._surfaces, cone, max_m=sonar.max_m, grazing_deg=sonar.grazing_deg)
        return self._echoes[sensor]

    def _tick(self, seconds: float) -> None:
        self._left_m_s, left_m = self._spin(self._left_m_s, self._left_target_m_s, seconds)
        self._right_m_s, right_m = self._spin(self._right_m_s, self._right_target_m_s, seconds)
        turned = (left_m - right_m) / self.car.effective_track_m
        self._echoes = {}
        self._move((left_m + right_m) / 2, self._heading + turned / 2)
        self._heading += turned

    def _spin(self, speed: float, target: float, seconds: float) -> tuple[float, float]:
        """Speed of a wheel after a first-order lag, and the way it makes meanwhile."""
        lag = self.car.motor_lag_s if target else self.car.coast_lag_s
        if lag <= 0:
            return target, target * seconds
        decay = math.exp(-seconds / lag)
        way = target * seconds + (speed - target) * lag * (1 - decay)
        speed = target + (speed - target) * decay
        if target == 0 and abs(speed) < STANDSTILL_M_S:
            speed = 0.0
        return speed, way

    def _move(self, way: float, heading: float) -> None:
        """Move the middle of the car along a heading unless something solid is in the way."""
        x, y = self._x + way * math.sin(heading), self._y + way * math.cos(heading)
        if abs(way) < self._free_m:
            self._free_m -= abs(way)
        else:
            ahead = self._surfaces.clearance(x, y) - self.car.radius_m
            if ahead < 0 and ahead < self.clearance_m:
                self._collide()
                return
            self._free_m = max(0.0, ahead)
        self._touching = self._touching and self._free_m < TOUCHING_M
        self._x, self._y = x, y
        self._travelled_m += abs(way)

    def _collide(self) -> None:
        """The wheels stall: what they drive in common is lost, a turn on the spot goes on."""
        if not self._touching:
            self._touching = True
            self._collisions += 1
        common = self.speed_m_s
        self._left_m_s -= common
        self._right_m_s -= common
