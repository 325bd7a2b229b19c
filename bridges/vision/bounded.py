"""Lists in attributes and events, kept to a size that Home Assistant stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

MOST_CLASSES_BYTES = 4_000
MOST_OBJECTS_BYTES = 8_000
"""Home Assistant's recorder keeps no attributes above 16,384 bytes, all of an entity together."""

T = TypeVar("T")


def first_within(entries: Sequence[T], most_bytes: int) -> list[T]:
    """The first entries, as many as fit into so many bytes of JSON."""
    left = most_bytes
    kept: list[T] = []
    for entry in entries:
        left -= len(msgspec.json.encode(entry)) + 1
        if left < 0:
            break
        kept.append(entry)
    return kept
