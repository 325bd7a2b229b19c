"""One end of a pseudo-terminal that passes for a serial port, and a link with a stable name to the other end."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import termios
import tty
from pathlib import Path

READ_BYTES = 4096
STALE_BYTES = 3072  # so much unread means that nobody reads; the kernel keeps 4096


class PseudoTerminal:
    """A raw serial line without echo; not for several threads at once.

    The reader's end is held open here as well, so that readers may come and go without the writer noticing.
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
        self._rest = b""
        self.lost_bytes = 0
        try:
            tty.setraw(self._slave)
            os.set_blocking(self.master, False)
            self.device = os.ttyname(self._slave)
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
        """Whether the rest of a line waits until the reader has made room."""
        return bool(self._rest)

    def read(self) -> bytes:
        """What the reader's side has written since the last call; empty if nothing."""
        received = bytearray()
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.master, READ_BYTES):
                received += chunk
                if len(chunk) < READ_BYTES:
                    break
        return bytes(received)

    def write(self, data: bytes, *, burst: bool = False) -> None:
        """Send without waiting.

        A UART does not wait for its reader: what finds no room is lost, except the rest of a line that has begun; it
        is counted in `lost_bytes`. With nobody reading, nothing is sent at all, so that a later reader does not begin
        with old lines; a `burst` may fill the kernel's buffers to the brim instead.
        """
        self._flush_rest()
        if self._rest or (not burst and self._unread_bytes() > STALE_BYTES):
            self.lost_bytes += len(data)
            return
        written = self._try_write(data)
        if 0 < written < len(data):
            line_end = max(written, data.find(b"\n", written - 1) + 1)
            self._rest = data[written:line_end]
            written = line_end
        self.lost_bytes += len(data) - written

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

    def _flush_rest(self) -> None:
        if self._rest:
            self._rest = self._rest[self._try_write(self._rest) :]

    def _try_write(self, data: bytes) -> int:
        if not data:
            return 0
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def _unread_bytes(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, count)
        return count[0]
