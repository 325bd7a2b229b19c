"""The car below the bridge: serial line, guard, scan and confirmations, held together by one lock.

Threads: commands come on the broker's network thread, lines on the serial thread, timers on the main thread. Whoever
comes holds the lock while the guard decides and the line is written, so that what is written is always what was decided
last; a STOP is written by the thread that finds the reason for it. Listeners are called with the lock held: they must
not wait for another thread.
"""

from __future__ import annotations

import logging
import threading

from bridges.motion.confirmations import Pending
from bridges.motion.drive import STOP, Drive
from bridges.motion.link import SerialLink
from bridges.motion.listener import Listener
from bridges.motion.outbox import Outbox
from bridges.motion.protocol import (
    DIRECTIONS,
    STOP_LINE,
    Ack,
    Alert,
    Banner,
    Frame,
    Line,
    Scanned,
    Status,
    servo_line,
    word_line,
)
from bridges.motion.safety import STOPPED, ZONE_OF_ALERT, Control, Guard, Zone, control_of
from bridges.motion.scanner import TURN, Scanner
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.clock import Scheduler, Timer
from smartcar_mqtt.commands import Blocked, CommandError, Request
from smartcar_mqtt.commands import Status as Outcome

log = logging.getLogger(__name__)

SCANNING = "scanning"
NO_SPEED = "the firmware has no SPEED command: the motors always run at full power"
NOT_TOLD = "the firmware has not told yet whether it knows SPEED"


