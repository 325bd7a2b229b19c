"""The serial line: opened, read, written, lost and opened again.

Threads: one thread of the link's own opens and reads; it calls `on_line`, `on_up` and `on_down`. `write` may be called
from any thread; one lock keeps lines whole. Nothing is queued: a line is written by the thread that wants it written.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import Any

import serial

from bridges.motion.keeper import Keeper
from bridges.motion.protocol import STOP_LINE, BadLineError, Line, LineSplitter, parse_line
from smartcar_mqtt.clock import Backoff

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 0.2
READ_TIMEOUT_S = 0.5
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
        on_line: called with each intact line.
        on_bad_line: called for each damaged one.
        on_up: called when the line is open and STOP has been written.
        on_down: called with the reason when it is lost, and when it cannot be opened.
    """

    def __init__(
        self,
        device: str,
        baud: int,
        *,
        on_line: Callable[[Line], None],
        on_bad_line: Callable[[bytes], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
    ) -> None:
        self.device = device
        self.baud = baud
        self._on_line = on_line
        self._on_bad_line = on_bad_line
        self._on_up = on_up
        self._on_down = on_down
        self._port: Any = None
        self._keeper: Keeper | None = None
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serial", daemon=True)

    @property
    def is_open(self) -> bool:
        """Whether lines can be written."""
        return self._port is not None

    @property
    def alive(self) -> bool:
        """Whether the thread that opens and reads is at work."""
        return self._thread.is_alive()

    def open(self) -> None:
        """Begin to open the device; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Write STOP, close the device, end the thread."""
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

    def watch_move(self, now: float, seconds: float) -> None:
        """Have the keeper stop the car should nothing more be heard of this process for longer than `seconds`."""
        keeper = self._keeper
        if keeper is not None:
            keeper.moving(now, seconds)

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
            backoff.reset()
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
            self._stopping.wait(FIRST_RETRY_S)  # a line that opens and fails at once shall not keep the Pi busy

    def _open(self) -> Any:
        options: dict[str, Any] = {} if "://" in self.device else {"exclusive": True}
        port = serial.serial_for_url(
            self.device, self.baud, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, **options
        )
        try:
            port.write(HELLO)
            self._keeper = Keeper(port.fileno()) if "://" not in self.device else None
        except BaseException:
            port.close()
            raise
        with self._writing:
            self._port = port
        return port

    def _read(self, port: Any) -> None:
        splitter = LineSplitter()
        while not self._stopping.is_set():
            if self._port is not port:
                raise serial.SerialException("writing failed")
            received = port.read(1)  # waits for a line's first byte; the others have mostly come with it
            if received and (waiting := port.in_waiting):
                received += port.read(waiting)
            for line in splitter.feed(received):
                if line is None:
                    self._on_bad_line(b"")
                    continue
                try:
                    parsed = parse_line(line)
                except BadLineError:
                    self._on_bad_line(line)
                    continue
                self._on_line(parsed)

    def _close(self, port: Any) -> None:
        with self._writing:
            self._port = None
            try:
                port.write(STOP_LINE)
            except (serial.SerialException, OSError, TypeError) as error:
                log.debug("no STOP before closing %s: %s", self.device, error)
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.dismiss()
        try:
            port.close()
        except OSError as error:
            log.debug("closing %s: %s", self.device, error)


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
    if number == errno.EBUSY or "exclusively lock" in text:
        return f"serial device {device} is in use by another program; end that one first (two writers are never safe)"
    if number in {errno.EIO, errno.ENXIO, errno.ENODEV} or "returned no data" in text:
        return f"serial device {device} was unplugged"
    return f"serial device {device} fails: {text}"
