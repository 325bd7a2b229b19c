"""What the simulated room costs: a minute's drive with camera and sonars, on a simulated clock."""

from __future__ import annotations

import time

import cv2

from smartcar_mqtt.simulator.camera.renderer import Camera
from smartcar_mqtt.simulator.camera.scene import scene_of
from smartcar_mqtt.simulator.world.world import World
from tests.benchmarks.rig import Effort
from tests.benchmarks.table import Result, Rule

PICTURES_A_SECOND = 10
DRIVES = ((255, 255), (255, -255), (255, 120), (-255, -255))  # for two seconds each


def simulated_drive(effort: Effort) -> list[Result]:
    """The living room: all three sonars and one picture of 640x480 every 100 ms."""
    cv2.setNumThreads(1)  # as in the bridge: the pictures are too small for more to help
    seconds = effort.choose(60, 6)
    world, camera = World.load("living_room"), Camera()
    start = time.perf_counter()
    for number in range(seconds * PICTURES_A_SECOND):
        world.drive(*DRIVES[number // (2 * PICTURES_A_SECOND) % len(DRIVES)])
        world.step(1 / PICTURES_A_SECOND)
        for sensor in range(3):
            world.distance_cm(sensor)
        camera.picture(scene_of(world))
    return [
        Result(
            benchmark="simulated_drive",
            what="60 s of simulated driving, camera 640x480 at 10 fps and sonars",
            unit="s",
            ours=(time.perf_counter() - start) * 60 / seconds,
            rule=Rule.AT_MOST,
            limit=3,
        )
    ]
