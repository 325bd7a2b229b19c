"""The serial line itself: who else may have it, what happens when it fails, what people are told."""

from __future__ import annotations

import errno
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from bridges.motion.keeper.supervisor import NO_DESCRIPTOR, KeeperLostError
from bridges.motion.serial_line import link as link_module
from bridges.motion.serial_line.link import FIRST_RETRY_S, HELLO, LinkDownError, SerialLink, explain
from bridges.motion.serial_line.protocol import Banner, Frame
from smartcar_mqtt.clock import SystemClock
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from tests.support.serial_port import open_port
from tests.support.watched_world import WatchedWorld

PATIENCE_S = 4.0


class Watched:
    """A link whose calls can be waited for."""

    def __init__(self, device: str) -> None:
        self.ups: queue.Queue[float] = queue.Queue()
        self.downs: queue.Queue[str] = queue.Queue()
        self.lines: queue.Queue[object] = queue.Queue()
        self.gaps: queue.Queue[float] = queue.Queue()
        self.keepers: queue.Queue[str] = queue.Queue()
        self.link = SerialLink(
            device,
            115200,
            clock=SystemClock(),
            on_line=lambda line, _: self.lines.put(line),
            on_bad_line=lambda _: None,
            on_gap=self.gaps.put,
            on_up=lambda: self.ups.put(time.monotonic()),
            on_down=self.downs.put,
            on_keeper=self.keepers.put,
            on_keeper_stop=lambda _: None,
        )


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[SerialTwin]:
    with SerialTwin(WatchedWorld(), link=tmp_path / "esp32") as twin:
        yield twin


@pytest.fixture
def watch() -> Iterator[Callable[[str], Watched]]:
    made: list[Watched] = []

    def make(device: str) -> Watched:
        made.append(Watched(device))
        made[-1].link.open()
        return made[-1]

    yield make
    for each in made:
        each.link.close()


class BrokenPort:
    """A port that opens and fails at the first read, as a line does whose other end hangs up at once."""

    in_waiting = 0

    def __init__(self, written: list[bytes]) -> None:
        self._written = written

    def write(self, data: bytes) -> int:
        self._written.append(data)
        return len(data)

    def read(self, _count: int) -> bytes:
        raise serial.SerialException("socket disconnected")

    def close(self) -> None:
        """Nothing to close."""


def test_nobody_else_may_have_the_line(twin: SerialTwin, watch: Callable[[str], Watched]) -> None:
    with open_port(twin.device):
        watched = watch(twin.device)
        assert "in use by another program" in watched.downs.get(timeout=PATIENCE_S)
    watched.ups.get(timeout=PATIENCE_S)
    with pytest.raises(serial.SerialException, match="exclusively lock"):
        open_port(twin.device)


def test_a_line_that_is_not_there_is_tried_again(
    twin: SerialTwin, tmp_path: Path, watch: Callable[[str], Watched]
) -> None:
    later = tmp_path / "later"
    watched = watch(str(later))
    assert "is not there" in watched.downs.get(timeout=PATIENCE_S)
    with pytest.raises(LinkDownError, match="no serial link"):
        watched.link.write(b"STOP\n")
    later.symlink_to(twin.device)
    watched.ups.get(timeout=PATIENCE_S)
    twin.wait_for("STOP", since=1)
    watched.lines.get(timeout=PATIENCE_S)


def test_a_line_that_fails_at_once_does_not_keep_the_pi_busy(
    monkeypatch: pytest.MonkeyPatch, watch: Callable[[str], Watched]
) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(serial, "serial_for_url", lambda *_, **__: BrokenPort(written))
    watched = watch("socket://127.0.0.1:1")
    times = [watched.ups.get(timeout=PATIENCE_S) for _ in range(3)]
    assert times[2] - times[0] >= 2 * FIRST_RETRY_S * 0.95
    assert "socket disconnected" in watched.downs.get(timeout=PATIENCE_S)
    assert written[:3] == [HELLO, b"STOP\n", HELLO]


def test_a_write_that_fails_opens_the_line_anew(twin: SerialTwin, watch: Callable[[str], Watched]) -> None:
    watched = watch(twin.device)
    watched.ups.get(timeout=PATIENCE_S)
    port: Any = watched.link._port

    def fail(_: bytes) -> int:
        raise serial.SerialTimeoutException("Write timeout")

    port.write = fail
    with pytest.raises(LinkDownError, match="does not take data"):
        watched.link.write(b"FORWARD\n")
    assert "writing failed" in watched.downs.get(timeout=PATIENCE_S)
    watched.ups.get(timeout=PATIENCE_S)
    watched.link.write(b"STATUS\n")
    twin.wait_for("STATUS")
    assert [each.line for each in twin.received] == ["STOP"] * 4 + ["STATUS"]


