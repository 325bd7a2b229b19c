"""A simulated room that a test can wait on: for the wheels, for a place, for time that has passed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from smartcar_mqtt.simulator.esp32.firmware import HALT, Motors
from smartcar_mqtt.simulator.world.room import Room, RoundObstacle, Sonar, Start, Wall
from smartcar_mqtt.simulator.world.wiring import DOCUMENTED, Wiring
from smartcar_mqtt.simulator.world.world import World

CAR_RADIUS_M = 0.11
PATIENCE_S = 4.0  # less than the longest lease
WALLS = Wall(points=((-1.0, -1.0), (-1.0, 2.0), (1.0, 2.0), (1.0, -1.0), (-1.0, -1.0)))
ROOM = Room(start=Start(at=(0.0, 0.0)), walls=(WALLS,))
"""Two metres by three; the car looks along the long side, 1.89 m of way before it."""
OPEN_FIELD = Room(start=Start(at=(0.0, 0.0)))
"""Nothing anywhere: no sensor hears an echo."""
CORRIDOR_EAST = Room(
    start=Start(at=(0.0, 0.0)), walls=(Wall(points=((-0.5, -0.5), (-0.5, 0.5), (3.0, 0.5), (3.0, -0.5), (-0.5, -0.5))),)
)
"""Walls near on three sides, most room to the east: at 90 degrees."""
NARROW_SONARS = tuple(
    Sonar(name=name, bearing_deg=bearing, cone_deg=10.0)
    for name, bearing in (("left", -90.0), ("centre", 0.0), ("right", 90.0))
)
NARROW_SIGHT = Room(start=Start(at=(0.0, 0.0)), walls=(WALLS,), sonars=NARROW_SONARS)
"""Only the sensor in the middle sees what is straight ahead."""


class WheelChange(NamedTuple):
    """When (monotonic seconds) the wheels got another power, which, and where the car looked."""

    time: float
    wheels: Motors
    heading_deg: float


class WatchedWorld(World):
    """The twin's thread moves it and looks at each step whether what somebody waits for has come true."""

    def __init__(self, room: Room = ROOM, *, wiring: Wiring = DOCUMENTED) -> None:
        self._watching = threading.Lock()
        self._watchers: list[tuple[Callable[[World], bool], threading.Event]] = []
        self.passed_s = 0.0
        self.wheels: Motors = HALT
        self.wheel_changes: list[WheelChange] = []
        super().__init__(room, wiring=wiring)

    def drive(self, left: int, right: int) -> None:
        super().drive(left, right)
        if (left, right) != self.wheels:
            self.wheels = (left, right)
            self.wheel_changes.append(WheelChange(time.monotonic(), self.wheels, self.pose.heading_deg))

    def step(self, seconds: float) -> None:
        super().step(seconds)
        self.passed_s += seconds
        with self._watching:
            for watcher in list(self._watchers):
                if watcher[0](self):
                    watcher[1].set()
                    self._watchers.remove(watcher)

    def wait_until(self, true: Callable[[WatchedWorld], bool], *, timeout: float = PATIENCE_S, what: str = "") -> None:
        """Wait until that is true of the world, at the end of one of its steps."""
        came = threading.Event()
        with self._watching:
            self._watchers.append((true, came))  # type: ignore[arg-type]
        assert came.wait(timeout), f"not within {timeout} s: {what or true}; wheels {self.wheels}, pose {self.pose}"

    def wait_wheels(self, wheels: Motors, *, timeout: float = PATIENCE_S) -> None:
        """Wait until the wheels have this power."""
        self.wait_until(lambda world: world.wheels == wheels, timeout=timeout, what=f"wheels {wheels}")

    def let_pass(self, seconds: float) -> None:
        """Wait until so much time has passed in the world."""
        end = self.passed_s + seconds
        self.wait_until(lambda world: world.passed_s >= end, timeout=seconds + PATIENCE_S, what=f"{seconds} s")

    def block_way(self, centimetres: float) -> None:
        """Put something wide that far ahead of the car's front; only from the twin's thread."""
        y = self.pose.y_m + CAR_RADIUS_M + 0.5 + centimetres / 100
        self.put_obstacle(RoundObstacle(name="thing", kind="box", at=(self.pose.x_m, y), radius_m=0.5))
