"""Which way the car goes is decided by the wires between ESP32, motor driver and motors, and by nothing else."""

from __future__ import annotations

import pytest

from smartcar_mqtt.simulator.world.room import Room, Start
from smartcar_mqtt.simulator.world.wiring import CROSSED, DOCUMENTED, Pins, Wheels, Wiring
from smartcar_mqtt.simulator.world.world import World

FORWARD, BACKWARD, LEFT, RIGHT = Pins(1, 0, 1, 0), Pins(0, 1, 0, 1), Pins(1, 0, 0, 1), Pins(0, 1, 1, 0)


@pytest.mark.parametrize(
    ("wiring", "pins", "wheels"),
    [
        (DOCUMENTED, FORWARD, (200, 200)),
        (DOCUMENTED, BACKWARD, (-200, -200)),
        (DOCUMENTED, LEFT, (200, -200)),
        (DOCUMENTED, RIGHT, (-200, 200)),
        (DOCUMENTED, Pins(0, 0, 0, 0), (0, 0)),
        (DOCUMENTED, Pins(1, 1, 1, 0), (0, 200)),
        (CROSSED, FORWARD, (200, 200)),
        (CROSSED, BACKWARD, (-200, -200)),
        (CROSSED, LEFT, (-200, 200)),
        (CROSSED, RIGHT, (200, -200)),
        (Wiring(right_forward=4, right_backward=3), FORWARD, (200, -200)),
    ],
)
def test_pins_turn_the_wheels_that_they_are_wired_to(wiring: Wiring, pins: Pins, wheels: Wheels) -> None:
    assert wiring.wheels(pins, 200) == wheels


@pytest.mark.parametrize(("wiring", "turned_deg"), [(DOCUMENTED, 90), (CROSSED, -90)])
def test_pins_move_the_car(wiring: Wiring, turned_deg: float) -> None:
    world = World(Room(start=Start(at=(0, 0))), wiring=wiring)
    world.switch(LEFT)
    world.step(0.46)
    world.switch(Pins(0, 0, 0, 0))
    world.step(1.0)
    assert (world.pose.heading_deg + 180) % 360 - 180 == pytest.approx(turned_deg, abs=20)
    heading = world.pose.heading_deg
    world.set_pose(0, 0, 0)
    world.switch(FORWARD)
    world.step(1.0)
    assert world.pose.y_m > 0.3
    assert heading != 0
