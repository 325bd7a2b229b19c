"""A program that a test starts: its output line by line, its end certain.

Waiting is done on the output (a thread reads it and wakes who waits), never by sleeping and looking again.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# Runs between fork and exec of the wanted program. The kernel kills the program when the thread that started it
# ends (prctl PR_SET_PDEATHSIG, kept over exec), so that a killed pytest leaves nothing behind. It is not done by
# `preexec_fn`, which may deadlock in a process with threads.
_LAUNCHER = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the test run has ended before its program could start")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ProgramError(Exception):
    """A program did not start, did not say what was awaited, or ended too early."""


class Output:
    """The lines that a program has written; they outlive it, so that marks stay valid over a restart."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._ended = True
        self._changed = threading.Condition()

    @property
    def lines(self) -> list[str]:
        """All lines until now, without line ends."""
        with self._changed:
            return list(self._lines)

    def mark(self) -> int:
        """The number of lines until now, for `since`."""
        with self._changed:
            return len(self._lines)

    def tail(self, count: int = 30) -> str:
        """The newest lines, for error messages."""
        return "\n".join(self.lines[-count:])

    def wait(self, pattern: str, *, since: int = 0, timeout: float = 10.0) -> str:
        """The first line from mark `since` on in which the regular expression is found.

        Raises:
            ProgramError: the program ended, or `timeout` seconds passed, without such a line.
        """
        deadline = time.monotonic() + timeout
        wanted = re.compile(pattern)
        position = since
        with self._changed:
            while True:
                for line in self._lines[position:]:
                    if wanted.search(line):
                        return line
                position = len(self._lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    break
                self._changed.wait(left)
            newest = "\n".join(self._lines[-30:])
        why = "the program has ended" if left > 0 else f"{timeout:g} s have passed"
        raise ProgramError(f"{why} without a line of output that matches {pattern!r}; its newest lines:\n{newest}")

    def begin(self) -> None:
        """A program is about to write here: from now on its end is news."""
        with self._changed:
            self._ended = False

    def read_from(self, stream: IO[str]) -> None:
        """Take over every line of `stream` until its end. Runs in the reader thread of one program."""
        for line in stream:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Program:
    """One running program in a process group of its own.

    Start it in a thread that lives as long as the program shall: the kernel kills it when that thread ends.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, output: Output, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.output = output
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _LAUNCHER, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        output.begin()
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name=f"output of {name}", daemon=True
        )
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            self.output.read_from(stream)

    @property
    def pid(self) -> int:
        """Process id; also that of its group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone; nothing happens where it has ended."""
        self._process.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP; returns when every thread of it stands still, which on a busy machine takes a moment."""
        self.signal(signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while any(state not in "TZX" for state in self._thread_states()):
            if time.monotonic() > deadline:
                raise ProgramError(f"{self.name} does not stand still")
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def _thread_states(self) -> list[str]:
        """The state of each thread, a letter of proc(5)."""
        states = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
        return states

    def stop(self, grace: float = 10.0) -> int:
        """SIGTERM, and SIGKILL for its whole group after `grace` seconds; returns the exit status."""
        if self.running:
            self.signal(signal.SIGCONT)  # a paused program hears no SIGTERM
            self.signal(signal.SIGTERM)
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)  # not reaped yet, so the group is still ours
        return self._reap()

    def kill(self) -> int:
        """SIGKILL for its whole group, as a power cut would; returns the exit status."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        return self._reap()

    def _reap(self) -> int:
        status = self._process.wait(10)
        self._reader.join(5)  # the last lines
        return status
