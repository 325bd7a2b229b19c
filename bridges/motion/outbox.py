"""What goes out on the serial line: written at once, remembered until the ESP32 confirms it.

All methods are called with the chassis' lock held, so that lines leave in the order in which they were decided on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bridges.motion.confirmations import Confirmations, Pending
from bridges.motion.link import LinkDownError, SerialLink
from bridges.motion.protocol import STOP_LINE, speed_line, word_line
from bridges.motion.safety import ROUTINE
from smartcar_mqtt.clock import Clock
from smartcar_mqtt.commands import Blocked, Request, Status

log = logging.getLogger(__name__)

SWAPPED = {"left": "right", "right": "left"}


class Outbox:
    """Writes commands and answers their requests.

    Args:
        link: the serial line.
        clock: the time, for confirmations that do not come.
        swap_left_right: whether the car turns right on the firmware's LEFT, so that the two words are exchanged.
        on_written: called after each line: its confirmation has a time-out.
        on_failure: called when a line cannot be written, before the error is raised.
    """

    def __init__(
        self,
        link: SerialLink,
        clock: Clock,
        *,
        swap_left_right: bool,
        on_written: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        self.confirmations = Confirmations()
        self.speed_control: bool | None = None
        """Whether the firmware knows SPEED; None while it has not said so."""
        self._link = link
        self._clock = clock
        self._swap = swap_left_right
        self._on_written = on_written
        self._on_failure = on_failure
        self._sent_speed: int | None = None

    def write(self, line: bytes, word: str, request: Request | None = None, note: str = "") -> None:
        """Write a line and expect its confirmation; raises Blocked while the line is down."""
        try:
            self._link.write(line)
        except LinkDownError as error:
            self._on_failure()
            raise Blocked(str(error)) from None
        if line == STOP_LINE:
            self._link.end_watch()
        forgotten = self.confirmations.expect(self._clock.monotonic(), word.upper(), request, note)
        if forgotten is not None:
            self.answer(forgotten, Status.EXPIRED, "too many commands wait for the ESP32")
        self._on_written()

    def stop(self, reason: str) -> None:
        """STOP by the bridge itself; a line that is down is reopened with STOP as its first word anyway."""
        try:
            self.write(STOP_LINE, "stop")
        except Blocked as error:
            log.warning("STOP (%s) cannot be written: %s", reason, error)
        else:  # afterwards: a log file may take its time
            log.log(logging.DEBUG if reason in ROUTINE else logging.INFO, "STOP: %s", reason)

    def move(self, direction: str, seconds: float, request: Request | None = None, note: str = "") -> None:
        """The command for a direction, which will be followed by another one or by STOP within `seconds`."""
        word = self.word_of(direction)
        self.write(word_line(word), word, request, note)
        self._link.watch_move(self._clock.monotonic(), seconds)

    def word_of(self, direction: str) -> str:
        """The ESP32's word for a direction, which depends on how the motors are wired."""
        return SWAPPED.get(direction, direction) if self._swap else direction

    def speed(self, percent: int, request: Request | None = None) -> None:
        """SPEED, where the firmware knows it and has another one or somebody waits for the answer."""
        if self.speed_control and (request is not None or percent != self._sent_speed):
            self.write(speed_line(percent), "speed", request)
            self._sent_speed = percent

    def probe_speed(self, percent: int) -> None:
        """Ask the firmware whether it knows SPEED: it confirms it, or answers that the text is unknown to it."""
        self.forget_speed()
        try:
            self.write(speed_line(percent), "speed")
        except Blocked as error:
            log.debug("firmware not asked: %s", error)
        else:
            self._sent_speed = percent

    def forget_speed(self) -> None:
        """Another firmware may be there now."""
        self.speed_control = self._sent_speed = None

    @staticmethod
    def answer(pending: Pending | None, outcome: Status, reason: str = "") -> None:
        """Answer the request behind a written command, if somebody waits for it."""
        if pending is not None and pending.request is not None:
            pending.request.answer(outcome, reason or pending.note)

    def answer_all(self, outcome: Status, reason: str) -> None:
        """Answer all requests: no confirmation can come any more."""
        for pending in self.confirmations.take_all():
            self.answer(pending, outcome, reason)