class Chassis:
    """Everything that moves or stops the car."""

    def __init__(
        self, settings: MotionSettings, scheduler: Scheduler, listener: Listener, *, emergency_stop: bool
    ) -> None:
        self.settings = settings
        self.guard = Guard(settings, emergency_stop=emergency_stop)
        self.speed = 100
        """Per cent of full speed for moves that do not say."""
        self.servo: int | None = None
        self.nearest: int | None = None
        """The smallest distance that was heard last, in cm."""
        self.firmware: str | None = None
        self.down_reason = "not opened yet"
        self.reconnects = -1
        """How often the serial line came up again; the first time does not count."""
        self._listener = listener
        self._scheduler = scheduler
        self._clock = scheduler.clock
        self._lock = threading.RLock()
        self._timer: Timer | None = None
        self._link = SerialLink(
            settings.device,
            settings.baud,
            on_line=self._line,
            on_bad_line=self._bad_line,
            on_up=self._link_up,
            on_down=self._link_down,
        )
        self._out = Outbox(
            self._link,
            self._clock,
            swap_left_right=settings.swap_left_right,
            on_written=self._arm,
            on_failure=lambda: self.guard.halt(self._clock.monotonic()),
        )
        self._scanner = Scanner(settings, self.guard, self._out, listener.scanned)

    # -- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to open the serial line."""
        self._link.open()

    def close(self) -> None:
        """Stop the car and close the line."""
        with self._lock:
            self.guard.halt(self._clock.monotonic())
            self._scanner.end("the motion bridge ends")
        self._link.close()

    def problem(self) -> str | None:
        """What is wrong with the chassis' own threads; None while all is well."""
        if not self._link.alive:
            return "the serial thread has ended"
        if not self._lock.acquire(timeout=0.5):
            return "the chassis has been locked for half a second"
        self._lock.release()
        return None

    # -- what it is doing ----------------------------------------------------------------------------------------

    @property
    def motion(self) -> str:
        """stopped, forward, backward, left, right or scanning."""
        return SCANNING if self._scanner.active else self.guard.motion

    @property
    def control(self) -> Control:
        """Who holds control."""
        if self._scanner.active and not self.guard.emergency_stop:
            return control_of(self._scanner.source)
        return self.guard.control

    @property
    def source(self) -> str:
        """The sender whose command is being carried out; empty while the car stands."""
        return self._scanner.source or self.guard.source

    @property
    def speed_control(self) -> bool | None:
        """Whether the firmware knows SPEED; None while it has not said so."""
        return self._out.speed_control

    @property
    def link_ok(self) -> bool:
        """Whether the ESP32 talks: the line is open and its newest data is young."""
        return self._link.is_open and self.guard.fresh(self._clock.monotonic())

    # -- commands ------------------------------------------------------------------------------------------------

    def halt(self, reason: str, request: Request | None = None) -> None:
        """Write STOP, whatever is going on.

        Raises:
            Blocked: STOP cannot be written, for the line is down.
        """
        with self._lock:
            self.guard.halt(self._clock.monotonic(), request.source if request else "")
            try:
                self._out.write(STOP_LINE, STOP, request)
            finally:
                self._scanner.end(reason)
                self._listener.changed()

    def drive(self, drive: Drive, request: Request, default_s: float) -> None:
        """Begin, renew or end a move; the request is answered when the ESP32 has confirmed it.

        Raises:
            Refused: the duration is out of range.
            Blocked: the move is not allowed now.
        """
        if drive.direction == STOP:
            self.halt("stopped", request)
            return
        with self._lock:
            now = self._clock.monotonic()
            before = self.guard.motion
            try:
                grant = self.guard.drive(now, drive.direction, request.source, drive.duration, default_s)
            except CommandError:
                if before != STOPPED and self.guard.motion == STOPPED:
                    self._out.stop("the assistant's move ends: a hand is on the controls")
                if control_of(request.source) is Control.MANUAL:
                    self._scanner.end("a drive command came")
                self._listener.changed()
                raise
            self._scanner.end("a drive command came")
            note = grant.note
            if drive.speed is not None and not self.speed_control:
                why = NO_SPEED if self.speed_control is False else NOT_TOLD
                note = "; ".join(filter(None, (note, f"speed is ignored: {why}")))
            self._out.speed(drive.speed or self.speed)
            self._out.move(drive.direction, grant.seconds, request, note)
            self._listener.changed()

    def scan(self, request: Request) -> None:
        """Begin to look around; the request is answered when the scan is complete.

        Raises:
            Blocked: the car may not turn now.
        """
        with self._lock:
            if self._scanner.active:
                raise Blocked("a scan is under way")
            now = self._clock.monotonic()
            before = self.guard.motion
            self.guard.check_allowed(now, TURN, request.source)
            self.guard.halt(now, request.source)
            settled_at = now
            if before != STOPPED:
                self._out.stop("a scan begins")
                settled_at += self.settings.scan_settle
            self._scanner.begin(request, settled_at)
            self._listener.changed()

    def set_emergency_stop(self, *, on: bool, request: Request) -> None:
        """Latch the emergency stop, or release it.

        Raises:
            Blocked: the assistant wants to release it; only people may.
        """
        with self._lock:
            if not on and control_of(request.source) is Control.ASSISTANT:
                raise Blocked("the emergency stop is released by hand only")
            self.guard.set_emergency_stop(on=on)
            if on:
                try:
                    self._out.write(STOP_LINE, STOP)
                except Blocked as error:
                    log.error("emergency stop is latched, but: %s", error)
                self._scanner.end("emergency stop")
            self._listener.changed()

    def turn_servo(self, degrees: int, request: Request) -> None:
        """Turn the pan servo; raises Blocked while the line is down."""
        with self._lock:
            self._out.write(servo_line(degrees), "servo", request)

    def choose_speed(self, percent: int, request: Request) -> None:
        """Set the speed of moves that do not say; raises Blocked where the firmware cannot."""
        with self._lock:
            if not self.speed_control:
                raise Blocked(NO_SPEED if self.speed_control is False else NOT_TOLD)
            self._out.speed(percent, request)
            self.speed = percent

    def send_word(self, word: str, request: Request) -> None:
        """Send status, reset or clearblock; raises Blocked while the line is down."""
        with self._lock:
            if word == "reset":
                self.guard.halt(self._clock.monotonic(), request.source)
                self._scanner.end("reset")
            self._out.write(word_line(word), word, request)
            self._listener.changed()

    # -- the serial thread ---------------------------------------------------------------------------------------

    def _link_up(self) -> None:
        with self._lock:
            self.reconnects += 1
            self.guard.link_lost()  # whatever was known is from before
            self._out.forget_speed()
            self._listener.changed()

    def _link_down(self, reason: str) -> None:
        with self._lock:
            self.down_reason = reason
            self.guard.link_lost()
            self._scanner.end(reason)
            self._out.answer_all(Outcome.BLOCKED, reason)
            self._listener.changed()

    def _bad_line(self, line: bytes) -> None:
        log.debug("damaged line: %r", line)
        with self._lock:
            self._listener.bad_line()

    def _line(self, line: Line) -> None:
        with self._lock:
            if isinstance(line, Frame):
                self._frame(line)
            elif isinstance(line, Ack):
                self._ack(line)
            elif isinstance(line, Alert):
                self._alert(line)
            elif isinstance(line, Status):
                self.servo = line.servo
                self._out.answer(self._out.confirmations.confirmed("STATUS"), Outcome.DONE)
                self._listener.changed()
            elif isinstance(line, Banner):
                self._restarted(line.text)
            elif isinstance(line, Scanned):
                log.debug("the firmware scans by itself: %s", line.text)

    def _frame(self, frame: Frame) -> None:
        now = self._clock.monotonic()
        first = self.guard.last_frame_at is None
        reason = self.guard.frame(now, frame)
        if reason:
            self._out.stop(reason)
        self.servo, self.nearest = frame.servo, frame.nearest
        if first:
            self._out.stop("data comes from the ESP32")  # what was written before may not have been heard
            self._out.probe_speed(self.speed)
        self._scanner.frame(now, frame)
        self._arm()
        self._listener.frame(frame)

    def _alert(self, alert: Alert) -> None:
        self.nearest = alert.nearest
        reason = self.guard.alert(alert.zone)
        halted = ZONE_OF_ALERT[alert.zone] is Zone.OBSTACLE  # the firmware has stopped the wheels, whatever they did
        if halted and self.guard.motion != STOPPED and not self._scanner.halted_by_firmware():
            self.guard.halt(self._clock.monotonic())
            reason = "the ESP32 sees an obstacle"
        if reason:
            self._out.stop(reason)
        self._listener.changed()

    def _give_up(self, reason: str) -> None:
        """Something is not as it should be: the car stands still until somebody sends the next command."""
        self.guard.halt(self._clock.monotonic())
        self._out.stop(reason)
        self._scanner.end(reason)

    def _restarted(self, text: str) -> None:
        """The ESP32 has started: its motors are off, and it has forgotten everything."""
        log.info("the ESP32 has started: %s", text)
        self.firmware = text
        self._out.answer_all(Outcome.EXPIRED, "the ESP32 has restarted")
        self._give_up("the ESP32 has restarted")
        self._out.probe_speed(self.speed)
        self._listener.changed()

    def _ack(self, ack: Ack) -> None:
        word = ack.command.split(":", 1)[0].upper()
        pending = self._out.confirmations.confirmed(word)
        if word == "SPEED" and ack.status in {"OK", "UNKNOWN"}:
            self._out.speed_control = ack.status == "OK"
        if ack.status == "OK":
            if word == "SERVO":
                self.servo = int(ack.detail)
            self._out.answer(pending, Outcome.DONE)
            self._scanner.confirmed(self._clock.monotonic(), word.lower())
            moves = word.lower() in DIRECTIONS
            if moves and pending is None and word.lower() != self._out.word_of(self.guard.motion):
                self._give_up(f"the ESP32 confirms {word}, which nobody here has asked for")
        elif ack.status == "BLOCKED":
            self._give_up(f"the ESP32 refuses {word}")
            self._out.answer(pending, Outcome.BLOCKED, f"the ESP32 refuses: {ack.detail.lower().replace('_', ' ')}")
        elif ack.status == "UNKNOWN" and pending is None and word != "SPEED":
            self._give_up(f"a command has reached the ESP32 damaged, as {word[:16]!r}")
        elif ack.status == "UNKNOWN":
            self._out.answer(pending, Outcome.REFUSED, f"the firmware does not know {word}")
        else:
            self._out.answer(pending, Outcome.REFUSED, f"the ESP32 refuses: {ack.detail.lower()}")
        self._listener.changed()

    # -- timers, on the main thread ------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Have the timer go off when the next thing can happen by time alone; one that goes off too early is cheap."""
        times = [when for when in (self.guard.next_tick(), self._out.confirmations.next_due) if when is not None]
        if times and (self._timer is None or min(times) < self._timer.when):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._scheduler.call_at(min(times), self._time_has_come)

    def _time_has_come(self) -> None:
        with self._lock:
            self._timer = None
            now = self._clock.monotonic()
            reason = self.guard.tick(now)
            stale = self.guard.last_frame_at is not None and not self.guard.fresh(now)
            if reason or stale:
                self._out.stop(reason or "no data from the ESP32")
            if stale:
                self.down_reason = f"no data from the ESP32 for {self.settings.stale_after:g} s"
                self.guard.link_lost()
                self._scanner.end(self.down_reason)
            elif reason:
                self._scanner.lease_ended()
            for pending in self._out.confirmations.overdue(now):
                self._overdue(pending)
            self._arm()
            if reason or stale:
                self._listener.changed()

    def _overdue(self, pending: Pending) -> None:
        self._out.answer(pending, Outcome.EXPIRED, f"the ESP32 did not confirm {pending.word} in time")
        stands, talks = self.guard.motion == STOPPED, self.link_ok
        word = pending.word.lower()
        if word == self._out.word_of(self.guard.motion) or (self._scanner.active and word in DIRECTIONS):
            self._give_up(f"the ESP32 did not confirm {pending.word}")
            self._listener.changed()
        elif pending.word == "STOP" and stands and talks and not self._out.confirmations.awaits("STOP"):
            self._give_up("the ESP32 did not confirm STOP")  # so it is written once more, until it is confirmed
            self._listener.changed()
        elif pending.word == "SPEED" and self.speed_control is None and self.link_ok:
            self._out.probe_speed(self.speed)
