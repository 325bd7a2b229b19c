"""What follows from what the ESP32 says of its wheels, and from answers that do not come.

All methods are called with the chassis' lock held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bridges.motion.drive import STOP
from bridges.motion.safety import STOPPED, ZONE_OF_ALERT, Guard, Zone
from bridges.motion.scan.scanner import Scanner
from bridges.motion.serial_line.confirmations import TIMEOUT_S, Pending
from bridges.motion.serial_line.outbox import MOVES, Outbox
from bridges.motion.serial_line.protocol import DIRECTIONS, Ack, Alert, Frame
from smartcar_mqtt.clock import Clock
from smartcar_mqtt.commands import Status

log = logging.getLogger(__name__)

UNCONFIRMED = "the ESP32 does not confirm STOP"


class Replies:
    """Takes confirmations, refusals and time-outs.

    Args:
        guard: what was decided.
        out: what was written.
        scanner: the scan that may be under way.
        clock: the time.
        give_up: stops the car, for this reason, until somebody sends the next command.
        probe_speed: asks the firmware whether it knows SPEED.
    """

    def __init__(
        self,
        guard: Guard,
        out: Outbox,
        scanner: Scanner,
        clock: Clock,
        *,
        give_up: Callable[[str], None],
        probe_speed: Callable[[], None],
    ) -> None:
        self._guard = guard
        self._out = out
        self._scanner = scanner
        self._clock = clock
        self._give_up = give_up
        self._probe_speed = probe_speed

    def ack(self, ack: Ack) -> None:
        """The ESP32 has answered a command."""
        word = ack.command.split(":", 1)[0].upper()
        pending = self._out.confirmations.confirmed(word)
        if word == "SPEED" and ack.status in {"OK", "UNKNOWN"}:
            self._out.speed_control = ack.status == "OK"
        if ack.status == "OK":
            self._obeyed(word, pending)
        elif ack.status == "UNKNOWN":
            self._unknown(word, pending)
        else:
            why = f"the ESP32 refuses: {ack.detail.lower().replace('_', ' ')}"
            if ack.status == "BLOCKED":
                self._give_up(f"the ESP32 refuses {word}")
                self._out.answer(pending, Status.BLOCKED, why)
            else:
                self._out.answer(pending, Status.REFUSED, why)

    def _obeyed(self, word: str, pending: Pending | None) -> None:
        self._out.answer(pending, Status.DONE)
        if word in {"STOP", "RESET"}:
            self._stop_obeyed(word, pending)
        self._scanner.confirmed(self._clock.monotonic(), word.lower())
        if word in MOVES and pending is None and word.lower() != self._out.word_of(self._guard.motion):
            if self._out.wheels.stopped:
                self._out.wheels.turning()
            self._give_up(f"the ESP32 confirms {word}, which nobody here has asked for")

    def alert(self, alert: Alert) -> None:
        """The firmware has entered another zone."""
        reason = self._guard.alert(alert.zone)
        halted = ZONE_OF_ALERT[alert.zone] is Zone.OBSTACLE  # the firmware has stopped the wheels, whatever they did
        if halted and self._guard.motion != STOPPED and not self._scanner.halted_by_firmware():
            self._guard.halt(self._clock.monotonic())
            reason = "the ESP32 sees an obstacle"
        if reason:
            self._out.stop(reason)

    def motors(self, frame: Frame) -> None:
        """A frame tells what the motors do, with a firmware that knows."""
        wheels = self._out.wheels
        if wheels.frame(frame.left_motor, frame.right_motor):
            wheels.turning()
            self._give_up("the wheels turn, which nobody here has asked for")
        elif wheels.at_rest and not wheels.stopped and self._guard.motion == STOPPED:
            self._out.at_rest()

    def _stop_obeyed(self, word: str, pending: Pending | None) -> None:
        fault = self._out.wheels.fault
        if not self._out.stop_confirmed(pending):
            return
        if fault:
            log.warning("the ESP32 has confirmed STOP: the car stands")
        if pending is None and self._guard.motion != STOPPED:
            self._give_up(f"the ESP32 confirms {word}, which nobody here has asked for")

    def _unknown(self, word: str, pending: Pending | None) -> None:
        """The firmware does not know a word, or has got another one than was written."""
        if word == "STOP" and pending is not None:
            self._out.repeat_stop(pending)  # with something behind it that does not belong there
            return
        if word in MOVES or (pending is None and word != "SPEED"):
            self._give_up(f"a command has reached the ESP32 damaged, as {word[:16]!r}")
        self._out.answer(pending, Status.REFUSED, f"the firmware does not know {word}")

    def overdue(self, now: float, pending: Pending, *, talks: bool) -> None:
        """A command was not confirmed in time; `talks` is whether sensor data comes."""
        word = pending.word.lower()
        if word == STOP:
            self._stop_overdue(now, pending, talks=talks)
            return
        self._out.answer(pending, Status.EXPIRED, f"the ESP32 did not confirm {pending.word} in time")
        if word == self._out.word_of(self._guard.motion) or (self._scanner.active and word in DIRECTIONS):
            self._give_up(f"the ESP32 did not confirm {pending.word}")
        elif pending.word == "SPEED" and self._out.speed_control is None and talks:
            self._probe_speed()

    def _stop_overdue(self, now: float, pending: Pending, *, talks: bool) -> None:
        """It is written again and again, and the car counts as moving until it is confirmed."""
        if now - pending.since >= TIMEOUT_S:
            self._out.answer(pending, Status.EXPIRED, "the ESP32 did not confirm STOP in time; it is repeated")
            self._scanner.end("the ESP32 did not confirm STOP")
        if self._guard.motion != STOPPED:
            self._out.answer(pending, Status.EXPIRED, "a newer command came before the ESP32 confirmed STOP")
            return
        fault = self._out.wheels.stop_overdue(UNCONFIRMED, talks=talks)
        self._out.repeat_stop(pending)
        if fault:
            log.error("%s: the car may still be moving; STOP is repeated", UNCONFIRMED)
