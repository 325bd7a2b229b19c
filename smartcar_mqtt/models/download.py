"""Download of one file: resumed after an interruption, and verified by its checksum.

Until it is complete, the file has `.part` behind its name; then it takes its place in one step.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from io import FileIO
from pathlib import Path

CHUNK_BYTES = 65_536
TIMEOUT_S = 30.0
"""Longest silence of the server."""
USER_AGENT = "smartcar-mqtt"
MOST_BYTES = 2_000_000_000
"""Largest file that is downloaded."""
ATTEMPTS = 3
"""Attempts in a row without progress before a download fails."""

Progress = Callable[[int, int], None]
"""Called with how many bytes are there and how many it will be."""


class DownloadError(Exception):
    """The file could not be downloaded; the text says why and what to do."""


class InterruptedTransferError(Exception):
    """The connection broke; what has come is kept."""


def download(
    url: str,
    target: Path,
    *,
    sha256: str,
    size: int | None,
    progress: Progress = lambda _done, _total: None,
    timeout_s: float = TIMEOUT_S,
) -> bool:
    """Download a file.

    Args:
        url: where it is.
        target: where it goes; folders are made.
        sha256: its checksum, in hexadecimal.
        size: its length in bytes; None asks the server.
        progress: is told how far it is.
        timeout_s: longest silence of the server.

    Returns:
        Whether anything was downloaded: False means that the right file was there already.

    Raises:
        DownloadError: in one sentence for people.
    """
    try:
        if target.is_file() and size in {None, target.stat().st_size} and checksum(target) == sha256:
            return False
        size = size or length_of(url, timeout_s)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        # Unbuffered, so that a full disk is reported by the write and not when the file is closed.
        with part.open("a+b", buffering=0) as file:
            lock(file, part)
            try:
                fetch_rest(url, file, size, progress, timeout_s)
            finally:
                if file.seek(0, os.SEEK_END) == 0:
                    part.unlink()
            os.fsync(file.fileno())
            found = checksum(part)
            if found != sha256:
                part.unlink()
                raise DownloadError(
                    f"{url}: the file has another checksum than expected ({found[:12]}..., not {sha256[:12]}...), "
                    "so it was thrown away; try again, or ask where it comes from"
                )
            part.replace(target)
    except OSError as error:
        raise DownloadError(f"{error.filename or target}: cannot be written: {error.strerror or error}") from None
    return True


def checksum(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock(file: FileIO, path: Path) -> None:
    """Lock the file against a second download of it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DownloadError(f"{path}: another download of it is running; wait for it") from None


def length_of(url: str, timeout_s: float) -> int:
    """How many bytes the server says that the file has.

    Raises:
        DownloadError: it does not answer, does not say, or says a length that no model has.
    """
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310 - as below
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            length = answer.headers.get("Content-Length", "")
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from None
    except (http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{url}: the server cannot be reached: {reason or type(error).__name__}") from None
    if not (length.isascii() and length.isdecimal() and 0 < int(length) <= MOST_BYTES):
        raise DownloadError(f"{url}: the server does not tell the file's length, or one that no model has")
    return int(length)


def fetch_rest(url: str, file: FileIO, size: int, progress: Progress, timeout_s: float) -> None:
    """Append what is missing, with new connections as long as there is progress."""
    failures = 0
    while (begin := file.seek(0, os.SEEK_END)) != size:
        if begin > size:
            file.truncate(0)
            continue
        try:
            fetch_once(url, file, begin, size, progress, timeout_s)
        except InterruptedTransferError as error:
            have = file.seek(0, os.SEEK_END)
            failures = 0 if have > begin else failures + 1
            if failures == ATTEMPTS:
                kept = f"; {have} of {size} bytes are kept, run it again to go on" if have else ""
                raise DownloadError(f"{url}: {error}{kept}") from None


def fetch_once(url: str, file: FileIO, begin: int, size: int, progress: Progress, timeout_s: float) -> None:
    """Ask for everything from `begin` on, and write what comes.

    Raises:
        InterruptedTransferError: less came than was due.
        DownloadError: there is no point in asking again.
    """
    headers = {"User-Agent": USER_AGENT}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - addresses of the table are http(s) only
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            have = place(answer, file, begin, url, size)
            while have < size:
                chunk = answer.read(CHUNK_BYTES)
                if not chunk:
                    raise InterruptedTransferError("the server ended the connection too early")
                write(file, chunk[: size - have])
                have += len(chunk)
                progress(min(have, size), size)
            if have > size or answer.read(1):
                discard(file)
                raise DownloadError(f"{url}: the file is longer than the {size} bytes expected; it has changed there")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            discard(file)
            raise InterruptedTransferError("the server has a shorter file than expected") from None
        if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise InterruptedTransferError(f"the server answers {error.code} {error.reason}") from None
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise InterruptedTransferError(f"the server cannot be reached: {reason}") from None
    except (http.client.HTTPException, OSError) as error:
        raise InterruptedTransferError(f"the connection broke: {error or type(error).__name__}") from None


def place(answer: http.client.HTTPResponse, file: FileIO, begin: int, url: str, size: int) -> int:
    """Set the file's end to where the answer begins; how many bytes are in front of it.

    A server that does not know ranges answers with the whole file.
    """
    first = 0
    if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        first = int(found[1]) if found else -1
    elif answer.status != http.HTTPStatus.OK:
        raise DownloadError(f"{url}: the server answers {answer.status} {answer.reason}")
    if first not in {0, begin}:
        discard(file)
        raise InterruptedTransferError("the server sent another part of the file than it was asked for")
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and first + int(length) != size:
        discard(file)
        raise DownloadError(
            f"{url}: the file has {first + int(length)} bytes, not the {size} expected; it has changed there"
        )
    file.truncate(first)
    return first


def discard(file: FileIO) -> None:
    """Discard what was received so far."""
    file.truncate(0)


def write(file: FileIO, chunk: bytes) -> None:
    """Append to the file; errors of the disk are told apart from those of the connection."""
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        kept = file.seek(0, os.SEEK_END)
        go_on = f"; {kept} bytes are kept, run it again to go on" if kept else ""
        raise DownloadError(f"{file.name}: cannot be written: {error.strerror}{go_on}") from None
