"""The serial line: opened, read, written, lost and opened again.

Threads: one thread of the link's own opens and reads; it calls `on_line`, `on_gap`, `on_up` and `on_down`. The keeper's
thread calls `on_keeper` and `on_keeper_stop`. `write` and `watch_move` may be called from any thread; one lock keeps
lines whole. Nothing is queued: a line is written by the thread that wants it written.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import threading
from collections.abc import Callable
from typing import Any

import serial

from bridges.motion.keeper.orphan import end_orphans
from bridges.motion.keeper.supervisor import NO_DESCRIPTOR, STARTING, Keeper, KeeperLostError
from bridges.motion.serial_line.protocol import STOP_LINE, BadLineError, Banner, Line, LineSplitter, parse_line
from smartcar_mqtt.clock import Backoff, Clock

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 0.2
READ_TIMEOUT_S = 0.1
"""The reading thread looks at the clock so often, so that it can tell a silent line from a time in which it was not
served."""
LONGEST_GAP_S = 0.3
"""Lines that may have waited longer than this for the reading thread are not taken for news."""
IDLE_S = 0.02
"""A line that is silent for so long has nothing left from before: the firmware rests 50 ms in each of its loops."""
MOST_READ_BYTES = 4096
"""Bytes that are taken at once."""
MOST_NEW_BYTES = 512
"""One loop of the firmware sends less."""
LONGEST_CATCH_UP_S = 1.0
"""So much reading, without a pause that long, has emptied every buffer."""
KEEPER_START_S = 1.0
"""How long the line waits for its keeper before it counts as open; without one the car does not move."""
FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 2.0
HELLO = STOP_LINE * 2
"""First bytes on a line that was just opened: twice, because the ESP32 may still hold half a line, which the first
STOP then completes (to "FORWARDSTOP", say, which that firmware takes for FORWARD)."""


class LinkDownError(Exception):
    """Nothing can be written: the serial line is not open."""


class SerialLink:
    """A serial line that comes back by itself.

    Args:
        device: path or pyserial address.
        baud: bits a second.
        clock: the time.
        on_line: called with each intact line, and when it was read.
        on_bad_line: called for each damaged one.
        on_gap: called with the seconds for which the reading thread was not served: what was known is old, and what
            has come meanwhile is thrown away.
        on_up: called when the line is open and STOP has been written.
        on_down: called with the reason when it is lost, and when it cannot be opened.
        on_keeper: called with "" when the keeper is there, and with the reason when there is none any more.
        on_keeper_stop: called with the reason when the keeper has written STOP by itself.
    """

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
        self.device = device
        self.baud = baud
        self.received_bytes = 0
        """Whatever has come, intact or not."""
        self._clock = clock
        self._on_line = on_line
        self._on_bad_line = on_bad_line
        self._on_gap = on_gap
        self._on_up = on_up
        self._on_down = on_down
        self._on_keeper = on_keeper
        self._on_keeper_stop = on_keeper_stop
        self._port: Any = None
        self._keeper: Keeper | None = None
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._standing = True
        self._thread = threading.Thread(target=self._run, name="serial", daemon=True)

    @property
    def is_open(self) -> bool:
        """Whether lines can be written."""
        return self._port is not None

    @property
    def alive(self) -> bool:
        """Whether the thread that opens and reads is at work."""
        return self._thread.is_alive()

    @property
    def keeper_watched(self) -> bool:
        """Whether the thread that watches the keeper is at work, where there is one."""
        keeper = self._keeper
        return keeper is None or keeper.alive

    def open(self) -> None:
        """Begin to open the device; returns at once."""
        self._thread.start()

    def close(self, *, standing: bool = True) -> None:
        """Write STOP, close the device, end the thread.

        Args:
            standing: whether the car certainly stands; otherwise the keeper repeats STOP until that is confirmed.
        """
        self._standing = standing
        self._stopping.set()
        try:
            self.write(STOP_LINE)
        except LinkDownError as error:
            log.info("no STOP at the end: %s", error)
        port = self._port
        if port is not None and hasattr(port, "cancel_read"):
            port.cancel_read()
        if self._thread.is_alive():
            self._thread.join(READ_TIMEOUT_S + 2 * WRITE_TIMEOUT_S)

    def write(self, lines: bytes) -> None:
        """Write lines now.

        Raises:
            LinkDownError: they could not be written; the link is then opened anew.
        """
        with self._writing:
            port = self._port
            if port is None:
                raise LinkDownError(f"no serial link to the ESP32 at {self.device}")
            try:
                port.write(lines)
            except (serial.SerialException, OSError) as error:
                self._port = None  # the reader sees it, closes the port and opens it again
                if hasattr(port, "cancel_read"):
                    port.cancel_read()
                raise LinkDownError(f"the serial link at {self.device} does not take data: {error}") from None

    def watch_move(self, seconds: float) -> None:
        """Have the keeper stop the car should nothing more be heard of this process for longer than `seconds`.

        Raises:
            KeeperLostError: there is none that answers; the move must not be written.
        """
        keeper = self._keeper
        if keeper is None:
            raise KeeperLostError(
                f"no serial link to the ESP32 at {self.device}" if self._port is None else NO_DESCRIPTOR
            )
        keeper.moving(seconds)

    def end_watch(self) -> None:
        """The car stands: the keeper need not look at the time."""
        keeper = self._keeper
        if keeper is not None:
            keeper.still()

    def _run(self) -> None:
        backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        reported = ""
        while not self._stopping.is_set():
            try:
                port = self._open()
            except (serial.SerialException, OSError, ValueError) as error:
                reason = explain(self.device, error)
                if reason != reported:
                    reported = reason
                    log.error("%s; trying again", reason)
                self._on_down(reason)
                self._stopping.wait(backoff.next_s())
                continue
            opened_at = self._clock.monotonic()
            reported = ""
            log.info("serial link to %s is open", self.device)
            try:
                self._on_up()
                self._read(port)
            except (serial.SerialException, OSError, TypeError) as error:  # TypeError: pyserial's own, on a closed port
                reason = explain(self.device, error)
                log.error("%s; trying again", reason)
                self._on_down(reason)
            finally:
                self._close(port)
            if self._clock.monotonic() - opened_at > LONGEST_RETRY_S:
                backoff.reset()
            # A line that opens and fails at once, each time with a keeper of its own, shall not keep the Pi busy.
            self._stopping.wait(max(FIRST_RETRY_S, backoff.next_s()))

    def _open(self) -> Any:
        try:
            port = self._open_port()
        except (serial.SerialException, OSError) as error:
            if not is_locked(error):
                raise
            ended = end_orphans(self.device)
            if not ended:
                raise
            log.warning(
                "the keeper that a killed bridge had left at %s was ended, to have the line: process %s",
                self.device,
                ", ".join(map(str, ended)),
            )
            port = self._open_port()
        try:
            port.write(HELLO)
            self._keeper = self._start_keeper(port)
        except BaseException:
            port.close()
            raise
        with self._writing:
            self._port = port
        return port

    def _open_port(self) -> Any:
        options: dict[str, Any] = {} if "://" in self.device else {"exclusive": True}
        return serial.serial_for_url(
            self.device, self.baud, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, **options
        )

    def _start_keeper(self, port: Any) -> Keeper | None:
        descriptor = descriptor_of(port)
        if descriptor is None:
            self._on_keeper(NO_DESCRIPTOR)
            log.error("%s: %s", self.device, NO_DESCRIPTOR)
            return None
        self._on_keeper(STARTING)
        keeper = Keeper(descriptor, self.device, on_change=self._on_keeper, on_stop=self._on_keeper_stop)
        keeper.wait_ready(KEEPER_START_S)
        return keeper

    def _read(self, port: Any) -> None:
        splitter = LineSplitter()
        looked_at = self._clock.monotonic()
        catching_up_since: float | None = looked_at
        """What was there when the line was opened, or has come in a gap, is old."""
        while not self._stopping.is_set():
            if self._port is not port:
                raise serial.SerialException("writing failed")
            asked_at = self._clock.monotonic()
            received = receive(port)
            waited_s = self._clock.monotonic() - asked_at
            # Taken after reading, so that a freeze between the two makes the lines too old rather than too young; they
            # can have waited since the last look, for that one had emptied the buffer.
            now = self._clock.monotonic()
            gap_s, looked_at = now - looked_at, now
            self.received_bytes += len(received)
            if gap_s > LONGEST_GAP_S:
                catching_up_since = now
                splitter.clear()
                self._on_gap(gap_s)
            elif catching_up_since is not None and (
                (waited_s >= IDLE_S and len(received) <= MOST_NEW_BYTES) or now - catching_up_since > LONGEST_CATCH_UP_S
            ):
                catching_up_since = None
                splitter.clear()
            for line in splitter.feed(received):
                self._take(line, now, old=catching_up_since is not None)

    def _take(self, line: bytes | None, now: float, *, old: bool) -> None:
        """One line, None: too long; of those that have waited too long only the news of a restart counts."""
        try:
            parsed = None if line is None else parse_line(line)
        except BadLineError:
            parsed = None
        if parsed is not None and (not old or isinstance(parsed, Banner)):
            self._on_line(parsed, now)
        elif parsed is None and not old:
            self._on_bad_line(line or b"")

    def _close(self, port: Any) -> None:
        with self._writing:
            self._port = None
            try:
                port.write(STOP_LINE)
            except (serial.SerialException, OSError, TypeError) as error:
                log.debug("no STOP before closing %s: %s", self.device, error)
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.dismiss(stop=self._stopping.is_set() and not self._standing)
        try:
            port.close()
        except OSError as error:
            log.debug("closing %s: %s", self.device, error)


def receive(port: Any) -> bytes:
    """What has come, after waiting for its first byte for at most READ_TIMEOUT_S.

    A device is read past pyserial, in one call instead of four: frames come twenty times a second for as long as the
    car is on.
    """
    abort = getattr(port, "pipe_abort_read_r", None)
    if abort is None:  # on a network, say
        received: bytes = port.read(1)
        waiting = port.in_waiting if received else 0
        return received + port.read(waiting) if waiting else received
    descriptor = port.fileno()
    ready, _, _ = select.select([descriptor, abort], [], [], READ_TIMEOUT_S)
    if abort in ready:
        os.read(abort, 1000)
        return b""
    if not ready:
        return b""
    data = os.read(descriptor, MOST_READ_BYTES)
    if not data:
        raise serial.SerialException("the device is ready to be read and returned no data")
    return data


def descriptor_of(port: Any) -> int | None:
    """The descriptor through which lines can be written to this port past pyserial; None where there is none."""
    for holder in (port, getattr(port, "_socket", None)):
        found: Any = holder
        try:
            return int(found.fileno())
        except (AttributeError, OSError, ValueError):
            continue
    return None


def is_locked(error: Exception) -> bool:
    """Whether the device cannot be opened because another program has it."""
    return getattr(error, "errno", None) == errno.EBUSY or "exclusively lock" in str(error)


def explain(device: str, error: Exception) -> str:
    """Why the device cannot be used, and what to do."""
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT:
        return f"serial device {device} is not there; is the ESP32 plugged in, and is motion.device right?"
    if number in {errno.EACCES, errno.EPERM}:
        return (
            f"no permission for serial device {device}; run: sudo usermod -aG dialout $USER, then log out and in again"
        )
    if is_locked(error):
        return f"serial device {device} is in use by another program; end that one first (two writers are never safe)"
    if number in {errno.EIO, errno.ENXIO, errno.ENODEV} or "returned no data" in text:
        return f"serial device {device} was unplugged"
    return f"serial device {device} fails: {text}"
