"""JSON of others, read so that nothing in it can do harm: the only place of the program where JSON is decoded.

What stands in a file or in a message was written by somebody else, or was damaged on its way. Decoders of libraries end
in one of half a dozen kinds of errors on it, one of which (RecursionError) is no ValueError; here each is a
`DecodingError`, and what comes back can be compared, shown and sent on without another one.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, overload

import msgspec

MOST_BYTES = 1_000_000
"""Longest text that is decoded: the longest message of this project, a car's discovery, has 60,000."""
MOST_LEVELS = 32
"""Deepest nesting: the deepest of this project, an obstacle of the simulated room, has 6."""
LARGEST_INTEGER = 2**64 - 1
"""Beyond it, encoders and Home Assistant differ."""

T = TypeVar("T")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"\d{19}")


class DecodingError(ValueError):
    """A text is not what it should be; the message says in a few words why, without repeating it."""


@overload
def decode_json(data: bytes | str) -> Any: ...
@overload
def decode_json(data: bytes | str, kind: type[T], *, most_bytes: int = ...) -> T: ...
@overload
def decode_json(data: bytes | str, kind: Any, *, most_bytes: int = ...) -> Any: ...
def decode_json(data: bytes | str, kind: Any = Any, *, most_bytes: int = MOST_BYTES) -> Any:
    """Decode JSON that somebody else has written.

    Args:
        data: the text; a byte order mark in front of it is passed over.
        kind: what it must be, as msgspec describes it.
        most_bytes: how long it may be.

    Raises:
        DecodingError: for whatever is wrong with it: no JSON, no Unicode, too long, nested too deeply, a number out of
            range, or not of that kind.
    """
    try:
        encoded = data.encode() if isinstance(data, str) else data
        if len(encoded) > most_bytes:
            raise DecodingError(f"longer than {most_bytes:,} bytes")
        encoded = encoded.removeprefix(_BYTE_ORDER_MARK)
        # Levels cannot be more than there are opening brackets; few texts have so many that they must be looked at.
        deep = encoded.count(b"[") + encoded.count(b"{") > MOST_LEVELS
        if deep or _LONG_NUMBER.search(encoded):
            check_bounds(msgspec.json.decode(encoded))
        return msgspec.json.decode(encoded, type=kind)
    except UnicodeError:
        raise DecodingError("not UTF-8 text") from None
    except (RecursionError, MemoryError):
        raise DecodingError(f"nested more than {MOST_LEVELS} levels deep") from None
    except msgspec.MsgspecError as error:
        raise DecodingError(str(error)[:200]) from None


def check_bounds(value: Any) -> None:
    """Raise DecodingError where a decoded value is nested too deeply or holds a whole number that is too large."""
    waiting = [(value, 1)]
    while waiting:
        found, level = waiting.pop()
        if isinstance(found, dict | list):
            if level > MOST_LEVELS:
                raise DecodingError(f"nested more than {MOST_LEVELS} levels deep")
            inner = found.values() if isinstance(found, dict) else found
            waiting += [(each, level + 1) for each in inner]
        elif isinstance(found, int) and abs(found) > LARGEST_INTEGER:
            raise DecodingError("a whole number is too large")


def read_field(value: Any, *path: str) -> Any:
    """What stands at a path of keys in a decoded value; None where any step of it is not there."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
