"""The chassis on a bench: its serial line is a list, its clock is moved by hand, its listener remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridges.motion import chassis as module
from bridges.motion.chassis import Chassis
from bridges.motion.drive import Drive
from bridges.motion.keeper.supervisor import KeeperLostError
from bridges.motion.scan.scan import Reading
from bridges.motion.serial_line.link import LinkDownError
from bridges.motion.serial_line.protocol import Frame, Line, parse_line
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.clock import Clock, ManualClock, Scheduler
from smartcar_mqtt.commands import Answer, CommandError, Parsed, Request

DATA = b"DATA:S1:%d,S2:%d,S3:%d,MQ2:150,SERVO:90,LMOTOR:0,RMOTOR:0,OBSTACLE:%d,WARNING:%d"
LOOP_S = 0.1
DEFAULT_S = 1.0


class ListedLink:
    """A serial line that writes into a list, and breaks on demand."""

    def __init__(
        self,
        device: str,
        baud: int,
        *,
        clock: Clock,
        on_line: Callable[[Line, float], None],
        on_bad_line: Callable[[bytes], None],
        on_gap: Callable[[float], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        on_keeper: Callable[[str], None],
        on_keeper_stop: Callable[[str], None],
    ) -> None:
        self.clock = clock
        self._on_line, self.on_bad_line, self.on_gap = on_line, on_bad_line, on_gap
        self.on_up, self.on_down, self.on_keeper, self.on_keeper_stop = on_up, on_down, on_keeper, on_keeper_stop
        self.received_bytes = 0
        self.told: list[str] = []
        """What the keeper was told and what was written, in this order."""
        self.keeper_lost = ""
        self.watched_s: float | None = None
        self.written: list[str] = []
        self.is_open = False
        self.broken = False
        self.alive = True
        self.keeper_watched = True

    def on_line(self, line: Line, at: float | None = None) -> None:
        """A line has come: now, or then."""
        self._on_line(line, self.clock.monotonic() if at is None else at)

    def open(self) -> None:
        self.is_open = True
        self.on_keeper("")
        self.on_up()

    def close(self, *, standing: bool = True) -> None:
        self.is_open = False
        self.standing = standing

    def write(self, lines: bytes) -> None:
        if not self.is_open or self.broken:
            raise LinkDownError("no serial link")
        self.written += lines.decode().splitlines()
        self.told += lines.decode().splitlines()

    def watch_move(self, seconds: float) -> None:
        if self.keeper_lost:
            raise KeeperLostError(self.keeper_lost)
        self.watched_s = seconds
        self.told.append(f"move {seconds:g}")

    def end_watch(self) -> None:
        self.watched_s = None
        self.told.append("still")


class Notes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.scans: list[tuple[list[Reading], Reading | None]] = []
        self.bad_lines = 0
        self.changes = 0

    def frame(self, frame: Frame) -> None:
        self.frames.append(frame)

    def changed(self) -> None:
        self.changes += 1

    def scanned(self, readings: list[Reading], best: Reading | None) -> None:
        self.scans.append((readings, best))

    def bad_line(self) -> None:
        self.bad_lines += 1


class Bench:
    """A chassis that stands free and knows its firmware, until the test says otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        monkeypatch.setattr(module, "SerialLink", ListedLink)
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.notes = Notes()
        self.answers: list[Answer] = []
        self.make(**settings)

    def make(self, *, speed_control: bool = False, emergency_stop: bool = False, **settings: Any) -> None:
        """A chassis with these settings, its line open; words go out as they are asked for unless a test swaps them."""
        settings.setdefault("swap_left_right", False)
        self.chassis = Chassis(MotionSettings(**settings), self.scheduler, self.notes, emergency_stop=emergency_stop)
        self.link: ListedLink = self.chassis._link  # type: ignore[assignment]
        self.chassis.open()
        self.frame()
        self.confirm()
        self.line(b"ACK:SPEED:OK:100" if speed_control else b"ACK:SPEED:100:UNKNOWN")
        self.link.written.clear()

    @property
    def guard(self) -> Any:
        return self.chassis.guard

    def written(self) -> list[str]:
        """What has been written since this was asked for last."""
        lines = self.link.written[:]
        self.link.written.clear()
        return lines

    # From the ESP32

    def line(self, text: bytes) -> None:
        """A line of the ESP32."""
        self.link.on_line(parse_line(text))

    def frame(self, left: int = 100, center: int = 100, right: int = 100, motors: tuple[int, int] = (0, 0)) -> None:
        """Its readings, with the flags as the seed's firmware sets them; the motors it knows only in newer ones."""
        nearest = min((each for each in (left, center, right) if each > 0), default=9999)
        line = DATA % (left, center, right, nearest <= 10, nearest <= 20)
        self.line(line.replace(b"LMOTOR:0,RMOTOR:0", b"LMOTOR:%d,RMOTOR:%d" % motors))

    def confirm(self) -> None:
        """It confirms everything that was written and not confirmed."""
        for pending in list(self.chassis._out.confirmations._pending):
            if pending.word in {"FORWARD", "BACKWARD", "LEFT", "RIGHT", "STOP", "RESET", "CLEARBLOCK"}:
                self.line(b"ACK:%b:OK" % pending.word.encode())

    def pass_time(self, seconds: float, *, talking: bool = True, confirming: bool = True) -> None:
        """Let time pass; meanwhile the ESP32 sends its readings and confirms, unless it shall not."""
        for _ in range(round(seconds / LOOP_S)):
            self.clock.advance(LOOP_S)
            self.scheduler.run_due()
            if talking:
                self.frame()
            if confirming:
                self.confirm()

    # Commands

    def request(self, source: str = "", name: str = "drive") -> Request:
        """A command on its way."""
        return Request(name, Parsed(None, source), self.answers.append)

    def drive(self, direction: str, seconds: float | None = None, source: str = "", speed: int | None = None) -> None:
        """A command to move; what is raised is what the bridge would answer."""
        self.obey(
            lambda request: self.chassis.drive(Drive(direction, speed, seconds), request, DEFAULT_S), source, "drive"
        )

    def scan(self, source: str = "") -> None:
        self.obey(self.chassis.scan, source, "scan")

    def obey(self, handler: Callable[[Request], None], source: str = "", name: str = "command") -> None:
        """Run a handler as the bridge does: an error becomes the answer."""
        request = self.request(source, name)
        try:
            handler(request)
        except CommandError as error:
            request.answer(error.status, str(error))

    @property
    def last(self) -> tuple[str, str]:
        """Status and reason of the newest answer."""
        newest = self.answers[-1]
        return str(newest.status), newest.reason
