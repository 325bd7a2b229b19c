"""Bounds: Home Assistant stores no attributes above 16,384 bytes and no state above 255 characters."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcar_mqtt.entities.bounds import MAX_ATTRIBUTES_BYTES, bounded, bounded_text
from tests.library.example import BASE, Desk

CLASSES = [f"class number {number}" for number in range(1203)]
HOME_ASSISTANT_BYTES = 16_384


def size(value: Any) -> int:
    return len(msgspec.json.encode(value))


def test_what_fits_is_left_alone() -> None:
    details = {"problem": "", "classes": CLASSES[:100], "readings": [{"cm": 1.5}], "nested": {"a": None}}
    assert bounded(details) == details


def test_a_long_list_is_cut_and_says_so() -> None:
    found = bounded({"problem": "none", "classes": CLASSES, "size": 640})
    shown = len(found["classes"])
    assert found["classes"] == CLASSES[:shown]
    assert (found["problem"], found["size"]) == ("none", 640)
    assert found["shortened"] == {"classes": {"shown": shown, "total": 1203}}
    assert 14_000 < size(found) <= MAX_ATTRIBUTES_BYTES < HOME_ASSISTANT_BYTES


@pytest.mark.parametrize(
    ("value", "total"),
    [
        ("ä" * 40_000, 40_000),
        ('"' * 40_000, 40_000),
        ("\0" * 40_000, 40_000),
        ({f"key {number}": number for number in range(5000)}, 5000),
        (tuple(range(10_000)), 10_000),
        (["x" * 20_000, 1], 2),
        ([[1] * 9000, [2] * 9000], 2),
    ],
)
def test_every_kind_of_value_is_cut(value: Any, total: int) -> None:
    found = bounded({"first": 1, "value": value})
    assert found["first"] == 1
    assert found["shortened"]["value"]["total"] == total
    assert found["shortened"]["value"]["shown"] < total
    assert size(found) <= MAX_ATTRIBUTES_BYTES


def test_a_cut_text_ends_with_an_ellipsis() -> None:
    found = bounded({"reason": "word " * 10_000})
    assert found["reason"].endswith("…")
    assert len(found["reason"]) == found["shortened"]["reason"]["shown"] + 1


def test_large_values_share_the_room_and_small_ones_stay() -> None:
    found = bounded({"few": [1, 2, 3], "many": CLASSES, "more": CLASSES * 10, "text": "y" * 500})
    assert (found["few"], found["text"]) == ([1, 2, 3], "y" * 500)
    assert abs(size(found["many"]) - size(found["more"])) < 50
    assert found["shortened"].keys() == {"many", "more"}


def test_too_many_attributes_are_counted() -> None:
    found = bounded({f"attribute_{number}": number for number in range(4000)})
    shown = len(found) - 1
    assert found["shortened"] == {"attributes": {"shown": shown, "total": 4000}}
    assert shown > 100
    assert size(found) <= MAX_ATTRIBUTES_BYTES


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8), inner, max_size=8),
)


@given(st.dictionaries(st.text(max_size=30), VALUES, max_size=12), st.integers(400, 3000))
def test_whatever_is_told_fits(details: dict[str, Any], most_bytes: int) -> None:
    found = bounded(details, most_bytes)
    assert size(found) <= most_bytes
    assert bounded(found, most_bytes) == found
    if size(details) <= most_bytes:
        assert found == details
    else:
        assert found["shortened"]


@pytest.mark.parametrize(("text", "shown"), [("x" * 255, "x" * 255), ("x" * 256, "x" * 254 + "…"), ("", "")])
def test_a_text_has_at_most_255_characters(text: str, shown: str) -> None:
    assert bounded_text(text) == shown


def test_a_bridge_publishes_no_attributes_above_the_bound(desk: Desk) -> None:
    desk.lamp.set_attributes("mood", classes=CLASSES)
    desk.pass_time(1)
    published = desk.states()[-1]["attributes"]["mood"]
    assert published["shortened"]["classes"]["total"] == 1203
    assert size(published) <= MAX_ATTRIBUTES_BYTES
    states = len(desk.states())
    desk.lamp.set_attributes("mood", classes=CLASSES)  # the same again is no change
    desk.pass_time(1)
    assert len(desk.states()) == states


def test_the_data_of_an_event_have_the_same_bound(desk: Desk) -> None:
    desk.lamp.touched.fire("short", fingers=CLASSES)
    sent = desk.broker.on(f"{BASE}/touched")[-1]
    assert sent.json["event_type"] == "short"
    assert sent.json["shortened"]["fingers"]["total"] == 1203
    assert len(sent.payload) <= MAX_ATTRIBUTES_BYTES


def test_a_refused_command_with_a_long_reason_does_too(desk: Desk) -> None:
    desk.command("ring", b'{"state":"ON","%s":1}' % (b"x" * 60_000))
    assert size(desk.states()[-1]["attributes"]["last_refused"]) <= MAX_ATTRIBUTES_BYTES
    assert len(desk.states()[-1]["last_refused"]) <= 255
