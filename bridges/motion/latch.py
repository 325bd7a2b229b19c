"""The emergency stop's memory: it is kept over restarts, and what cannot be read counts as on."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from smartcar_mqtt.state_store import write
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

log = logging.getLogger(__name__)


class Latch(msgspec.Struct, forbid_unknown_fields=True):
    """What the file holds."""

    emergency_stop: bool


def read_latch(path: Path) -> bool:
    """Whether the emergency stop is on; a file that is not there means off, a damaged one means on."""
    try:
        return decode_json(path.read_bytes(), Latch).emergency_stop
    except FileNotFoundError:
        return False
    except (OSError, DecodingError) as error:
        log.error("%s cannot be read (%s): the emergency stop is on until it is released by hand", path, error)
        return True


def write_latch(path: Path, *, on: bool) -> None:
    """Store the state, so that it survives a power cut at any moment; raises OSError."""
    write(path, msgspec.json.encode(Latch(on)))


def not_stored(*, on: bool, error: OSError) -> str:
    """What people have to know where the state could not be stored."""
    state = "on" if on else "off"
    cause = error.strerror or str(error)
    return f"the emergency stop is {state}, but this would not survive a restart: it cannot be stored ({cause})"
