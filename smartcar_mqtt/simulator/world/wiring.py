"""How the motors are wired: which inputs of the motor driver turn which side of the car, and which way.

The ESP32 switches four pins, IN1 to IN4 of the motor driver. What the car then does depends on the wires alone, so the
simulated car is told pins, never directions. `DOCUMENTED` is the wiring of docs/serial-protocol.md.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Input = Literal[1, 2, 3, 4]
Wheels = tuple[int, int]
"""Power of the wheels (left, right), -255 to 255; negative turns them backwards."""


class Pins(NamedTuple):
    """Levels of the motor driver's inputs, 0 or 1."""

    in1: int
    in2: int
    in3: int
    in4: int

    def __str__(self) -> str:
        return "".join(map(str, self))


class Wiring(NamedTuple):
    """The number of the input, 1 for IN1, that turns a side forwards or backwards."""

    left_forward: Input = 1
    left_backward: Input = 2
    right_forward: Input = 3
    right_backward: Input = 4

    def wheels(self, pins: Pins, power: int) -> Wheels:
        """What the wheels do with these pins at this power, 0 to 255; a side with both inputs high brakes."""
        left = pins[self.left_forward - 1] - pins[self.left_backward - 1]
        right = pins[self.right_forward - 1] - pins[self.right_backward - 1]
        return left * power, right * power


DOCUMENTED = Wiring()
"""IN1 and IN2 turn the left side, IN3 and IN4 the right one: LEFT, which sets IN1 and IN4, turns the car clockwise."""
CROSSED = Wiring(left_forward=3, left_backward=4, right_forward=1, right_backward=2)
"""The two sides exchanged: LEFT turns the car counter-clockwise."""
