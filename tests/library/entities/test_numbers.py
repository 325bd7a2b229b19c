"""Numbers of commands: rounded to the step first, then held against the range."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcar_mqtt.commands import Refused
from smartcar_mqtt.entities.numbers import plain, read_number, within


@pytest.mark.parametrize(
    ("value", "minimum", "maximum", "step", "rounded"),
    [
        (5.000000000000001, 0.1, 5, 0.1, 5.0),
        (4.999999, 0.1, 5, 0.1, 5.0),
        (0.1 + 0.2, 0.1, 5, 0.1, 0.3),
        (1.25, 0, 5, 0.5, 1.5),
        (0.0999999, 0.1, 5, 0.1, 0.1),
        (42, 0, 100, 1, 42),
        (42.5, 0, 100, 1, 43),
        (43.5, 0, 100, 1, 44),
        (100.4, 0, 100, 1, 100),
        (-0.4, 0, 100, 1, 0),
        (-0.0, 0, 100, 1, 0),
        (-0.0, -5, 5, 0.1, 0.0),
        (-2.5, -5, 5, 1, -2),
        (52, 5, 95, 5, 50),
        (53, 5, 95, 5, 55),
        (9.9, 0, 10, 3, 9),
        (10, 0, 10, 4, 10),  # the maximum counts, although no step leads to it
        (10.4, 0, 10, 1, 10),
    ],
)
def test_it_is_rounded_and_then_allowed(
    value: float, minimum: float, maximum: float, step: float, rounded: float
) -> None:
    found = within(value, minimum, maximum, step)
    assert found == rounded
    assert type(found) is type(rounded)
    assert math.copysign(1, found) == math.copysign(1, rounded)


@pytest.mark.parametrize(
    ("value", "minimum", "maximum", "step", "shown"),
    [
        (5.05, 0.1, 5, 0.1, "5.05"),
        (5.0500001, 0.1, 5, 0.1, "5.0500001"),
        (100.5, 0, 100, 1, "100.5"),
        (-0.5, 0, 100, 1, "-0.5"),
        (1e300, 0, 100, 1, "1e[+]300"),
        (10**300, 0, 100, 1, "1000"),
        (-1e300, 0, 100, 0.1, "-1e[+]300"),
    ],
)
def test_a_refusal_shows_the_number_that_was_sent(
    value: float, minimum: float, maximum: float, step: float, shown: str
) -> None:
    with pytest.raises(Refused, match=rf"^{shown}.* is out of range \(allowed: "):
        within(value, minimum, maximum, step)


@given(st.floats(-1e9, 1e9), st.sampled_from([(0, 100, 1), (0.1, 5, 0.1), (5, 95, 5), (-1, 1, 0.001)]))
def test_what_is_allowed_is_in_the_range_and_near(value: float, limits: tuple[float, float, float]) -> None:
    minimum, maximum, step = limits
    try:
        found = within(value, minimum, maximum, step)
    except Refused:
        assert not minimum <= value <= maximum
    else:
        assert minimum <= found <= maximum
        assert abs(found - value) <= step / 2 + 1e-9
        assert within(found, minimum, maximum, step) == found


@pytest.mark.parametrize(
    ("written", "number"),
    [("5", 5), (" 5.0 ", 5), ("+5", 5), (".5", 0.5), ("5.", 5), ("-1e-3", -0.001), (7, 7), (7.5, 7.5), ("1.5 s", 1.5)],
)
def test_numbers_that_are_read(written: object, number: float) -> None:
    assert read_number(written, "s") == number


@pytest.mark.parametrize(
    "written", ["", "five", "nan", "-inf", "1_0", "0x10", "5,0", "1,000.5", "５", "5 m", "1e999", None, True, [5], {}]
)
def test_what_is_no_number_is_refused(written: object) -> None:
    with pytest.raises(Refused, match="is not a number"):
        read_number(written, "s")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_json_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(Refused, match="is not a number"):
        read_number(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (5, "5"), (5.000000000000001, "5.000000000000001"), (1e300, "1e+300"), (-0.5, "-0.5")],
)
def test_all_digits_are_shown(value: float, text: str) -> None:
    assert plain(value) == text
