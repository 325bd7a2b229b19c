"""Poses as numbers: what each expression is, and the way from one to another."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.display.face.expressions import EXPRESSIONS, FIELDS, Pose, between

FACTS = "base happy listening speaking surprised curious sad look_left look_right look_up look_down sleep excited"
PUPILS = {
    "base": (0, 0),
    "happy": (0, -0.15),
    "listening": (0, -0.3),
    "speaking": (0, 0),
    "surprised": (0, -0.05),
    "curious": (-0.35, -0.1),
    "sad": (0, 0.25),
    "look_left": (-0.6, -0.05),
    "look_right": (0.6, -0.05),
    "look_up": (0, -0.6),
    "look_down": (0, 0.6),
    "excited": (0, -0.1),
}
BLUSH = {
    "base": 1.0,
    "happy": 1.4,
    "listening": 1.1,
    "speaking": 1.2,
    "surprised": 0.6,
    "curious": 1.0,
    "sad": 0.4,
    "look_left": 0.9,
    "look_right": 0.9,
    "look_up": 0.9,
    "look_down": 0.7,
    "sleep": 0.5,
    "excited": 1.6,
}

names = st.sampled_from(list(EXPRESSIONS))
shares = st.floats(0, 1)


def test_there_are_the_thirteen_in_their_order() -> None:
    assert list(EXPRESSIONS) == FACTS.split()


@pytest.mark.parametrize("name", PUPILS)
def test_each_looks_where_it_always_looked(name: str) -> None:
    assert (EXPRESSIONS[name].pupil_x, EXPRESSIONS[name].pupil_y) == PUPILS[name]


@pytest.mark.parametrize("name", BLUSH)
def test_each_blushes_as_it_always_did(name: str) -> None:
    assert EXPRESSIONS[name].blush == BLUSH[name]


def test_happy_smiles_and_sad_does_not() -> None:
    curves = {name: pose.mouth_curve for name, pose in EXPRESSIONS.items()}
    assert curves["happy"] == curves["excited"] == max(curves.values()) > curves["base"] > 0
    assert curves["sad"] == min(curves.values()) < 0


def test_only_sleep_has_closed_eyes() -> None:
    assert [name for name, pose in EXPRESSIONS.items() if pose.eye_open_left == 0 == pose.eye_open_right] == ["sleep"]


def test_only_excited_has_highlights_that_go_around() -> None:
    assert {name: pose.spin for name, pose in EXPRESSIONS.items() if pose.spin} == {"excited": 220}


def test_no_two_are_the_same() -> None:
    for one, other in itertools.combinations(EXPRESSIONS.values(), 2):
        assert one != other


def test_a_pose_cannot_be_changed_by_who_draws_it() -> None:
    with pytest.raises(AttributeError):
        EXPRESSIONS["base"].blush = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        EXPRESSIONS["base"] = Pose()  # type: ignore[index]


@given(names, names)
def test_a_way_begins_and_ends_at_its_poses(a: str, b: str) -> None:
    start, end = EXPRESSIONS[a], EXPRESSIONS[b]
    assert between(start, end, 0) == start
    assert msgspec.structs.astuple(between(start, end, 1)) == pytest.approx(msgspec.structs.astuple(end))


@given(names, names, shares)
def test_every_number_is_on_the_way(a: str, b: str, share: float) -> None:
    start, end = EXPRESSIONS[a], EXPRESSIONS[b]
    pose = between(start, end, share)
    for field in FIELDS:
        begin, target = getattr(start, field), getattr(end, field)
        assert getattr(pose, field) == pytest.approx(begin + share * (target - begin))


@given(names, names, shares)
def test_the_way_back_is_the_same(a: str, b: str, share: float) -> None:
    there = between(EXPRESSIONS[a], EXPRESSIONS[b], share)
    back = between(EXPRESSIONS[b], EXPRESSIONS[a], 1 - share)
    assert msgspec.structs.astuple(there) == pytest.approx(msgspec.structs.astuple(back))
