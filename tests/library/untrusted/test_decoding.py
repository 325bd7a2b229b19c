"""JSON of strangers: it becomes a value that can be used, or a DecodingError, and nothing else."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smartcar_mqtt.untrusted.decoding import MOST_BYTES, MOST_LEVELS, DecodingError, decode_json, read_field

PROJECT = Path(__file__).resolve().parents[3]

HOSTILE = {
    "deep list": b"[" * 3000 + b"]" * 3000,
    "deeper list": b"[" * 200_000 + b"]" * 200_000,
    "deep object": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "deep, but not too deep for the library": b"[" * 300 + b"]" * 300,
    "deep and cut": b'{"a":[' * 5000,
    "long": b'"' + b"x" * MOST_BYTES + b'"',
    "half a surrogate pair": b'"\\ud800"',
    "half a surrogate pair as key": b'{"\\udc00": 1}',
    "half a surrogate pair in UTF-8": b'"\xed\xa0\x80"',
    "not UTF-8": b'"\xff\xfe"',
    "UTF-16": "{}".encode("utf-16"),
    "huge whole number": b"1" * 100,
    "whole number beyond all limits": b"1" * 5000,
    "huge float": b"1e999",
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "nothing": b"",
    "blanks": b"  \n",
    "NUL": b"\0",
    "two values": b"{}{}",
    "comment": b"{} // yes",
    "open text": b'"abc',
    "raw control character": b'"a\x1bb"',
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("kind", [Any, dict[str, Any], float])
def test_what_is_hostile_is_a_decoding_error(payload: bytes, kind: Any) -> None:
    with pytest.raises(DecodingError) as caught:
        decode_json(payload, kind)
    assert len(str(caught.value)) < 120


def test_a_text_with_half_a_surrogate_pair_in_it_is_refused_too() -> None:
    with pytest.raises(DecodingError, match="not UTF-8 text"):
        decode_json('"\ud800"')


def test_deep_nesting_is_refused_also_where_the_wanted_kind_passes_over_it() -> None:
    class Wanted(msgspec.Struct):
        a: int = 0

    for levels in (MOST_LEVELS, 3000):
        with pytest.raises(DecodingError, match="nested more than 32 levels deep"):
            decode_json(b'{"other": ' + b"[" * levels + b"]" * levels + b"}", Wanted)


def test_the_deepest_and_the_largest_that_are_allowed() -> None:
    assert decode_json(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS)
    assert decode_json(b"18446744073709551615") == 2**64 - 1
    assert len(decode_json(b"[" + b"[]," * 1000 + b"[]]")) == 1001


def test_a_byte_order_mark_is_passed_over() -> None:
    assert decode_json(b"\xef\xbb\xbf{}") == {}
    assert decode_json("\ufeff{}") == {}


@given(st.binary(max_size=200) | st.text(max_size=100))
@example(b'{"a":1')
def test_whatever_comes_is_a_value_or_a_decoding_error(data: bytes | str) -> None:
    try:
        value = decode_json(data)
    except DecodingError:
        return
    msgspec.json.encode(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_is_right_comes_through(value: Any) -> None:
    assert decode_json(json.dumps(value)) == value


def test_a_field_that_is_not_there_is_none() -> None:
    assert read_field({"a": {"b": 1}}, "a", "b") == 1
    for value in ({}, {"a": 1}, {"a": [1]}, [], None, "a", {"a": {"b": None}}):
        assert read_field(value, "a", "b") is None


# -- nobody decodes past this function -------------------------------------------------------------------------------

ALLOWED = {
    "smartcar_mqtt/untrusted/decoding.py",  # the place itself
    "smartcar_mqtt/untrusted/yaml_text.py",  # that of YAML
    "bridges/vision/detection/labels.py",  # Python literals inside of a network: guarded there
}
DECODERS = {
    ("json", "load"), ("json", "loads"), ("yaml", "load"), ("yaml", "safe_load"), ("yaml", "full_load"),
    ("yaml", "load_all"), ("yaml", "safe_load_all"), ("ast", "literal_eval"), ("tomllib", "load"), ("tomllib", "loads"),
    ("pickle", "load"), ("pickle", "loads"), ("msgspec.json", "decode"), ("msgspec.json", "Decoder"),
    ("msgspec.yaml", "decode"), ("msgspec.toml", "decode"), ("msgspec.msgpack", "decode"), ("np", "load"),
    ("configparser", "ConfigParser"), ("shelve", "open"), ("marshal", "loads"),
}  # fmt: skip


def test_no_decoder_is_called_without_its_guard() -> None:
    found = []
    for path in [*PROJECT.glob("smartcar_mqtt/**/*.py"), *PROJECT.glob("bridges/**/*.py")]:
        name = str(path.relative_to(PROJECT))
        if name in ALLOWED:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Attribute) and (ast.unparse(node.value), node.attr) in DECODERS
            imported = isinstance(node, ast.ImportFrom) and any(
                (node.module, alias.name) in DECODERS for alias in node.names
            )
            if called or imported:
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert not found, "use smartcar_mqtt.untrusted.decoding or smartcar_mqtt.untrusted.yaml_text:\n" + "\n".join(found)
