"""Payloads for property tests: any bytes, and above all those that look almost right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from smartcar_mqtt.commands import CommandError, Parsed

KEYS = (
    "value source id state brightness color effect transition r g b tone duration volume_level flash color_mode".split()
)
WORDS = ["ON", "OFF", "on", "PRESS", "INSTALL", "warm", "rainbow", "horn", "nan", "inf", "-0", "1e5", "007", "{}", ""]

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**420)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=300)
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.sampled_from(KEYS), _VALUES, max_size=6)

PAYLOADS: st.SearchStrategy[bytes] = (
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from(WORDS).map(str.encode)
    | _VALUES.map(lambda value: json.dumps(value).encode())
    | _OBJECTS.map(lambda value: json.dumps(value).encode())
    | st.tuples(_OBJECTS.map(lambda value: json.dumps(value).encode()), st.integers(0, 40)).map(
        lambda pair: pair[0][: pair[1]]
    )
)


def outcome(parse: Callable[[bytes], Parsed], payload: bytes) -> Parsed | CommandError:
    """The command, or why it is refused; anything else that is raised fails the test."""
    try:
        return parse(payload)
    except CommandError as error:
        return error
