"""Drives a scan: writes what its steps need, holds its request, and answers it.

All methods are called with the chassis' lock held.
"""

from __future__ import annotations

from collections.abc import Callable

from bridges.motion.drive import STOP
from bridges.motion.safety import TURN_ENDED, Guard
from bridges.motion.scan.scan import Phase, Reading, Scan
from bridges.motion.serial_line.outbox import Outbox
from bridges.motion.serial_line.protocol import Frame
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.commands import CommandError, Request, Status

TURN = "right"
LOOPS_S = 0.6
"""What a turn may take beyond its time: three of the firmware's slowest loops, and something to spare."""


class Scanner:
    """At most one scan.

    Args:
        settings: how long a step turns and settles.
        guard: allows each turn.
        out: takes the commands.
        on_complete: called with all readings and the best of them.
    """

    def __init__(
        self,
        settings: MotionSettings,
        guard: Guard,
        out: Outbox,
        on_complete: Callable[[list[Reading], Reading | None], None],
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._out = out
        self._on_complete = on_complete
        self._scan: Scan | None = None
        self._request: Request | None = None

    @property
    def _longest_turn_s(self) -> float:
        return min(self._settings.scan_turn + LOOPS_S, self._settings.max_lease)

    @property
    def active(self) -> bool:
        """Whether a scan is under way."""
        return self._scan is not None

    @property
    def source(self) -> str:
        """Who wanted the scan; empty without one."""
        return self._request.source if self._request is not None else ""

    def begin(self, request: Request, settled_at: float) -> None:
        """Begin to look around, with the first frame after `settled_at`."""
        self._scan = Scan(self._settings.scan_turn, self._settings.scan_settle, settled_at)
        self._request = request

    def end(self, reason: str) -> None:
        """Give the scan up, where there is one; stopping the wheels is the caller's business."""
        self._finish(Status.BLOCKED, f"the scan was interrupted: {reason}")

    def frame(self, now: float, frame: Frame) -> None:
        """A DATA line: it may be the step's reading, or the moment to end a turn."""
        if self._scan is not None:
            phase = self._scan.frame(now, frame)
            if phase is Phase.TURNING:
                self._turn(now)
            elif phase is Phase.HALTING:
                self._halt(now)

    def confirmed(self, now: float, word: str) -> None:
        """The ESP32 has obeyed a command."""
        scan = self._scan
        if scan is None:
            return
        if word == self._out.word_of(TURN) and scan.turn_confirmed(now) is Phase.HALTING:
            self._halt(now)
        elif word == STOP and scan.halt_confirmed(now):
            self._finish(Status.DONE)
            self._on_complete(scan.readings, scan.best())

    def lease_ended(self) -> None:
        """A turn has lasted as long as it may; STOP is written already."""
        if self._scan is not None:
            self._scan.halting()

    def halted_by_firmware(self) -> bool:
        """The ESP32 has stopped the wheels because of an obstacle; True where a scan simply goes on turning."""
        if self._scan is None or self._scan.phase is not Phase.TURNING:
            return False
        try:
            self._out.move(TURN, self._longest_turn_s)
        except CommandError as error:
            self.end(str(error))
        return True

    def _turn(self, now: float) -> None:
        try:
            self._guard.drive(now, TURN, self.source, self._longest_turn_s)
            self._out.move(TURN, self._longest_turn_s)
        except CommandError as error:
            self.end(str(error))

    def _halt(self, now: float) -> None:
        self._guard.halt(now)
        self._out.stop(TURN_ENDED)

    def _finish(self, status: Status, reason: str = "") -> None:
        self._scan = None
        request, self._request = self._request, None
        if request is not None:
            request.answer(status, reason)
