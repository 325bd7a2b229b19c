"""The chassis as a program of its own, without MQTT, for tests that freeze and kill it: much quicker to start.

Reads commands from its standard input ("left 1.5"), and writes what becomes of them, and each change of its state, as
lines of JSON.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from bridges.motion.chassis import Chassis
from bridges.motion.drive import Drive
from bridges.motion.scan.scan import Reading
from bridges.motion.serial_line.protocol import Frame
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.clock import Scheduler, SystemClock
from smartcar_mqtt.commands import Answer, CommandError, Parsed, Request

LOCK = threading.Lock()


def tell(**fields: Any) -> None:
    """Write one line."""
    with LOCK:
        print(json.dumps(fields), flush=True)


class Teller:
    """Tells each change of the state."""

    chassis: Chassis

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}

    def frame(self, frame: Frame) -> None:
        self.changed()

    def changed(self) -> None:
        chassis = self.chassis
        state = {
            "link": chassis.link_ok,
            "keeper": chassis.keeper,
            "motion": chassis.apparent_motion,
            "fault": chassis.stop_unconfirmed,
            "replaced": chassis.keepers_lost,
            "reason": chassis.down_reason,
        }
        if state != self._told:
            self._told = state
            tell(**state)

    def scanned(self, readings: list[Reading], best: Reading | None) -> None:
        """Nobody scans here."""

    def bad_line(self) -> None:
        """Not told."""


def main() -> None:
    scheduler = Scheduler(SystemClock())
    teller = Teller()
    teller.chassis = chassis = Chassis(MotionSettings(device=sys.argv[1]), scheduler, teller, emergency_stop=False)
    chassis.open()
    threading.Thread(target=scheduler.run, daemon=True).start()

    def answered(answer: Answer) -> None:
        tell(answer=str(answer.status), why=answer.reason)

    for line in sys.stdin:
        direction, seconds = line.split()
        request = Request("drive", Parsed(None, "test"), answered)
        try:
            chassis.drive(Drive(direction, None, float(seconds)), request, 1.0)
        except CommandError as error:
            request.answer(error.status, str(error))
    chassis.close()


if __name__ == "__main__":
    main()
