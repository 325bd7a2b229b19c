"""What a bridge remembers over restarts: a few settings that people made, in one small file."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Any, Self

import msgspec

from smartcar_mqtt.config import Config
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

log = logging.getLogger(__name__)


class StateStore:
    """A JSON object in a file; may be used from any thread.

    A missing or damaged file counts as empty. Nothing that safety depends on is kept here: the emergency stop has
    its own file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._unsaved = ""
        """Why the file is older than the values; empty: it is not."""
        self._values: dict[str, Any] = {}
        try:
            self._values = decode_json(path.read_bytes(), dict[str, Any])
        except FileNotFoundError:
            pass  # the first start
        except (OSError, DecodingError) as error:
            log.warning("%s cannot be read (%s): the settings kept there are at their defaults again", path, error)

    @classmethod
    def of(cls, config: Config, name: str) -> Self:
        """The memory of this car's bridge of that name, in the folder for what survives a restart."""
        return cls(config.state_directory() / f"{config.car.id}-{name}.json")

    def get(self, key: str, kind: type[Any], default: Any) -> Any:
        """What was remembered, checked against a type that msgspec knows; the default where it does not fit."""
        try:
            return msgspec.convert(self._values[key], kind)
        except KeyError:
            return default
        except msgspec.ValidationError as error:
            log.warning("%s: %s is not usable (%s); the default serves", self.path, key, error)
            return default

    def set(self, **values: Any) -> None:
        """Remember values.

        A file that cannot be written is logged once for each cause, and the values hold until the next start; the next
        call tries again, whatever it sets.
        """
        with self._lock:
            wanted = {**self._values, **msgspec.to_builtins(values)}
            if wanted == self._values and not self._unsaved:
                return
            self._values = wanted
            try:
                write(self.path, msgspec.json.encode(wanted))
            except OSError as error:
                cause = error.strerror or str(error)
                if cause != self._unsaved:
                    log.error("%s cannot be written (%s): the settings will not survive a restart", self.path, error)
                self._unsaved = cause
            else:
                if self._unsaved:
                    log.info("%s is written again: the settings survive a restart", self.path)
                self._unsaved = ""


def write(path: Path, content: bytes) -> None:
    """Replace a file's content so that a power cut at any moment leaves the old one or the new one.

    Raises:
        OSError: it is not replaced; nothing is left of the attempt.
    """
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
