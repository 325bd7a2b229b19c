"""Bounds for what Home Assistant stores: attributes, event data and texts, shortened so that people see that they are.

Source: Home Assistant's recorder drops the attributes of a state above 16,384 bytes of JSON (`MAX_STATE_ATTRS_BYTES`),
and its core refuses states of more than 255 characters (`MAX_LENGTH_STATE_STATE`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from smartcar_mqtt.entities.rules import MAX_STATE_CHARACTERS

MAX_ATTRIBUTES_BYTES = 15_360
"""Most bytes of JSON in the attributes of one entity; Home Assistant adds name, icon, unit and the like to them."""
NOTE = "shortened"
"""The attribute that says what is not complete: name of the attribute → `shown` and `total`."""
LARGEST_COUNTS = {"shown": 999_999, "total": 999_999}
"""For the room that the note may need."""
LEAST_BYTES = 32
"""Every number and every text with an ellipsis fits into these."""
ELLIPSIS = "…"


def bounded_text(text: str, most: int = MAX_STATE_CHARACTERS) -> str:
    """A text of at most so many characters; a longer one ends with an ellipsis."""
    return text if len(text) <= most else text[: most - len(ELLIPSIS)] + ELLIPSIS


def bounded(details: Mapping[str, Any], most_bytes: int = MAX_ATTRIBUTES_BYTES) -> dict[str, Any]:
    """Attributes or event data of at most so many bytes of JSON.

    What fits is returned as it is. Otherwise the largest values are cut, all to the same size: lists and objects to
    their first entries, texts to their beginning. `shortened` then says of each how much is `shown` of what `total`
    (entries, or characters of a text). With more attributes than fit at all, the last ones are left out, and
    `shortened` counts them under `attributes`.
    """
    if size(details) <= most_bytes:
        return dict(details)
    plain: dict[str, Any] = msgspec.to_builtins(dict(details), str_keys=True)
    plain.pop(NOTE, None)
    names = list(plain)
    limit = 0
    while names:
        note_bytes = size({NOTE: dict.fromkeys([*names, "attributes"], LARGEST_COUNTS)})
        room = most_bytes - note_bytes - size(dict.fromkeys(names))
        limit = level([size(plain[name]) for name in names], room)
        if limit >= LEAST_BYTES:
            break
        names = names[: len(names) * 3 // 4]
    shown: dict[str, Any] = {}
    note: dict[str, dict[str, int]] = {}
    for name in names:
        shown[name], counts = cut(plain[name], limit)
        if counts is not None:
            note[name] = counts
    if len(names) < len(plain):
        note["attributes"] = {"shown": len(names), "total": len(plain)}
    return {**shown, NOTE: note}


def size(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(msgspec.json.encode(value))


def level(sizes: list[int], room: int) -> int:
    """The largest size to which all values can be cut so that they fit into the room together.

    Where they fit as they are, it is a size that none of them exceeds, and at least LEAST_BYTES.
    """
    left, waiting = room, sorted(sizes)
    for index, each in enumerate(waiting):
        share = left // (len(waiting) - index)
        if each > share:
            return share
        left -= each
    return max(room, LEAST_BYTES)


def cut(value: Any, most_bytes: int) -> tuple[Any, dict[str, int] | None]:
    """A value of at most so many bytes, and how much of it is shown; numbers and the like are not cut."""
    if not isinstance(value, str | list | tuple | dict) or size(value) <= most_bytes:
        return value, None

    def first(count: int) -> Any:
        if isinstance(value, dict):
            return dict(list(value.items())[:count])
        return value[:count] + ELLIPSIS if isinstance(value, str) else value[:count]

    shown = longest(len(value), lambda count: size(first(count)) <= most_bytes)
    return first(shown), {"shown": shown, "total": len(value)}


def longest(total: int, fits: Callable[[int], bool]) -> int:
    """The largest count up to the total that fits; 0 where none does."""
    low, high = 0, total
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
