"""Which text stands below the face."""

from __future__ import annotations

import math

import pytest

from bridges.display.text.selection import Words


@pytest.fixture
def words() -> Words:
    return Words()


def test_there_is_none_at_first(words: Words) -> None:
    assert words.text(10) == ""
    assert words.next_change() == math.inf


def test_a_message_stands_as_long_as_it_shall(words: Words) -> None:
    words.say("Hello", 15)
    assert words.text(14.9) == "Hello"
    assert words.next_change() == 15
    assert words.text(15) == ""
    assert words.message == ""
    assert words.next_change() == math.inf


def test_people_come_before_the_cars_own_line(words: Words) -> None:
    words.tell("Microphone off", urgent=False)
    assert words.text(10) == "Microphone off"
    words.say("Hello", 15)
    assert words.text(10) == "Hello"
    assert words.text(15) == "Microphone off"


def test_an_urgent_line_comes_before_people(words: Words) -> None:
    words.say("Hello", 15)
    words.tell("Emergency stop", urgent=True)
    assert words.text(10) == "Emergency stop"
    words.tell("", urgent=False)
    assert words.text(12) == "Hello"


def test_a_message_is_taken_back_by_an_empty_one(words: Words) -> None:
    words.say("Hello", 15)
    words.say("", math.inf)
    assert words.text(10) == ""
