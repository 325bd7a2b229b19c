"""Where running demos say how they can be reached, so that `smartcar drive` and its like find one without options.

Each demo writes a file of its own: the end of one takes no other one's away, and of several the newest is meant.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json


class DemoRecord(msgspec.Struct, frozen=True):
    """One running demo."""

    pid: Annotated[int, Meta(ge=1)]
    born: str
    """When the process began, as the kernel counts: another process may get its number."""
    host: Annotated[str, Meta(min_length=1, max_length=255)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    serial: str = ""
    started_at: float = 0.0
    """Seconds since 1970."""


def folders() -> list[Path]:
    """Where records may be: $XDG_RUNTIME_DIR, the usual one of this user, the one for temporary files.

    The variable may name a folder that is not there or another user's (`su` and `sudo` keep it), and `ssh` or cron may
    not set it at all.
    """
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    found = [Path(named)] if named else []
    found.append(Path(f"/run/user/{os.getuid()}"))
    with contextlib.suppress(OSError):  # no folder for temporary files at all
        found.append(Path(tempfile.gettempdir()))
    return list(dict.fromkeys(found))


def birth_of(process_id: int) -> str:
    """When a process began, in the kernel's ticks since the start of the machine; empty where there is none.

    Source: proc(5), field 22 of /proc/PID/stat; the name in field 2 may hold blanks and brackets.
    """
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return fields.split()[19]
    except (OSError, IndexError):
        return ""


def publish(host: str, port: int, serial: str) -> Path | None:
    """Write the record of this process's demo.

    Returns:
        The file; None where there is no folder to write to, so that commands must name the broker.
    """
    me = os.getpid()
    record = DemoRecord(me, birth_of(me), host, port, serial, time.time())
    for folder in folders():
        path = folder / f"smartcar-demo-{os.getuid()}-{me}.json"
        fresh = path.with_suffix(".new")
        try:
            if folder.stat().st_uid != os.getuid() and not folder.stat().st_mode & stat.S_ISVTX:
                continue  # somebody else's folder, in which he could exchange the file
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(record))
            fresh.replace(path)
        except OSError:
            continue
        return path
    return None


def running_demo() -> DemoRecord | None:
    """The newest demo of this user that runs on this machine."""
    found = []
    for folder in folders():
        with contextlib.suppress(OSError):
            found += [read(path) for path in folder.glob(f"smartcar-demo-{os.getuid()}-*.json")]
    running = [record for record in found if record is not None and birth_of(record.pid) == record.born != ""]
    return max(running, key=lambda record: record.started_at, default=None)


def read(path: Path) -> DemoRecord | None:
    """One record; None where it is damaged or somebody else's."""
    try:
        status = path.lstat()
        if status.st_uid != os.getuid() or not stat.S_ISREG(status.st_mode):
            return None  # somebody else's file in a folder that all may write to
        return decode_json(path.read_bytes(), DemoRecord)
    except (OSError, DecodingError):
        return None
