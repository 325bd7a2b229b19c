"""The keeper's program alone, on a real terminal: what it is told, what it writes, when it ends."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridges.motion.keeper import orphan, program
from bridges.motion.keeper.program import CONFIRMED, LONGEST_MOVE_S, REPEAT_S, STOP_LINES, boot_time

PATIENCE_S = 5.0


class Line:
    """A terminal whose far end the test reads, with the keeper's program at it."""

    def __init__(self) -> None:
        self.board, self.line = os.openpty()
        tty.setraw(self.line)
        self.bridge, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.bridge.settimeout(PATIENCE_S)
        numbers = (self.line, theirs.fileno())
        device = os.ttyname(self.line)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", program.__file__, *map(str, numbers), device, "1"], pass_fds=numbers
        )
        theirs.close()
        assert self.heard() == b"ok 0"

    def close(self) -> None:
        self.bridge.close()
        self.process.kill()
        self.process.wait()
        for descriptor in (self.board, self.line):
            os.close(descriptor)

    def heard(self) -> bytes:
        """The next message of the keeper."""
        return self.bridge.recv(200)

    def move(self, number: int, seconds: float) -> bytes:
        """Announce a move; the answer."""
        self.bridge.send(b"move %d %d" % (number, (boot_time() + seconds) * 1000))
        return self.heard()

    def written(self, seconds: float = 0.1) -> bytes:
        """What reaches the board in that time."""
        found, until = b"", time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and select.select([self.board], [], [], left)[0]:
            found += os.read(self.board, 4096)
        return found


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


@pytest.mark.parametrize(
    "message",
    [
        b"till 1 5",
        b"1.50",
        b"move",
        b"move 1",
        b"move 1 x",
        b"move 1 -5",
        b"move 1 5 5",
        b"still",
        b"still 1 1",
        b"\xff\x00",
        b"ping " + b"1" * 100,
        b"ping 2",
        b"move 3 99999999999",
        b"move 1 1",
    ],
)
def test_in_doubt_it_writes_stop_and_goes_on(line: Line, message: bytes) -> None:
    line.bridge.send(message)
    assert line.heard().startswith(b"stopped ")
    assert line.written().startswith(STOP_LINES)
    assert line.process.poll() is None
    assert STOP_LINES in line.written(2 * REPEAT_S), "again and again, until it hears of a move or that the car stands"


def test_a_message_in_order_is_answered_and_writes_nothing(line: Line) -> None:
    assert line.move(1, 1) == b"ok 1"
    line.bridge.send(b"ping 2")
    assert line.heard() == b"ok 2"
    line.bridge.send(b"still 3")
    assert line.heard() == b"ok 3"
    assert line.written(1.2) == b""


def test_a_move_that_lasts_too_long_is_ended(line: Line) -> None:
    began = time.monotonic()
    line.move(1, 0.3)
    assert line.heard() == b"stopped a move has lasted longer than was announced"
    assert 0.28 <= time.monotonic() - began <= 0.8
    assert line.written().startswith(STOP_LINES)
    assert line.move(2, 2) == b"ok 2"
    line.written(0.05)
    assert line.written(2 * REPEAT_S) == b"", "a new move ends the repetition"


def test_the_end_of_a_move_is_a_point_in_time(line: Line) -> None:
    line.process.send_signal(signal.SIGSTOP)
    line.bridge.send(b"move 1 %d" % ((boot_time() + 0.2) * 1000))
    time.sleep(0.4)
    line.process.send_signal(signal.SIGCONT)
    assert line.heard() == b"stopped a move was announced too late"
    assert line.written().startswith(STOP_LINES)


def test_no_move_may_be_announced_for_ever(line: Line) -> None:
    line.bridge.send(b"move 1 %d" % ((boot_time() + LONGEST_MOVE_S + 5) * 1000))
    assert line.heard() == b"stopped a move was announced that lasts too long"


def test_goodbye_ends_it_without_a_word(line: Line) -> None:
    line.bridge.send(b"goodbye 1")
    assert line.process.wait(PATIENCE_S) == 0
    assert line.written() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_to_a_whole_group_do_not_end_it(line: Line, number: signal.Signals) -> None:
    line.process.send_signal(number)
    line.bridge.send(b"ping 1")
    assert line.heard() == b"ok 1"


def test_without_a_bridge_it_repeats_stop_until_that_is_confirmed(line: Line) -> None:
    os.write(line.board, CONFIRMED)  # of an older STOP
    line.bridge.close()
    assert line.written(4 * REPEAT_S).count(STOP_LINES) >= 3
    assert line.process.poll() is None
    os.write(line.board, b"DATA:S1:8" + CONFIRMED)
    assert line.process.wait(PATIENCE_S) == 0


def test_a_line_that_is_gone_ends_it(line: Line) -> None:
    os.close(line.board)
    line.board = os.dup(line.line)
    line.bridge.close()
    assert line.process.wait(PATIENCE_S) == 0


def test_only_an_orphan_of_the_same_device_is_ended(line: Line, tmp_path: Path) -> None:
    """This one names process 1 as its bridge, which is not its parent: so it counts as left behind."""
    other_board, other_line = os.openpty()
    try:
        for elsewhere in (os.ttyname(other_line), str(tmp_path / "missing"), "socket://127.0.0.1:1"):
            assert orphan.end_orphans(elsewhere) == []
        assert line.process.poll() is None
        assert orphan.end_orphans(os.ttyname(line.line)) == [line.process.pid]
        assert line.process.wait(PATIENCE_S) == -signal.SIGKILL
    finally:
        os.close(other_board)
        os.close(other_line)
