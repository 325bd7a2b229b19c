"""Pictures that were asked for: stored with what was found in them, the oldest removed when there are too many."""

from __future__ import annotations

import logging
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from smartcar_mqtt.decoding import DecodingError, decode_json

log = logging.getLogger(__name__)

NAME = re.compile(r"\d{8}T\d{6}Z-\d{6}\.(jpg|json)")
"""How the files are called: time (UTC), number, kind. Nothing else in the folder is touched or served."""


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
    """The mark of the command that asked for it."""
    source: str = ""
    """Who asked."""
    detections: list[Found] | None = None
    """What was found, the surest first; null where no detector was at work."""


class CaptureError(Exception):
    """A capture cannot be stored or read; the text says why."""


class Captures:
    """The folder of the captures. For any thread.

    Args:
        folder: made when it is missing.
        most: how many are kept.
        most_bytes: how much room they may take, pictures and JSON together.
    """

    def __init__(self, folder: Path, *, most: int, most_bytes: int) -> None:
        self.folder = folder
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._known: dict[str, Capture] | None = None
        self._number = 0

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
            self._number = (self._number + 1) % 1_000_000
            moment = datetime.fromtimestamp(about.time, UTC)
            stem = f"{moment:%Y%m%dT%H%M%SZ}-{self._number:06d}"
            about = msgspec.structs.replace(about, file=f"{stem}.jpg", bytes=len(jpeg))
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                write(self.folder / f"{stem}.json", msgspec.json.encode(about))
                write(self.folder / about.file, jpeg)
            except OSError as error:
                self._remove(about.file)
                raise CaptureError(f"{self.folder}: the capture cannot be stored: {error.strerror}") from None
            known[about.file] = about
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

    def _all(self) -> dict[str, Capture]:
        """By the picture's name, the oldest first; read from the folder once."""
        if self._known is None:
            found = []
            for path in self.folder.glob("*.json") if self.folder.is_dir() else ():
                if NAME.fullmatch(path.name):
                    try:
                        about = decode_json(path.read_bytes(), Capture)
                    except (OSError, DecodingError) as error:
                        log.warning("%s is passed over: %s", path, error)
                        continue
                    if about.file == f"{path.stem}.jpg" and path.with_suffix(".jpg").is_file():
                        found.append(about)
            found.sort(key=lambda about: (about.time, about.file))
            self._known = {about.file: about for about in found}
            self._number = max((int(about.file[-10:-4]) for about in found), default=0)
        return self._known

    def _rotate(self, known: dict[str, Capture]) -> None:
        total = sum(about.bytes for about in known.values())
        for name, about in list(known.items())[:-1]:  # the newest stays in any case
            if len(known) <= self._most and total <= self._most_bytes:
                return
            self._remove(name)
            del known[name]
            total -= about.bytes

    def _remove(self, name: str) -> None:
        for path in (self.folder / name, (self.folder / name).with_suffix(".json")):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be removed: %s", path, error)


def write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it; raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)  # noqa: PTH105 - as good as the other, and both names are ours
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
