"""A chassis in a process of its own, its keeper and a board on a serial line, to be frozen and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from tests.support.watched_world import WatchedWorld

PATIENCE_S = 10.0
HALT = (0, 0)


class Car:
    """One car: board and line stay, the process that drives may be ended and started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world = WatchedWorld()
        self.device = folder / "esp32"
        self.twin = SerialTwin(self.world, link=self.device)
        self.lines: list[dict[str, Any]] = []
        self.log = folder / "log.txt"
        self._changed = threading.Condition()
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self.twin.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            for number in (signal.SIGCONT, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
            process.wait(PATIENCE_S)
            assert process.stdin is not None
            process.stdin.close()
        self.twin.close()
        if kind is not None:
            print(self.log.read_text(), self.lines[-20:], [each.line for each in self.twin.received[-30:]], sep="\n")

    # The process

    def start(self) -> None:
        """Start it and wait until the car may move."""
        mark = len(self.lines)
        self._launch()
        self.wait(lambda line: line.get("link") and line.get("keeper"), since=mark, what="a car that may move")
        self.wait(lambda line: line.get("motion") == "stopped", since=mark, what="a car that stands")

    def _launch(self) -> subprocess.Popen[str]:
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.motion.chassis_program", str(self.device)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._started.append(process)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def second(self) -> subprocess.Popen[str]:
        """Start another process on the same line, without waiting for anything."""
        return self._launch()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._changed:
                    self.lines.append(json.loads(line))
                    self._changed.notify_all()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The newest one."""
        return self._started[-1]

    @property
    def keepers(self) -> list[int]:
        """Its keepers: one, or none."""
        found = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(number) for path in found for number in path.read_text().split()]

    @property
    def keeper(self) -> int:
        """Its keeper."""
        (pid,) = self.keepers
        return pid

    # What it does

    @property
    def mark(self) -> int:
        """For `since`."""
        return len(self.lines)

    def wait(
        self, match: Callable[[dict[str, Any]], object], *, since: int = 0, what: str = "", timeout: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The first line of its output that matches."""

        def find() -> dict[str, Any] | None:
            return next((line for line in self.lines[since:] if match(line)), None)

        with self._changed:
            found = self._changed.wait_for(find, timeout)
        assert found is not None, f"not within {timeout} s: {what}; the last: {self.lines[-5:]}"
        return found

    def drive(self, direction: str, seconds: float) -> dict[str, Any]:
        """A command and what became of it."""
        mark = self.mark
        assert self.process.stdin is not None
        self.process.stdin.write(f"{direction} {seconds}\n")
        self.process.stdin.flush()
        return self.wait(lambda line: "answer" in line, since=mark, what="an answer")

    def go(self, direction: str = "left", seconds: float = 5.0) -> float:
        """A move that must begin; when it was done (monotonic seconds)."""
        answer = self.drive(direction, seconds)
        assert answer["answer"] == "done", answer
        assert self.world.wheels != HALT
        return time.monotonic()

    def halted(self, timeout: float) -> float:
        """Wait until the wheels stand; when they did."""
        if self.world.wheels != HALT:
            self.world.wait_wheels(HALT, timeout=timeout)
        return self.world.wheel_changes[-1].time

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.world.let_pass(seconds)


def send(number: signal.Signals, *pids: int) -> None:
    """Send a signal to processes that this test has started."""
    for pid in pids:
        os.kill(pid, number)


def is_running(pid: int) -> bool:
    """Whether the process has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
