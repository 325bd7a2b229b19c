"""A keeper that a killed bridge has left behind, frozen: it holds the lock of the serial port, and must be ended.

Nothing is ended that is not certainly such a one: it runs the keeper's program, it holds this very device, and the
bridge that started it has ended, since the kernel has given it another parent. A descriptor of the process is held
while that is looked at, so that what is ended is what was looked at.
"""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

from bridges.motion.keeper.supervisor import PROGRAM

END_S = 2.0
PLACE = "/".join(PROGRAM.parts[-4:])
"""How the program is called in the list of processes, whatever directory it was installed to."""


def end_orphans(device: str) -> list[int]:
    """End all keepers of this device whose bridge has ended; their process numbers."""
    try:
        wanted = Path(device).stat()
    except OSError:
        return []
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _end_if_orphan(int(entry.name), wanted)
    ]


def _end_if_orphan(pid: int, wanted: os.stat_result) -> bool:
    try:
        if not _arguments(pid):
            return False
        process = os.pidfd_open(pid)
    except OSError:
        return False  # it has ended meanwhile, or is another user's
    try:
        arguments = _arguments(pid)
        if not arguments or not _holds(pid, int(arguments[0]), wanted) or _parent(pid) == int(arguments[3]):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], END_S)
    except OSError:
        return False
    finally:
        os.close(process)
    return True


def _arguments(pid: int) -> list[str]:
    """What the keeper's program was started with; empty for any other program."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    place = next((number for number, word in enumerate(words) if f"/{word}".endswith(f"/{PLACE}")), None)
    if place is None or "python" not in Path(words[0]).name or len(words) != place + 5:
        return []
    arguments = words[place + 1 :]
    return arguments if arguments[0].isdigit() and arguments[3].isdigit() else []


def _holds(pid: int, descriptor: int, wanted: os.stat_result) -> bool:
    """Whether that descriptor of the process is this device."""
    found = Path(f"/proc/{pid}/fd/{descriptor}").stat()
    return (found.st_dev, found.st_ino, found.st_rdev) == (wanted.st_dev, wanted.st_ino, wanted.st_rdev)


def _parent(pid: int) -> int:
    """The process that it belongs to; the kernel gives it another one when that has ended."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
