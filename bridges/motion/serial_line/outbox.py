"""What goes out on the serial line: STOP at once, all else no faster than the ESP32 reads; remembered until confirmed.

All methods are called with the chassis' lock held, so that lines leave in the order in which they were decided on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from bridges.motion.keeper.supervisor import KeeperLostError
from bridges.motion.safety import ROUTINE
from bridges.motion.serial_line.confirmations import MOST_PENDING, STOP_TIMEOUT_S, Confirmations, Pending, Waiter
from bridges.motion.serial_line.link import LinkDownError, SerialLink
from bridges.motion.serial_line.pace import Pace
from bridges.motion.serial_line.protocol import DIRECTIONS, STOP_LINE, speed_line, word_line
from bridges.motion.wheels import Wheels
from smartcar_mqtt.clock import Clock
from smartcar_mqtt.commands import Blocked, Request, Status

log = logging.getLogger(__name__)

SWAPPED = {"left": "right", "right": "left"}
MOVES = tuple(direction.upper() for direction in DIRECTIONS)
LATEST_S = 0.2
"""A move that has been held up for longer since the keeper was told of it is not written any more."""
TOO_MANY = "too many commands wait for the ESP32"


@dataclass(slots=True)
class Waiting:
    """A line that is to be written as soon as the pace allows."""

    line: bytes
    word: str
    waiters: list[Waiter]
    direction: str | None = None
    """Of a move."""
    seconds: float = 0.0
    """How long a move may last."""


class Outbox:
    """Writes commands and answers their requests.

    Args:
        link: the serial line.
        clock: the time, for confirmations that do not come.
        swap_left_right: whether the car turns right on the firmware's LEFT, so that the two words are exchanged.
        is_wanted: whether a move in a direction that has waited for its turn is still to be made.
        on_written: called after each line: its confirmation has a time-out.
        on_failure: called when a line cannot be written, before the error is raised.
    """

    def __init__(
        self,
        link: SerialLink,
        clock: Clock,
        *,
        swap_left_right: bool,
        is_wanted: Callable[[str], bool],
        on_written: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        self.confirmations = Confirmations()
        self.wheels = Wheels()
        self.speed_control: bool | None = None
        """Whether the firmware knows SPEED; None while it has not said so."""
        self._link = link
        self._clock = clock
        self._swap = swap_left_right
        self._is_wanted = is_wanted
        self._on_written = on_written
        self._on_failure = on_failure
        self._pace = Pace()
        self._waiting: dict[str, Waiting] = {}
        """The newest line of each kind that the pace has held back, oldest first."""
        self._sent_speed: int | None = None

    # -- STOP ----------------------------------------------------------------------------------------------------

    def write_stop(
        self, request: Request | None = None, *, waiters: list[Waiter] | None = None, since: float | None = None
    ) -> None:
        """Write STOP now, past everything that waits; raises Blocked while the line is down.

        Args:
            request: who wants it.
            waiters: who has waited for it already, where it is written again.
            since: when it was written first.
        """
        move = self._waiting.pop("move", None)
        if move is not None:
            self._answer(move.waiters, Status.EXPIRED, "the car was stopped before this could be written")
        self._write(STOP_LINE)
        self.wheels.stop_written()
        waiters = waiters or ([] if request is None else [(request, "")])
        self._expect("stop", waiters, timeout_s=STOP_TIMEOUT_S, since=since)

    def stop(self, reason: str) -> None:
        """STOP by the bridge itself; a line that is down is reopened with STOP as its first word anyway."""
        try:
            self.write_stop()
        except Blocked as error:
            log.warning("STOP (%s) cannot be written: %s", reason, error)
        else:  # afterwards: a log file may take its time
            log.log(logging.DEBUG if reason in ROUTINE else logging.INFO, "STOP: %s", reason)

    def repeat_stop(self, pending: Pending) -> None:
        """Nothing has confirmed this STOP: write it again, and have the keeper do so should this process hang now."""
        newer = self.confirmations.newest("STOP")
        if newer is not None:
            newer.waiters.extend(pending.waiters)
            return
        try:
            self.write_stop(waiters=pending.waiters, since=pending.since)
            if not self.wheels.stopped:
                self._link.watch_move(STOP_TIMEOUT_S)
        except Blocked as error:
            self.answer(pending, Status.BLOCKED, str(error))
        except KeeperLostError as error:
            log.debug("STOP is repeated without a keeper: %s", error)

    def stop_confirmed(self, pending: Pending | None) -> bool:
        """The ESP32 confirms STOP or RESET; whether that means that the wheels stand now."""
        number = None if pending is None else pending.number
        move_pending = self.confirmations.newest(*MOVES) is not None
        stands = self.wheels.stop_confirmed(number, move_pending=move_pending)
        if stands:
            self._link.end_watch()
        return stands

    def at_rest(self) -> None:
        """The ESP32 has told by other words that the wheels stand."""
        self.wheels.stand()
        self._link.end_watch()

    # -- everything else -----------------------------------------------------------------------------------------

    def send(self, line: bytes, word: str, request: Request | None = None, note: str = "") -> None:
        """Write a line as soon as the pace allows; raises Blocked while the line is down.

        One that still waits when another one of its kind comes is not written: the newest counts.
        """
        self._send(word, Waiting(line, word, [] if request is None else [(request, note)]))

    def move(self, direction: str, seconds: float, request: Request | None = None, note: str = "") -> None:
        """The command for a direction, which will be followed by another one or by STOP within `seconds`.

        The keeper is told first: however this process is held up between the two, the keeper ends the move.

        Raises:
            Blocked: the line is down, there is no keeper, or this process was held up.
        """
        word = self.word_of(direction)
        waiters: list[Waiter] = [] if request is None else [(request, note)]
        begun_at = self._clock.monotonic()
        self._watch(seconds)
        newest = self.confirmations.newest(*MOVES, "STOP", "RESET")
        same = newest is not None and newest.word == word.upper() and newest.number == self.confirmations.number
        if newest is not None and same and not self._waiting:
            self._join(newest.waiters, waiters)  # it has been written and not been read yet: once is enough
            return
        if self._clock.monotonic() - begun_at > LATEST_S:
            self._on_failure()
            raise Blocked("this computer stood still for a moment: the command is too old")
        self._send("move", Waiting(word_line(word), word, waiters, direction, seconds))

    def word_of(self, direction: str) -> str:
        """The ESP32's word for a direction, which depends on how the motors are wired."""
        return SWAPPED.get(direction, direction) if self._swap else direction

    def speed(self, percent: int, request: Request | None = None) -> None:
        """SPEED, where the firmware knows it and has another one or somebody waits for the answer."""
        if self.speed_control and (request is not None or percent != self._sent_speed):
            self.send(speed_line(percent), "speed", request)
            self._sent_speed = percent

    def probe_speed(self, percent: int) -> None:
        """Ask the firmware whether it knows SPEED: it confirms it, or answers that the text is unknown to it."""
        self.forget_speed()
        try:
            self.send(speed_line(percent), "speed")
        except Blocked as error:
            log.debug("firmware not asked: %s", error)
        else:
            self._sent_speed = percent

    def forget_speed(self) -> None:
        """Another firmware may be there now."""
        self.speed_control = self._sent_speed = None

    # -- time ----------------------------------------------------------------------------------------------------

    @property
    def next_due(self) -> float | None:
        """When something is to be done next: a confirmation is overdue, or a line may be written."""
        times = [self.confirmations.next_due] if self.confirmations.next_due is not None else []
        if self._waiting:
            times.append(self._pace.next_at(self._clock.monotonic()))
        return min((when for when in times if when is not None), default=None)

    def flush(self, now: float) -> None:
        """Write what has waited, as far as the pace allows."""
        while self._waiting and self._pace.may_write(now):
            waiting = self._waiting.pop(next(iter(self._waiting)))
            if waiting.direction is not None and not self._is_wanted(waiting.direction):
                self._answer(waiting.waiters, Status.EXPIRED, "the move was over before it could be written")
                continue
            try:
                if waiting.direction is not None:
                    self._watch(waiting.seconds)
                self._write_waiting(waiting)
            except Blocked as error:
                self._answer(waiting.waiters, Status.BLOCKED, str(error))

    # -- answers -------------------------------------------------------------------------------------------------

    def answer(self, pending: Pending | None, outcome: Status, reason: str = "") -> None:
        """Answer the requests behind a written command, if somebody waits for it."""
        if pending is not None:
            self._answer(pending.waiters, outcome, reason)

    def answer_all(self, outcome: Status, reason: str) -> None:
        """Answer all requests, and forget what was not written: no confirmation can come any more."""
        for pending in self.confirmations.take_all():
            self.answer(pending, outcome, reason)
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            self._answer(each.waiters, outcome, reason)

    @staticmethod
    def _answer(waiters: list[Waiter], outcome: Status, reason: str = "") -> None:
        for request, note in waiters:
            request.answer(outcome, reason or note)
        waiters.clear()

    def _join(self, present: list[Waiter], more: list[Waiter]) -> None:
        """More of them wait for the same line; there is an end to how many."""
        present.extend(more)
        if len(present) > MOST_PENDING:
            surplus = present[:-MOST_PENDING]
            del present[:-MOST_PENDING]
            self._answer(surplus, Status.EXPIRED, TOO_MANY)

    # -- the line ------------------------------------------------------------------------------------------------

    def _watch(self, seconds: float) -> None:
        try:
            self._link.watch_move(seconds)
        except KeeperLostError as error:
            self._on_failure()
            raise Blocked(str(error)) from None

    def _send(self, kind: str, new: Waiting) -> None:
        older = self._waiting.pop(kind, None)
        if older is not None and older.line == new.line:
            self._join(older.waiters, new.waiters)
            new.waiters = older.waiters
        elif older is not None:
            self._answer(older.waiters, Status.EXPIRED, "a newer command came before this one could be written")
        # One that cannot be written at all is tried at once: the attempt says why.
        if self._link.is_open and (self._waiting or not self._pace.may_write(self._clock.monotonic())):
            self._waiting[kind] = new
            self._on_written()
            return
        try:
            self._write_waiting(new)
        except Blocked as error:
            self._answer(new.waiters, Status.BLOCKED, str(error))
            raise

    def _write_waiting(self, waiting: Waiting) -> None:
        self._write(waiting.line)
        pending = self._expect(waiting.word, waiting.waiters)
        if waiting.direction is not None:
            self.wheels.moved(waiting.direction, pending.number)

    def _write(self, line: bytes) -> None:
        try:
            self._link.write(line)
        except LinkDownError as error:
            self._on_failure()
            raise Blocked(str(error)) from None

    def _expect(self, word: str, waiters: list[Waiter], **limits: float | None) -> Pending:
        now = self._clock.monotonic()
        pending = self.confirmations.expect(now, word.upper(), waiters, **limits)  # type: ignore[arg-type]
        self.answer(self.confirmations.surplus(), Status.EXPIRED, TOO_MANY)
        self._on_written()
        return pending