def test_closing_writes_stop_and_frees_the_line(twin: SerialTwin, watch: Callable[[str], Watched]) -> None:
    watched = watch(twin.device)
    watched.ups.get(timeout=PATIENCE_S)
    watched.link.close()
    assert not watched.link.alive
    twin.wait_for("STOP", since=2)
    with pytest.raises(LinkDownError):
        watched.link.write(b"FORWARD\n")
    open_port(twin.device).close()
    assert {each.line for each in twin.received} == {"STOP"}


def frames_of(watched: Watched) -> list[Frame]:
    """Those that have come until now."""
    found = [watched.lines.get_nowait() for _ in range(watched.lines.qsize())]
    return [each for each in found if isinstance(each, Frame)]


def hold_up(watched: Watched, twin: SerialTwin, seconds: float) -> None:
    """Keep the reading thread from being served for a while, as a freeze of the machine does."""
    receive, held = link_module.receive, threading.Event()

    def late(port: object) -> bytes:
        link_module.receive = receive
        held.wait(seconds)
        return receive(port)

    link_module.receive = late


def test_what_waited_in_the_kernel_while_nobody_read_is_no_news(
    twin: SerialTwin, watch: Callable[[str], Watched]
) -> None:
    watched = watch(twin.device)
    watched.lines.get(timeout=PATIENCE_S)
    twin.change(lambda world: world.block_way(15))  # type: ignore[attr-defined]
    hold_up(watched, twin, 1.5)
    time.sleep(0.5)
    frames_of(watched)  # those from before
    twin.change(lambda world: world.remove_obstacle("thing"))
    assert watched.gaps.get(timeout=PATIENCE_S) == pytest.approx(1.5, abs=0.5)
    first = watched.lines.get(timeout=PATIENCE_S)
    while not isinstance(first, Frame):
        first = watched.lines.get(timeout=PATIENCE_S)
    assert not first.warning, "the frames that tell of the obstacle are thrown away: they are from before"


def test_a_short_delay_is_no_gap(twin: SerialTwin, watch: Callable[[str], Watched]) -> None:
    watched = watch(twin.device)
    watched.lines.get(timeout=PATIENCE_S)
    hold_up(watched, twin, 0.05)
    for _ in range(5):
        watched.lines.get(timeout=PATIENCE_S)
    assert watched.gaps.empty()


def test_a_silent_line_is_no_gap(twin: SerialTwin, watch: Callable[[str], Watched]) -> None:
    watched = watch(twin.device)
    watched.lines.get(timeout=PATIENCE_S)
    twin.silence()
    time.sleep(1.0)
    twin.reboot()
    twin.silence(False)
    while not isinstance(watched.lines.get(timeout=PATIENCE_S), Banner):
        pass
    assert watched.gaps.empty()


def test_a_restart_is_heard_even_in_a_gap(twin: SerialTwin, watch: Callable[[str], Watched]) -> None:
    watched = watch(twin.device)
    watched.lines.get(timeout=PATIENCE_S)
    hold_up(watched, twin, 1.5)
    time.sleep(0.3)
    twin.reboot()
    while not isinstance(watched.lines.get(timeout=PATIENCE_S), Banner):
        pass


def test_a_line_over_the_network_has_a_keeper_too(watch: Callable[[str], Watched]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        watched = watch(f"socket://127.0.0.1:{server.getsockname()[1]}")
        board, _ = server.accept()
        with board:
            watched.ups.get(timeout=PATIENCE_S)
            watched.link.watch_move(0.1)
            board.settimeout(PATIENCE_S)
            received = b""
            while received.count(b"STOP\n") < 4:  # two at the beginning; two when the move is over
                received += board.recv(100)


def test_a_line_that_no_keeper_can_hold_does_not_move_the_car(watch: Callable[[str], Watched]) -> None:
    watched = watch("loop://")
    watched.ups.get(timeout=PATIENCE_S)
    assert watched.keepers.get(timeout=PATIENCE_S) == NO_DESCRIPTOR
    with pytest.raises(KeeperLostError, match="cannot be held by a keeper"):
        watched.link.watch_move(1)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.ENOENT, "no"), "is the ESP32 plugged in"),
        (OSError(errno.EACCES, "no"), "usermod -aG dialout"),
        (OSError(errno.EBUSY, "no"), "end that one first"),
        (serial.SerialException("Could not exclusively lock port x"), "end that one first"),
        (OSError(errno.EIO, "no"), "was unplugged"),
        (serial.SerialException("device reports readiness but returned no data"), "was unplugged"),
        (ValueError("invalid URL"), "fails: invalid URL"),
    ],
)
def test_people_are_told_what_to_do(error: Exception, advice: str) -> None:
    explained = explain("/dev/serial0", error)
    assert explained.startswith(("serial device /dev/serial0", "no permission for serial device /dev/serial0"))
    assert advice in explained
