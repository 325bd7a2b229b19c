"""Numbers in commands: what counts as one, and rounding to the step of an entity."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from smartcar_mqtt.commands import Refused

LARGEST_NUMBER = 1e300
"""JSON may carry whole numbers of hundreds of digits, which no float can hold."""
WRITTEN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""A number as text. Python's own reading would also take `1_0`, `infinity` and the digits of other scripts."""


def is_number(value: object) -> bool:
    """Whether this is a number that can be compared and written: neither a bool, nor infinite, nor absurdly long."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def read_number(value: Any, unit: str | None = None) -> float:
    """A number out of a command: a JSON number, or text with or without the entity's unit.

    Raises:
        Refused: it is none. A decimal comma is refused with a hint, since `1,000` is ambiguous.
    """
    number = value
    if isinstance(value, str):
        text = value.strip()
        if unit and text.endswith(unit):
            text = text.removesuffix(unit).rstrip()
        number = float(text) if WRITTEN.fullmatch(text) else None
        if number is None and WRITTEN.fullmatch(text.replace(",", ".", 1)):
            raise Refused(f"{value[:32]!r} is not a number; decimals stand after a point: {text.replace(',', '.', 1)}")
    if not is_number(number):
        raise Refused(f"{str(value)[:32]!r} is not a number")
    return float(number) if isinstance(number, float) else int(number)


def within(value: float, minimum: float, maximum: float, step: float, *, what: str = "", unit: str = "") -> float:
    """A number rounded to the nearest step, then held against its range; a half is rounded away from the minimum.

    Steps count from the minimum. Where minimum and step are whole, the result is a whole number (`int`).

    Args:
        value: the number that was sent.
        minimum: smallest that is allowed.
        maximum: largest that is allowed; it is one of the steps, wherever the last one before it is.
        step: distance between two values.
        what: name of the field, for the refusal.
        unit: unit of the range, for the refusal.

    Raises:
        Refused: the rounded number is out of range; the text shows what was sent.
    """
    rounded = to_step(value, minimum, step) if minimum - step <= value <= maximum + step else value
    if rounded > maximum >= value:
        rounded = to_whole(maximum, minimum, step)
    if minimum <= rounded <= maximum:
        return rounded
    name, suffix = f"{what} " if what else "", f" {unit}" if unit else ""
    raise Refused(f"{name}{plain(value)} is out of range (allowed: {minimum:g} to {maximum:g}{suffix})")


def to_step(value: float, start: float, step: float) -> float:
    """The nearest of the numbers start, start + step, start + 2 steps, ...; decimal, so that 0.3 stays 0.3."""
    first, size = Decimal(str(start)), Decimal(str(step))
    steps = ((Decimal(str(value)) - first) / size).to_integral_value(ROUND_HALF_UP)
    return to_whole(float(first + steps * size), start, step)


def to_whole(value: float, start: float, step: float) -> float:
    """The number as `int` where all steps are whole numbers, else as `float`; never a negative zero."""
    if float(start).is_integer() and float(step).is_integer() and float(value).is_integer():
        return int(value)
    return float(value) + 0.0


def plain(value: float) -> str:
    """A number with all its digits, so that no refusal shows a number that would be allowed."""
    return str(int(value)) if abs(value) < 1e15 and float(value).is_integer() else repr(value)
