"""What becomes of the board's lines when nobody takes them: a closed port loses them, an open one keeps them."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartcar_mqtt.simulator.esp32.pseudo_terminal import BACKLOG_BYTES, PseudoTerminal
from tests.support.serial_port import open_port

LINE = b"DATA:%06d" + b"." * 70 + b"\r\n"
LINE_BYTES = len(LINE % 0)


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal()
    yield terminal
    terminal.close()


def numbers(data: bytes) -> list[int]:
    assert data == b"" or data.endswith(b"\r\n")
    assert all(line.startswith(b"DATA:") and len(line) == LINE_BYTES - 2 for line in data.split(b"\r\n")[:-1])
    return [int(line[5:11]) for line in data.split(b"\r\n")[:-1]]


def take_all(terminal: PseudoTerminal, descriptor: int) -> bytes:
    """Read until the terminal has nothing more to give and the kernel has passed everything on."""
    data = bytearray()
    while True:
        terminal.write()
        if select.select([descriptor], [], [], 0.2)[0]:
            data += os.read(descriptor, 65536)
        elif not terminal.blocked:
            return bytes(data)


def test_an_open_port_that_is_not_read_keeps_a_minute_of_lines(terminal: PseudoTerminal) -> None:
    with open_port(terminal.device) as port:
        for number in range(1140):  # 60 s at 19 a second
            terminal.write(LINE % number)
        assert terminal.lost_bytes == 0
        assert numbers(take_all(terminal, port.fileno())) == list(range(1140))


def test_beyond_what_linux_keeps_whole_lines_are_lost(terminal: PseudoTerminal) -> None:
    with open_port(terminal.device) as port:
        count = BACKLOG_BYTES // LINE_BYTES + 2000
        for number in range(count):
            terminal.write(LINE % number)
        kept = numbers(take_all(terminal, port.fileno()))
        assert kept == list(range(len(kept)))
        assert terminal.lost_bytes == (count - len(kept)) * LINE_BYTES > 0
        assert len(kept) * LINE_BYTES >= BACKLOG_BYTES - LINE_BYTES


def test_a_closed_port_loses_everything_and_a_later_reader_begins_with_new_lines(terminal: PseudoTerminal) -> None:
    terminal.write(LINE % 1)
    with open_port(terminal.device):
        for number in range(500):  # more than the kernel keeps, so that some of it waits here
            terminal.write(LINE % number)
        assert terminal.blocked
    assert select.select([terminal.master], [], [], 1)[0], "the twin's thread is told"
    assert not terminal.open
    assert not terminal.blocked
    assert terminal.read() == b""
    assert terminal.awaited == [terminal.opening], "or the thread would not sleep any more"
    terminal.write(LINE % 2)
    with open_port(terminal.device) as port:
        time.sleep(0.1)
        terminal.write(LINE % 3)
        assert numbers(take_all(terminal, port.fileno())) == [3]


def test_a_port_stays_open_until_the_last_of_its_readers_closes_it(terminal: PseudoTerminal) -> None:
    first = os.open(terminal.device, os.O_RDWR | os.O_NOCTTY)
    second = os.open(terminal.device, os.O_RDWR | os.O_NOCTTY)
    inherited = os.dup(second)
    os.close(first)
    os.close(second)
    terminal.write(LINE % 7)
    assert numbers(take_all(terminal, inherited)) == [7]
    os.close(inherited)
    terminal.write(LINE % 8)
    assert terminal.lost_bytes == LINE_BYTES


@pytest.mark.parametrize("looked", [False, True])
def test_what_a_short_visitor_wrote_is_read_after_it_has_gone(terminal: PseudoTerminal, looked: bool) -> None:
    with Path(terminal.device).open("wb", buffering=0) as port:
        if looked:
            assert terminal.read() == b""
        port.write(b"STOP\n")
    assert select.select(terminal.awaited, [], [], 1)[0], "though nobody has it open any more"
    assert terminal.read() == b"STOP\n"
    assert terminal.read() == b""
    assert not select.select(terminal.awaited, [], [], 0)[0], "or the thread would not sleep any more"
