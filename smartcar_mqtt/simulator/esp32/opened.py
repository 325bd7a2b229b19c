"""Whether somebody has a device file open, as the kernel tells it (inotify)."""

from __future__ import annotations

import ctypes
import os
import struct

_IN_CLOSE_WRITE, _IN_CLOSE_NOWRITE, _IN_OPEN = 0x08, 0x10, 0x20
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ_BYTES = 4096


class OpenCount:
    """Counts who opens and closes a file from now on; descriptors that are open already do not count."""

    def __init__(self, path: str) -> None:
        """Begin to watch.

        Raises:
            OSError: the kernel has no watch to give.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        """Readable when there is something for `update`."""
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be had")
        mask = _IN_CLOSE_WRITE | _IN_CLOSE_NOWRITE | _IN_OPEN
        if libc.inotify_add_watch(self.descriptor, os.fsencode(path), mask) < 0:
            error = ctypes.get_errno()
            os.close(self.descriptor)
            raise OSError(error, "cannot be watched", path)
        self.count = 0

    def update(self) -> bool:
        """Take in what has happened; True when meanwhile the last one who had it open has closed it."""
        left = False
        while True:
            try:
                events = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                return left
            while events:
                _, mask, _, name_bytes = _EVENT.unpack_from(events)
                events = events[_EVENT.size + name_bytes :]
                if mask & _IN_OPEN:
                    self.count += 1
                elif mask & (_IN_CLOSE_WRITE | _IN_CLOSE_NOWRITE):
                    self.count = max(0, self.count - 1)
                    left = left or self.count == 0

    def close(self) -> None:
        """Watch no longer."""
        os.close(self.descriptor)
