"""Messages: as people type them in Home Assistant, and as programs send them."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridges.display.text.message import Message, TimedText
from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.commands import Parsed, Refused
from tests.library.payloads import PAYLOADS, outcome


class Board(Bridge):
    name = "board"
    title = "Board"

    @TimedText()
    def message(self, message: Message) -> None: ...


parse = Board.entities["message"].parse


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("Hello", Message("Hello")),
        ("  Grüße 😀  ", Message("Grüße 😀")),
        ("", Message("")),
        ("12", Message("12")),
        ('{"value": "Hello"}', Message("Hello")),
        ('{"value": "Hello", "seconds": 5}', Message("Hello", 5)),
        ('{"value": "Hello", "seconds": 0.5e1}', Message("Hello", 5)),
        ('{"value": "Hello", "seconds": 3600}', Message("Hello", 3600)),
        ('{"value": "Hello", "seconds": null}', Message("Hello")),
        ('{"value": "", "seconds": 5}', Message("", 5)),
        ('  {"value": "Hello", "seconds": 5}', Message("Hello", 5)),
        ("{no JSON", Message("{no JSON")),
        ('{"greeting": "Hello"}', Message('{"greeting": "Hello"}')),
    ],
)
def test_it_is_understood(payload: str, message: Message) -> None:
    assert parse(payload.encode()).value == message


def test_the_sender_is_kept() -> None:
    payload = b'{"value": "Hello", "seconds": 5, "source": "remote", "id": 7}'
    assert parse(payload) == Parsed(Message("Hello", 5), "remote", 7)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('{"value": "Hello", "seconds": 0.9}', "allowed: 1 to 3600"),
        ('{"value": "Hello", "seconds": 3601}', "allowed: 1 to 3600"),
        ('{"value": "Hello", "seconds": "5"}', "allowed: 1 to 3600"),
        ('{"value": "Hello", "seconds": true}', "allowed: 1 to 3600"),
        ('{"value": "Hello", "seconds": 5, "colour": "red"}', "colour"),
        ('{"value": 5, "seconds": 5}', "not a text"),
        ('{"seconds": 5}', "not a text"),
        ("x" * 256, "256 characters"),
        ('{"value": "%s", "seconds": 5}' % ("x" * 256), "256 characters"),
    ],
)
def test_it_is_refused_with_the_reason(payload: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        parse(payload.encode())


@given(PAYLOADS)
def test_whatever_comes_is_a_message_or_refused(payload: bytes) -> None:
    found = outcome(parse, payload)
    assert isinstance(found, Refused) or isinstance(found.value, Message)
