"""What the face hears of others: loudness, and people in the camera's picture."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.display.animation.inputs import loudness_of, person_of, place_of


def thing(label: str = "person", box: tuple[float, ...] = (0.4, 0.2, 0.6, 0.9), **more: object) -> dict[str, Any]:
    return {"label": label, "box": list(box), "score": 0.9, "position": "center", **more}


@pytest.mark.parametrize(
    ("message", "level"), [(0.5, 0.5), (1, 1.0), ({"level": 0.25}, 0.25), ({"level": 0, "more": 1}, 0.0)]
)
def test_loudness_has_two_forms(message: object, level: float) -> None:
    assert loudness_of(message) == level


@pytest.mark.parametrize("message", ["0.5", None, True, [0.5], {}, {"level": None}, {"level": "loud"}])
def test_what_is_no_loudness_is_told(message: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        loudness_of(message)


def test_the_largest_person_is_looked_at() -> None:
    far, near = thing(id=1, box=(0.1, 0.1, 0.2, 0.3)), thing(id=2, box=(0.5, 0.1, 0.9, 1.0))
    found = person_of({"objects": [far, near], "time": 1}, None)
    assert found is not None
    assert found.id == 2


def test_who_is_looked_at_already_stays_so_while_seen() -> None:
    far, near = thing(id=1, box=(0.1, 0.1, 0.2, 0.3)), thing(id=2, box=(0.5, 0.1, 0.9, 1.0))
    found = person_of({"objects": [far, near]}, 1)
    assert found is not None
    assert found.id == 1


@pytest.mark.parametrize("objects", [[], [thing("dog"), thing("chair")]])
def test_nobody_is_there(objects: list[object]) -> None:
    assert person_of({"objects": objects}, None) is None


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"objects": [{"label": "person"}]},
        {"objects": [thing(box=(0, 0, 1))]},
        {"objects": [thing(box=(0, 0, 640, 480))]},
        {"objects": [thing(id="x")]},
    ],
)
def test_what_is_no_sight_is_told(message: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        person_of(message, None)


@given(
    st.recursive(
        st.none() | st.floats(allow_nan=False) | st.text(),
        lambda each: (
            st.lists(each) | st.dictionaries(st.sampled_from(["objects", "label", "box", "id", "level"]), each)
        ),
    )
)
def test_damaged_messages_raise_one_kind_of_error(message: object) -> None:
    for take in (loudness_of, lambda sight: person_of(sight, None)):
        with contextlib.suppress(msgspec.ValidationError):
            take(message)


def test_the_pupils_turn_to_where_the_person_stands() -> None:
    left = person_of({"objects": [thing(box=(0.0, 0.0, 0.2, 1.0))]}, None)
    assert left is not None
    x, y = place_of(left, mirrored=False)
    assert x == pytest.approx(-0.8)
    assert y == pytest.approx(-0.7)
    assert place_of(left, mirrored=True) == (-x, y)
