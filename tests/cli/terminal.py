"""A command on a terminal of its own: a real pseudo-terminal, of a chosen width."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence


def on_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 100, timeout_s: float = 60.0
) -> tuple[int, str]:
    """Run a command on a terminal until it ends; returns its exit code, and all that it has written there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=dict(environment), start_new_session=True
    )
    os.close(theirs)
    written = b""
    ends = time.monotonic() + timeout_s
    try:
        while (time.monotonic() < ends and select.select([ours], [], [], 0.5)[0]) or process.poll() is None:
            if not select.select([ours], [], [], 0.1)[0]:
                assert time.monotonic() < ends, written[-2000:]
                continue
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: the last process on it has ended
                break
            if not part:
                break
            written += part
        return process.wait(10), written.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
