"""How a command's payload is read, and how it is answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smartcar_mqtt.commands import (
    Answer,
    Blocked,
    Parsed,
    Refused,
    Request,
    Status,
    decode_object,
    decode_text,
    parse_envelope,
    take_sender,
)
from tests.library.payloads import PAYLOADS, outcome


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"forward", Parsed("forward")),
        (b"  ON \n", Parsed("ON")),
        (b"42", Parsed("42")),
        (b"[1]", Parsed("[1]")),
        ("käse".encode(), Parsed("käse")),
        (b'{"value": 42}', Parsed(42)),
        (b'{"value": "x", "source": "remote", "id": 7}', Parsed("x", "remote", 7)),
        (b'{"value": "x", "source": null, "id": "a-1"}', Parsed("x", "", "a-1")),
        (b'{"source": "remote"}', Parsed(None, "remote")),
        (b"{}", Parsed()),
    ],
)
def test_a_plain_value_or_an_envelope(payload: bytes, expected: Parsed) -> None:
    assert parse_envelope(payload) == expected


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "the payload is empty"),
        (b" \n", "the payload is empty"),
        (b"\xff\xfe", "the payload is not UTF-8 text"),
        (b"{", "not valid JSON"),
        (b'{"value": }', "not valid JSON"),
        (b'{"value": 1e999}', "not valid JSON"),
        (b'{"a": ' + b"[" * 100_000, "not valid JSON"),
        (b'{"valeu": 1}', "unknown field 'valeu'; known are value, source, id, time and expires"),
        (b'{"source": 1}', "source must be a text"),
        (b'{"source": "%s"}' % (b"x" * 65), "at most 64 characters"),
        (b'{"source": "a\\nb"}', "source must be a text"),
        (b'{"id": true}', "id must be a text or a whole number"),
        (b'{"id": 1.5}', "id must be a text or a whole number"),
        (b'{"id": "%s"}' % (b"x" * 65), "id must have at most 64 characters"),
        (b'{"id": "\\u0000"}', "id must have at most 64 characters"),
    ],
)
def test_what_is_no_command_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        parse_envelope(payload)


def test_a_long_unknown_field_is_cut_in_the_reason() -> None:
    with pytest.raises(Refused) as refused:
        parse_envelope(b'{"%s": 1}' % (b"x" * 5000))
    assert len(str(refused.value)) < 120


@given(PAYLOADS)
@example(b"{" * 100_000)
@example(b'{"value": 1' + b"0" * 400 + b"}")
@example(b'{"value":' + b"[" * 990 + b"]" * 990 + b"}")
def test_any_bytes_are_a_command_or_refused(payload: bytes) -> None:
    found = outcome(parse_envelope, payload)
    if isinstance(found, Parsed):
        assert len(found.source) <= 64
    else:
        assert found.status is Status.REFUSED
        assert len(str(found)) < 300


@given(st.text(min_size=1).map(str.strip).filter(bool).filter(lambda text: not text.startswith("{")))
def test_text_comes_back_as_it_was_sent(text: str) -> None:
    assert decode_text(text.encode("utf-8", "ignore") or b"x") == (text.encode("utf-8", "ignore") or b"x").decode()


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()))
def test_objects_come_back_as_they_were_sent(fields: dict[str, Any]) -> None:
    assert decode_object(msgspec.json.encode(fields).decode()) == fields


@pytest.mark.parametrize("text", ["[1]", '"x"', "3", "null", "true"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="not an object"):
        decode_object(text)


def test_take_sender_leaves_the_rest() -> None:
    fields: dict[str, Any] = {"source": "voice", "id": 3, "direction": "forward"}
    assert take_sender(fields) == ("voice", 3)
    assert fields == {"direction": "forward"}


def test_a_request_is_answered_exactly_once() -> None:
    answers: list[Answer] = []
    request = Request("speed", Parsed(40, "", 9), answers.append)
    request.answer(Status.BLOCKED, "there is a wall")
    request.answer(Status.DONE)
    assert answers == [Answer("speed", Status.BLOCKED, "there is a wall", "mqtt", 9, "40")]


def test_the_shown_value_is_short_whatever_was_sent() -> None:
    assert len(Request("say", Parsed("x" * 5000), lambda _: None).shown_value) == 64
    assert Request("press", Parsed(), lambda _: None).shown_value == ""


def test_the_source_is_the_senders_word_or_mqtt() -> None:
    assert Request("press", Parsed(), lambda _: None).source == "mqtt"
    assert Request("press", Parsed(None, "voice"), lambda _: None).source == "voice"


def test_errors_carry_the_status_that_they_cause() -> None:
    assert Refused("x").status is Status.REFUSED
    assert Blocked("x").status is Status.BLOCKED


def test_a_result_is_plain_json() -> None:
    answer = Answer("speed", Status.REFUSED, "no", "remote", 1, "200")
    assert msgspec.json.decode(msgspec.json.encode(answer)) == {
        "command": "speed",
        "status": "refused",
        "reason": "no",
        "source": "remote",
        "id": 1,
        "value": "200",
    }
