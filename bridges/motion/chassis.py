"""The car below the bridge: serial line, guard, scan and confirmations, held together by one lock.

Threads: commands come on the broker's network thread, lines on the serial thread, timers on the main thread. Whoever
comes holds the lock while the guard decides and the line is written, so that what is written is always what was decided
last; a STOP is written by the thread that finds the reason for it. Listeners are called with the lock held: they must
not wait for another thread.
"""

from __future__ import annotations

import logging
import threading

from bridges.motion.drive import STOP, Drive
from bridges.motion.keeper.supervisor import STARTING
from bridges.motion.listener import Listener
from bridges.motion.replies import Replies
from bridges.motion.safety import STOPPED, Control, Guard, control_of
from bridges.motion.scan.scanner import TURN, Scanner
from bridges.motion.serial_line.link import SerialLink
from bridges.motion.serial_line.outbox import Outbox
from bridges.motion.serial_line.protocol import (
    Ack,
    Alert,
    Banner,
    Frame,
    Line,
    Scanned,
    Status,
    servo_line,
    tells_of_damage,
    word_line,
)
from bridges.motion.serial_line.silence import Silence
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
        self._silence = Silence(settings.device, settings.baud)
        self._keeper_lost = STARTING
        self.keepers_lost = 0
        """How often a keeper had to be replaced."""
        self.guard.hindrance = self._hindrance
        self._link = SerialLink(
            settings.device,
            settings.baud,
            clock=self._clock,
            on_line=self._line,
            on_bad_line=self._bad_line,
            on_gap=self._gap,
            on_up=self._link_up,
            on_down=self._link_down,
            on_keeper=self._keeper_changed,
            on_keeper_stop=self._keeper_stopped,
        )
        self._out = Outbox(
            self._link,
            self._clock,
            swap_left_right=settings.swap_left_right,
            is_wanted=lambda direction: self.guard.motion == direction,
            on_written=self._arm,
            on_failure=lambda: self.guard.halt(self._clock.monotonic()),
        )
        self._scanner = Scanner(settings, self.guard, self._out, listener.scanned)
        self._replies = Replies(
            self.guard,
            self._out,
            self._scanner,
            self._clock,
            give_up=self._give_up,
            probe_speed=lambda: self._out.probe_speed(self.speed),
        )

    # -- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to open the serial line."""
        self._link.open()

    def close(self) -> None:
        """Stop the car and close the line."""
        with self._lock:
            self.guard.halt(self._clock.monotonic())
            self._scanner.end("the motion bridge ends")
            standing = self._out.wheels.stopped
        self._link.close(standing=standing)

    def problem(self) -> str | None:
        """What is wrong with the chassis' own threads; None while all is well."""
        if not self._link.alive:
            return "the serial thread has ended"
        if not self._link.keeper_watched:
            return "the keeper's thread has ended"
        if not self._lock.acquire(timeout=0.5):
            return "the chassis has been locked for half a second"
        self._lock.release()
        return None

    # -- what it is doing ----------------------------------------------------------------------------------------

    @property
    def motion(self) -> str:
        """What it was told to do: stopped, forward, backward, left, right or scanning."""
        return SCANNING if self._scanner.active else self.guard.motion

    @property
    def apparent_motion(self) -> str | None:
        """What it does: STOPPED only when the ESP32 has said so, None where it may be moving in whatever way."""
        return self._out.wheels.motion if self.motion == STOPPED else self.motion

    @property
    def stop_unconfirmed(self) -> str:
        """Why the car counts as moving although it was told to stop; empty while all is well."""
        return self._out.wheels.fault

    @property
    def keeper(self) -> bool | None:
        """Whether a keeper watches over the serial line; None while that is not open."""
        return not self._keeper_lost if self._link.is_open else None

    @property
    def keeper_reason(self) -> str:
        """Why there is none."""
        return self._keeper_lost

    def _hindrance(self) -> str:
        if self.stop_unconfirmed:
            return f"{self.stop_unconfirmed}: the car may still be moving"
        return self._keeper_lost and f"the car does not move: {self._keeper_lost}"

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
                self._out.write_stop(request)
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
            try:
                self._out.speed(drive.speed or self.speed)
                self._out.move(drive.direction, grant.seconds, request, note)
            except Blocked:
                if before != STOPPED:
                    self._out.stop("a move cannot go on")
                raise
            finally:
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
                    self._out.write_stop()
                except Blocked as error:
                    log.error("emergency stop is latched, but: %s", error)
                self._scanner.end("emergency stop")
            self._listener.changed()

    def turn_servo(self, degrees: int, request: Request) -> None:
        """Turn the pan servo; raises Blocked while the line is down."""
        with self._lock:
            self._out.send(servo_line(degrees), "servo", request)

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
                self._out.write_stop()  # RESET stops the wheels too, but only STOP is repeated until it is confirmed
                self._scanner.end("reset")
            self._out.send(word_line(word), word, request)
            self._listener.changed()

    # -- the keeper's thread -------------------------------------------------------------------------------------

    def _keeper_changed(self, reason: str) -> None:
        """There is a keeper (empty), or none any more: then the car stands until there is one."""
        with self._lock:
            if reason and not self._keeper_lost:
                self.keepers_lost += 1
            self._keeper_lost = reason
            if reason and self._moves:
                self._give_up("there is no keeper")
            self._listener.changed()

    def _keeper_stopped(self, why: str) -> None:
        """The keeper has written STOP by itself; this process writes it once more, to hear that it was obeyed."""
        with self._lock:
            self._give_up(f"the keeper has stopped the car: {why}")
            self._listener.changed()

    @property
    def _moves(self) -> bool:
        return self.guard.motion != STOPPED or self._scanner.active or not self._out.wheels.stopped

    # -- the serial thread ---------------------------------------------------------------------------------------

    def _link_up(self) -> None:
        with self._lock:
            self.reconnects += 1
            self.guard.link_lost()  # whatever was known is from before
            self.down_reason = f"serial device {self.settings.device} is open; no data from the ESP32 yet"
            self._silence.begin(self._clock.monotonic(), self._link.received_bytes)
            self._out.forget_speed()
            self._out.wheels.forget_firmware()
            self._arm()
            self._listener.changed()

    def _link_down(self, reason: str) -> None:
        with self._lock:
            self.down_reason = reason
            self.guard.link_lost()
            self._silence.end()
            self._scanner.end(reason)
            self._out.answer_all(Outcome.BLOCKED, reason)
            self._out.wheels.stop_overdue(f"STOP cannot reach the ESP32: {reason}", talks=False)
            self._listener.changed()

    def _gap(self, seconds: float) -> None:
        """The serial thread was not served: what was known of the ESP32 is old, and new data must come first."""
        with self._lock:
            self.down_reason = f"this computer stood still for {seconds:.1f} s; waiting for new data from the ESP32"
            self._silence.begin(self._clock.monotonic(), self._link.received_bytes)
            self.guard.link_lost()
            if self._moves:
                self._give_up(self.down_reason)
            self._listener.changed()
        log.warning("this computer stood still for %.1f s: the car moves only when new data has come", seconds)

    def _bad_line(self, line: bytes) -> None:
        log.debug("damaged line: %r", line)
        with self._lock:
            if tells_of_damage(line):
                self._give_up(f"a command has reached the ESP32 damaged: {line[:40]!r}")
                self._listener.changed()
            self._listener.bad_line()

    def _line(self, line: Line, at: float) -> None:
        """A line, and when it was read: a thread that was held up since then does not make it any newer."""
        with self._lock:
            if isinstance(line, Frame):
                self._frame(line, at)
                return
            self._silence.line()
            if isinstance(line, Ack):
                self._replies.ack(line)
                if line.command == "SERVO" and line.status == "OK":
                    self.servo = int(line.detail)
                self._listener.changed()
            elif isinstance(line, Alert):
                self.nearest = line.nearest
                self._replies.alert(line)
                self._listener.changed()
            elif isinstance(line, Status):
                self.servo = line.servo
                self._out.answer(self._out.confirmations.confirmed("STATUS"), Outcome.DONE)
                self._listener.changed()
            elif isinstance(line, Banner):
                self._restarted(line.text)
            elif isinstance(line, Scanned):
                log.debug("the firmware scans by itself: %s", line.text)

    def _frame(self, frame: Frame, at: float) -> None:
        now = self._clock.monotonic()
        first = self.guard.last_frame_at is None
        reason = self.guard.frame(at, frame)
        if reason:
            self._out.stop(reason)
        self.servo, self.nearest = frame.servo, frame.nearest
        self._silence.end()
        if first:
            self._out.stop("data comes from the ESP32")  # what was written before may not have been heard
            self._out.probe_speed(self.speed)
        self._replies.motors(frame)
        self._scanner.frame(now, frame)
        self._arm()
        self._listener.frame(frame)

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

    # -- timers, on the main thread ------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Have the timer go off when the next thing can happen by time alone; one that goes off too early is cheap."""
        due = (self.guard.next_tick(), self._out.next_due, self._silence.next_look)
        times = [when for when in due if when is not None]
        if times and (self._timer is None or min(times) < self._timer.when):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._scheduler.call_at(min(times), self._time_has_come)

    def _time_has_come(self) -> None:
        with self._lock:
            self._timer = None
            now = self._clock.monotonic()
            reason, overdue = self.guard.tick(now), False
            stale = self.guard.last_frame_at is not None and not self.guard.fresh(now)
            if reason or stale:
                self._out.stop(reason or "no data from the ESP32")
            if stale:
                self.down_reason = f"no data from the ESP32 for {self.settings.stale_after:g} s"
                self.guard.link_lost()
                self._silence.begin(now, self._link.received_bytes)
                self._scanner.end(self.down_reason)
            elif reason:
                self._scanner.lease_ended()
            for pending in self._out.confirmations.overdue(now):
                self._replies.overdue(now, pending, talks=self.link_ok)
                overdue = True
            self._out.flush(now)
            silent = self._look_at_silence(now)
            self._arm()
            if reason or stale or silent or overdue:
                self._listener.changed()
        if silent and self._silence.is_news(silent):
            log.warning("%s", silent)

    def _look_at_silence(self, now: float) -> str | None:
        """What people should look at when nothing is known although the line is open; None: nothing new."""
        reason = self._silence.reason(now, self._link.received_bytes)
        if reason is not None:
            self.down_reason = reason
        return reason
