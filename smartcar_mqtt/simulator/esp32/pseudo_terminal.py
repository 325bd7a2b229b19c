"""One end of a pseudo-terminal that passes for a serial port, and a link with a stable name to the other end."""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path

from smartcar_mqtt.simulator.esp32.opened import OpenCount

READ_BYTES = 4096
BACKLOG_BYTES = 655_360
"""What Linux keeps of a serial port for a program that has it open and does not read, besides the 4 kB of the port's
own buffer (TTYB_DEFAULT_MEM_LIMIT in drivers/tty/tty_buffer.c); the kernel's pseudo-terminals alone keep 12 kB."""


class PseudoTerminal:
    """A raw serial line without echo; not for several threads at once.

    It treats its reader as Linux treats one of a UART: while nobody has the port open, what comes is lost, and a later
    reader begins with new lines; while somebody has it open and does not read, such as a frozen process, everything is
    kept for it. The reader's end is held open here as well, so that readers may come and go.
    """

    def __init__(self, link: Path | None = None) -> None:
        """Open it and let `link` point to it.

        Raises:
            FileExistsError: there is something at `link` that is not a link.
            OSError: no pseudo-terminal can be had, or the link cannot be made.
        """
        if link is not None and link.exists() and not link.is_symlink():
            raise FileExistsError(f"{link} is not a link: name a path for the serial port that is free")
        self.master, self._slave = os.openpty()
        self._link = link
        self._backlog = bytearray()
        self.lost_bytes = 0
        self.device = os.ttyname(self._slave)
        try:
            self._readers = OpenCount(self.device)
        except OSError:
            os.close(self.master)
            os.close(self._slave)
            raise
        try:
            tty.setraw(self._slave)
            os.set_blocking(self.master, False)
            os.set_blocking(self._slave, False)
            if link is not None:
                fresh = link.with_name(f".{link.name}.{os.getpid()}")
                fresh.unlink(missing_ok=True)
                fresh.symlink_to(self.device)
                fresh.replace(link)  # in one move: a reader sees the old port or the new one
        except OSError:
            self._close_ends()
            raise

    @property
    def blocked(self) -> bool:
        """Whether something waits until the reader has made room."""
        return bool(self._backlog)

    @property
    def opened(self) -> int:
        """A descriptor that is readable when somebody has opened or closed the port: call `write` then."""
        return self._readers.descriptor

    def read(self) -> bytes:
        """What the reader's side has written since the last call; empty if nothing."""
        received = bytearray()
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.master, READ_BYTES):
                received += chunk
                if len(chunk) < READ_BYTES:
                    break
        return bytes(received)

    def write(self, data: bytes = b"") -> None:
        """Send without waiting, what waits from earlier first.

        A UART does not wait for its reader: what finds no room is lost, whole lines here, and counted in `lost_bytes`.
        """
        if self._readers.update():
            self._forget()
        if not self._readers.count:
            self.lost_bytes += len(data)
            return
        room = BACKLOG_BYTES - len(self._backlog)
        kept = len(data) if len(data) <= room else data.rfind(b"\n", 0, room) + 1
        self.lost_bytes += len(data) - kept
        self._backlog += data[:kept]
        with contextlib.suppress(BlockingIOError):
            while self._backlog:
                del self._backlog[: os.write(self.master, self._backlog[:READ_BYTES])]

    def close(self) -> None:
        """Hang up: the reader gets an error or an end of file, and the link is gone."""
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._link.readlink() == Path(self.device):  # not that of a later terminal
                    self._link.unlink()
        self._close_ends()

    def _close_ends(self) -> None:
        os.close(self.master)
        os.close(self._slave)
        self._readers.close()

    def _forget(self) -> None:
        """The last reader has closed the port: what it has not read is lost."""
        self.lost_bytes += len(self._backlog)
        self._backlog.clear()
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._slave, READ_BYTES):
                self.lost_bytes += len(chunk)
