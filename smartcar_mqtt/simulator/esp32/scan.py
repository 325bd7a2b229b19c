"""SCAN: the car turns on the spot in eight steps, measures at each, and tells where most room is.

The angles are those that the firmware counts, 45 degrees for each turn of 0.2 s; how far the car really turns is the
world's matter. Nothing else happens meanwhile: no command is read, and no collision is checked (seed facts, section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from smartcar_mqtt.simulator.esp32 import board
from smartcar_mqtt.simulator.world.wiring import Pins


class Scan:
    """One scan after the other, as part of the firmware's program: each `yield` is a time without anything else.

    Args:
        measure: asks the three sensors, as a part of the program.
        distances_cm: their newest readings, -1 without an echo.
        sonar_fields: those readings as a line of the protocol has them.
        set_pins: sets the motor driver's inputs.
        print_line: prints a line to the Pi.
        tell_people: prints a line to the USB port.
    """

    def __init__(
        self,
        *,
        measure: Callable[[], Iterator[float]],
        distances_cm: Callable[[], Sequence[int]],
        sonar_fields: Callable[[], str],
        set_pins: Callable[[Pins], None],
        print_line: Callable[[str], Iterator[float]],
        tell_people: Callable[[str], Iterator[float]],
    ) -> None:
        self._measure = measure
        self._distances_cm = distances_cm
        self._sonar_fields = sonar_fields
        self._set_pins = set_pins
        self._print = print_line
        self._tell_people = tell_people

    def run(self) -> Iterator[float]:
        """Measure and turn, from SCAN:START to the acknowledgement."""
        yield from self._tell_people("Scan in eight steps.")
        yield from self._print("SCAN:START")
        best_deg = best_cm = 0
        for step in range(board.SCAN_READINGS):
            angle_deg = step * board.SCAN_STEP_DEG
            yield from self._measure()
            yield from self._print(f"SCAN:POS:{angle_deg},{self._sonar_fields()}")
            room_cm = mean_cm(self._distances_cm())
            if room_cm > best_cm:
                best_deg, best_cm = angle_deg, room_cm
            if step < board.SCAN_READINGS - 1:
                self._set_pins(board.LEVELS[b"RIGHT"])
                yield board.SCAN_TURN_S
                self._set_pins(board.ALL_OFF)
                yield board.SCAN_SETTLE_S
        yield from self._print(f"SCAN:BEST:{best_deg},DIST:{best_cm}")
        yield from self._print("SCAN:COMPLETE")
        yield from self._tell_people(f"The scan has ended: most room at {best_deg}: {best_cm} cm.")
        yield from self._print("ACK:SCAN:OK")


def mean_cm(distances_cm: Sequence[int]) -> int:
    """Mean of the readings with an echo, 0 without any; in whole numbers: of equal means the first stays the best."""
    heard = [cm for cm in distances_cm if cm > 0]
    return sum(heard) // len(heard) if heard else 0
