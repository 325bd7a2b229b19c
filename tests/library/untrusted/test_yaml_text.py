"""YAML of strangers, and of people who do not know what YAML 1.1 makes of what they write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from smartcar_mqtt.untrusted.decoding import MOST_BYTES, DecodingError
from smartcar_mqtt.untrusted.yaml_text import decode_yaml, fitted, read_yaml


class Inner(msgspec.Struct):
    name: str = ""


class Wanted(msgspec.Struct):
    text: str = ""
    word: Literal["off", "on", "5"] = "off"
    number: float = 0
    count: Annotated[int, Meta(ge=0)] = 0
    flag: bool = False
    names: list[Annotated[str, Meta(min_length=1)]] = []
    table: dict[str, str] = {}
    inner: Inner | None = None
    either: str | None = None
    pair: tuple[int, str] = (0, "")


@pytest.mark.parametrize(
    "written",
    ["5", "-1", "010", "0x1F", "1_000", "1:30", "12:30:15", "1.50", "1e3", ".5", "2026-11-27", "2026-02-30", "on",
     "Off", "YES", "no", "true", "0o17", "1.2.3", ".nan", "1" * 40, "é"],
)  # fmt: skip
def test_where_a_text_is_wanted_it_is_what_was_written(written: str) -> None:
    raw = decode_yaml(
        f"{{text: {written}, names: [{written}], table: {{a: {written}}}, inner: {{name: {written}}}, "
        f"either: {written}, pair: [1, {written}]}}"
    )
    found = msgspec.convert(fitted(raw, Wanted), Wanted)
    assert found == Wanted(
        text=written, names=[written], table={"a": written}, inner=Inner(written), either=written, pair=(1, written)
    )


@pytest.mark.parametrize("written", ["", "~", "null"])
def test_nothing_is_an_empty_text(written: str) -> None:
    assert fitted(decode_yaml(f"text: {written}"), Wanted) == {"text": ""}


@pytest.mark.parametrize(("written", "word"), [("off", "off"), ("on", "on"), ("5", "5"), ("'off'", "off")])
def test_words_need_no_quotation_marks(written: str, word: str) -> None:
    assert msgspec.convert(fitted(decode_yaml(f"word: {written}"), Wanted), Wanted).word == word


@pytest.mark.parametrize(
    ("written", "number"),
    [("5", 5), ("-1", -1), ("1.50", 1.5), ("1e3", 1000), ("1E-2", 0.01), (".5", 0.5), ("5.", 5), ("1_000", 1000),
     ("0x10", 16)],
)  # fmt: skip
def test_where_a_number_is_wanted_it_is_a_number(written: str, number: float) -> None:
    assert msgspec.convert(fitted(decode_yaml(f"number: {written}"), Wanted), Wanted).number == number


@pytest.mark.parametrize("written", ["010", "0123", "1:30", "1:30.5", "2026-11-27", "'5'", "1" * 30, "five"])
def test_a_number_that_may_mean_something_else_is_no_number(written: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fitted(decode_yaml(f"count: {written}"), Wanted), Wanted)


@pytest.mark.parametrize(
    ("written", "on"), [("on", True), ("Yes", True), ("TRUE", True), ("off", False), ("no", False)]
)
def test_where_on_or_off_is_wanted_all_words_for_it_serve(written: str, *, on: bool) -> None:
    assert msgspec.convert(fitted(decode_yaml(f"flag: {written}"), Wanted), Wanted).flag is on


def test_keys_are_texts() -> None:
    assert decode_yaml("{on: a, 5: b, 010: c, '': d}") == {"on": "a", "5": "b", "010": "c", "": "d"}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 3000, "line 1: "),
        ("[" * 100 + "]" * 100, "line 1: nested more than 32 levels deep"),
        ("- " * 3000 + "x", "line 1: nested more than 32 levels deep"),
        ("{a: " * 500, "line 1: nested more than 32 levels deep"),
        (BOMB, "its aliases (*) unfold to too much; write the values out"),
        ("a: &a [*a]", "line 1: not valid YAML"),
        ("a: &a {b: *a}", ""),
        ("a:\n\tb: 1", "line 2: not valid YAML: a tab; indent with blanks"),
        ("a: 1\n\tb: 2", "line 2: not valid YAML: a tab"),
        ("a: 1\nb: 2\na: 3", "line 3: not valid YAML: 'a' stands here a second time"),
        ("{5: a, '5': b}", "line 1: not valid YAML: '5' stands here a second time"),
        (
            "a: @secret",
            "line 1: not valid YAML: found character that cannot start any token (a text that begins with @",
        ),
        ("a: `x`", "line 1: not valid YAML"),
        ("a: b: secret", "line 1: not valid YAML: mapping values are not allowed"),
        ("a: 'secret", "line 1: not valid YAML: found unexpected end of stream (a quotation mark or a bracket"),
        ("a: !!python/object/apply:os.system [id]", "line 1: not valid YAML: the tag"),
        ("a: !!binary c2VjcmV0", "line 1: not valid YAML: the tag !!binary is not known here"),
        ("? [a]\n: b", "line 1: not valid YAML: a key must be a single word"),
        ("x: 1\na: \x1b[2J", "line 2: not valid YAML: control characters are not allowed"),
        ('a: "\\ud800"', "line 1: not valid YAML"),
        ("--- a\n--- b", "line 2: not valid YAML"),
        ("x" * (MOST_BYTES + 1), "longer than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_used_is_told_with_line_and_mend_and_without_its_content(text: str, sentence: str) -> None:
    with pytest.raises(DecodingError) as caught:
        decode_yaml(text)
    told = str(caught.value)
    assert told.startswith(sentence)
    assert "secret" not in told.replace("(a text", "")
    assert len(told) < 300


@given(st.text(max_size=60) | st.text("ab:-[]{}&*!|>'\"#\n\t 01.,?%@`~", max_size=80) | st.binary(max_size=60))
def test_whatever_comes_is_a_value_or_a_decoding_error(data: Any) -> None:
    try:
        raw = decode_yaml(data)
    except DecodingError:
        return
    fitted(raw, Wanted)


def test_a_file_that_cannot_be_read_is_a_decoding_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DecodingError, match="cannot be read"):
            read_yaml(path)
    (tmp_path / "text").write_bytes(b"a: \xff")
    with pytest.raises(DecodingError, match="not UTF-8"):
        read_yaml(tmp_path / "text")
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfa: b\r\n")
    assert read_yaml(tmp_path / "text") == {"a": "b"}
