"""Captures on the disk: pictures with their detections; the oldest are removed when there are too many."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

log = logging.getLogger(__name__)

NAME = re.compile(r"\d{8}T\d{6}Z-(\d{6,18})\.(jpg|json)", re.ASCII)
"""How the files are called: time (UTC), number, kind. Nothing else in the folder is touched or served.

The numbers give the order: the clock of a Pi without a battery begins in the past, and is set by the network.
"""
UNFINISHED = re.compile(r"\.\d{8}T\d{6}Z-\d{6,18}\.(jpg|json)\.new", re.ASCII)
"""Incomplete files that a power cut has left."""
MOST_JSON_BYTES = 1_000_000


class Found(msgspec.Struct, frozen=True):
    """One object in a capture."""

    label: str
    score: float
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in fractions of the picture."""
    position: str
    """left, center or right."""


class Capture(msgspec.Struct, frozen=True):
    """What is known of one capture; also its JSON file, the event and the list over HTTP."""

    file: str
    """Name of the picture."""
    time: float
    """Seconds since 1970 (UTC) at which it was taken."""
    width: int
    height: int
    bytes: int
    id: str | int | None = None
    """`id` of the command."""
    source: str = ""
    """`source` of the command."""
    detections: list[Found] | None = None
    """By falling score; null where no detector was running."""


class CaptureError(Exception):
    """A capture cannot be stored or read; the text says why."""


class Captures:
    """The folder of the captures. For any thread.

    Args:
        folder: made when it is missing.
        most: how many are kept.
        most_bytes: how much room the pictures may take together.
    """

    def __init__(self, folder: Path, *, most: int, most_bytes: int) -> None:
        self.folder = folder
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._known: dict[str, Capture] | None = None
        self._sizes: dict[str, int] = {}
        """Of the pictures on the disk, by name, in bytes."""
        self._number = 0
        self._problem = ""
        """Why the last one could not be stored."""

    def list(self) -> list[Capture]:
        """All captures, the newest first."""
        with self._lock:
            return list(reversed(self._all().values()))

    def store(self, jpeg: bytes, about: Capture) -> Capture:
        """Write a picture and its JSON file, and remove the oldest that are too many.

        Args:
            jpeg: the picture.
            about: what is known of it; `file` and `bytes` are filled in.

        Raises:
            CaptureError: there is no room, or no permission.
        """
        with self._lock:
            known = self._all()
            stem = f"{stamp(about.time)}-{self._number + 1:06d}"
            about = msgspec.structs.replace(about, file=f"{stem}.jpg", bytes=len(jpeg))
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                write(self.folder / f"{stem}.json", msgspec.json.encode(about))
                write(self.folder / about.file, jpeg)
            except OSError as error:
                self._remove(about.file)
                raise CaptureError(self._refused(error)) from None
            if self._problem:
                log.info("%s: captures are stored again", self.folder)
                self._problem = ""
            self._number += 1
            known[about.file] = about
            self._sizes[about.file] = len(jpeg)
            self._rotate(known)
            return about

    def read(self, name: str) -> bytes:
        """A file of the folder, by its name alone.

        Raises:
            CaptureError: there is no such capture.
        """
        if not NAME.fullmatch(name):
            raise CaptureError(f"there is no capture {name[:64]!r}")
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise CaptureError(f"there is no capture {name!r}") from None

    def _refused(self, error: OSError) -> str:
        """Why a capture is not stored, in words; in the log once for each cause."""
        problem = f"{self.folder}: the capture cannot be stored: {error.strerror}"
        if problem != self._problem:
            log.error("%s", problem)
            self._problem = problem
        return problem

    def _all(self) -> dict[str, Capture]:
        """By the picture's name, the oldest first; read from the folder once."""
        if self._known is None:
            found = []
            try:
                names = sorted(path.name for path in self.folder.iterdir())
            except OSError:
                names = []  # not there yet; `store` reports other errors
            for name in names:
                if UNFINISHED.fullmatch(name):
                    self._unlink(self.folder / name)
                elif NAME.fullmatch(name) and name.endswith(".json"):
                    about = self._described(self.folder / name)
                    if about is not None:
                        found.append(about)
            found.sort(key=lambda about: (number_of(about.file), about.file))
            self._known = {about.file: about for about in found}
            self._number = max((number_of(about.file) for about in found), default=0)
        return self._known

    def _described(self, path: Path) -> Capture | None:
        """The capture that a JSON file describes; None where that is damaged, or its picture is missing."""
        picture = path.with_suffix(".jpg")
        try:
            with path.open("rb") as file:
                about = decode_json(file.read(MOST_JSON_BYTES), Capture)
            if about.file != picture.name or not picture.is_file():
                return None
            self._sizes[about.file] = picture.stat().st_size
        except (OSError, DecodingError) as error:
            log.warning("%s is passed over: %s", path, error)
            return None
        return about

    def _rotate(self, known: dict[str, Capture]) -> None:
        total = sum(self._sizes[name] for name in known)
        for name in list(known)[:-1]:  # the newest stays in any case
            if len(known) <= self._most and total <= self._most_bytes:
                return
            self._remove(name)
            del known[name]
            total -= self._sizes.pop(name)

    def _remove(self, name: str) -> None:
        for path in (self.folder / name, (self.folder / name).with_suffix(".json")):
            self._unlink(path)

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if not isinstance(error, NotADirectoryError):
                log.warning("%s cannot be removed: %s", path, error)


def number_of(name: str) -> int:
    """The number in a capture's name."""
    return int(name.rpartition("-")[2].partition(".")[0])


def stamp(moment: float) -> str:
    """A time in seconds since 1970 (UTC) as file names have it; one that no calendar has is 1970."""
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y%m%dT%H%M%SZ}".zfill(16)
    except (ValueError, OverflowError, OSError):
        return stamp(0.0)


def write(path: Path, content: bytes) -> None:
    """Write a file atomically, and leave nothing behind on failure; raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
