"""One end of a pseudo-terminal that passes for a serial port, and a link with a stable name to the other end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import tty
from pathlib import Path

READ_BYTES = 4096
BACKLOG_BYTES = 655_360
"""What Linux keeps of a serial port for a program that has it open and does not read, besides the 4 kB of the port's
own buffer (TTYB_DEFAULT_MEM_LIMIT in drivers/tty/tty_buffer.c); the kernel's pseudo-terminals alone keep 12 kB."""
_IN_OPEN = 0x20


class PseudoTerminal:
    """A raw serial line without echo; not for several threads at once.

    It treats its reader as Linux treats one of a UART: while nobody has the port open, what comes is lost, and a later
    reader begins with new lines; while somebody has it open and does not read, such as a frozen process, everything is
    kept for it. Readers may come and go.
    """

    def __init__(self, link: Path | None = None) -> None:
        """Open it and let `link` point to it.

        Raises:
            FileExistsError: there is something at `link` that is not a link.
            OSError: no pseudo-terminal can be had, or the link cannot be made.
        """
        if link is not None and link.exists() and not link.is_symlink():
            raise FileExistsError(f"{link} is not a link: name a path for the serial port that is free")
        self.master, slave = os.openpty()
        self._link = link
        self._backlog = bytearray()
        self._was_open = False
        self._all_read = True  # nobody has it open, and what they wrote before they closed it has been read
        self.lost_bytes = 0
        self.opening = -1
        """Readable when somebody may have opened the port since the last `read`."""
        try:
            tty.setraw(slave)
            os.set_blocking(self.master, False)
            self.device = os.ttyname(slave)
            self.opening = _watch_opening(self.device)
            os.close(slave)  # from now on the kernel says of `master` whether anybody has the other end open
            slave = -1
            self._poll = select.poll()
            self._poll.register(self.master, 0)
            if link is not None:
                fresh = link.with_name(f".{link.name}.{os.getpid()}")
                fresh.unlink(missing_ok=True)
                fresh.symlink_to(self.device)
                fresh.replace(link)  # in one move: a reader sees the old port or the new one
        except OSError:
            for descriptor in (self.master, slave, self.opening):
                if descriptor >= 0:
                    os.close(descriptor)
            raise

    @property
    def open(self) -> bool:
        """Whether somebody has the port open."""
        is_open = not any(events & select.POLLHUP for _, events in self._poll.poll(0))
        if self._was_open and not is_open:
            self._forget()
        self._was_open = is_open
        return is_open

    @property
    def awaited(self) -> list[int]:
        """Descriptors that become readable when there may be something to `read`."""
        return [self.opening] if self._all_read else [self.opening, self.master]

    @property
    def blocked(self) -> bool:
        """Whether something waits until the reader has made room."""
        return bool(self._backlog)

    def read(self) -> bytes:
        """What the reader's side has written since the last call; empty if nothing."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.opening, READ_BYTES)
        closed = not self.open
        received = bytearray()
        with contextlib.suppress(OSError):  # nothing more, or nobody has it open any more
            while chunk := os.read(self.master, READ_BYTES):
                received += chunk
                if len(chunk) < READ_BYTES:
                    break
        self._all_read = closed
        return bytes(received)

    def write(self, data: bytes = b"") -> None:
        """Send without waiting, what waits from earlier first.

        A UART does not wait for its reader: what finds no room is lost, whole lines here, and counted in `lost_bytes`.
        """
        if not self.open:
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
        os.close(self.master)
        os.close(self.opening)

    def _forget(self) -> None:
        """The last reader has closed the port: what it has not read is lost, in the kernel too."""
        self.lost_bytes += len(self._backlog)
        self._backlog.clear()
        # Our own opening shows in `opening` too: a `read` for nothing, no more.
        slave = os.open(self.device, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            with contextlib.suppress(BlockingIOError):
                while chunk := os.read(slave, READ_BYTES):
                    self.lost_bytes += len(chunk)
        finally:
            os.close(slave)


def _watch_opening(path: str) -> int:
    """A descriptor that becomes readable when somebody opens this file: the kernel's inotify."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify cannot be had: are too many files watched?")
    if libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_OPEN) < 0:
        error = ctypes.get_errno()
        os.close(descriptor)
        raise OSError(error, "cannot be watched", path)
    return descriptor
