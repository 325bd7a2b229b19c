"""A scene: pose, lens, walls and objects at one moment, small enough to be sent for every frame.

A scene is plain data. It comes from a `World` in this process (`scene_of`) or as JSON from the simulator's control port
(`{"do": "scene"}`), and the module `renderer` turns it into a picture.
"""

from __future__ import annotations

import msgspec

from smartcar_mqtt.simulator.world.room import Colour, FloorPattern, Lens, Obstacle, Wall
from smartcar_mqtt.simulator.world.world import World

SERVO_AHEAD_DEG = 90  # where the firmware puts the servo at its start (seed facts, section 2.3)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a picture depends on, except for the camera's own light and noise.

    Position in metres, heading in compass degrees; `servo_deg` is the angle of the pan servo, 90 straight ahead and
    less to the right of it, as an SG90 that stands upright turns.
    """

    x_m: float
    y_m: float
    heading_deg: float
    servo_deg: float = SERVO_AHEAD_DEG
    camera: Lens = Lens()
    walls: tuple[Wall, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    floor_colour: Colour = "#a58a68"
    floor_pattern: FloorPattern = "planks"

    @property
    def view_deg(self) -> float:
        """Compass bearing of the camera's axis."""
        return self.heading_deg + (SERVO_AHEAD_DEG - self.servo_deg if self.camera.on_servo else 0.0)


def scene_of(world: World, servo_deg: float = SERVO_AHEAD_DEG) -> Scene:
    """The scene at this moment; what happens to the world later does not change it."""
    pose, room = world.pose, world.room
    return Scene(
        x_m=pose.x_m,
        y_m=pose.y_m,
        heading_deg=pose.heading_deg,
        servo_deg=servo_deg,
        camera=room.camera,
        walls=room.walls,
        obstacles=world.obstacles,
        floor_colour=room.floor_colour,
        floor_pattern=room.floor_pattern,
    )
