"""Texts of others are shown with what is hidden in them, and kept without it."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcar_mqtt.untrusted.visible import clean, has_hidden, json_text, visible, without_hidden


@pytest.mark.parametrize(
    ("text", "shown", "kept"),
    [
        ("\x1b[2J\x1b]0;owned\x07x", "\\x1b[2J\\x1b]0;owned\\x07x", "[2J]0;ownedx"),
        ("a\nb\tc\r\n", "a\\nb\\tc\\r\\n", "a b c  "),
        ("\x7f\x00\x9b31m\x85", "\\x7f\\x00\\x9b31m\\x85", "31m "),
        ("\u202egnp.exe\u2066\u200f", "\\u202egnp.exe\\u2066\\u200f", "gnp.exe"),
        ("\u2028\u2029\ufeff\u00ad", "\\u2028\\u2029\\ufeff\\xad", "  "),
        ("\U000e0041", "\\U000e0041", ""),
        ("\ud800", "\\ud800", ""),
        ("Grüße 你好 שלום 👩‍👩‍👧 é\u0301 \u00a0 °C", "Grüße 你好 שלום 👩‍👩‍👧 é\u0301 \u00a0 °C", None),
    ],
)
def test_hidden_characters(text: str, shown: str, kept: str | None) -> None:
    assert visible(text) == shown
    assert without_hidden(text) == (text if kept is None else kept)
    assert has_hidden(text) == (shown != text)


@given(st.text())
def test_nothing_hidden_is_left(text: str) -> None:
    for result in (visible(text), without_hidden(text)):
        assert not has_hidden(result)
        assert not any(unicodedata.category(each) in {"Cc", "Cs"} for each in result)


def test_texts_and_keys_at_any_depth_are_cleaned() -> None:
    assert clean({"a\x1b": ["b\nc", {"d": ("e\u202e", 1, None)}]}) == {"a": ["b c", {"d": ["e", 1, None]}]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_for_a_terminal_is_json_and_holds_nothing_hidden(value: object) -> None:
    for ascii_only in (True, False):
        text = json_text(value, ascii_only=ascii_only)
        assert json.loads(text) == value
        assert not has_hidden(text)
        assert text.isascii() or not ascii_only


@given(st.text())
def test_every_text_can_be_written_to_every_terminal(text: str) -> None:
    for encoding in ("ascii", "latin-1", "utf-8", "cp437"):
        text.encode(encoding, "plainer")
    assert "✔ 3° – 5 µm".encode("ascii", "plainer") == b"+ 3 deg - 5 um"
