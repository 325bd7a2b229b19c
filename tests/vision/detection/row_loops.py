"""The same decoding once more, as plainly as it can be said: row after row, number after number, nothing clever.

It shares no line with the code under test, and is what the golden results come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Numbers = Sequence[Sequence[float]]


class Found(NamedTuple):
    """One object: its label's number, its score, its box in pixels of the input."""

    number: int
    score: float
    box: tuple[float, float, float, float]


class TooCloseError(Exception):
    """Two boxes overlap by so nearly the limit that rounding decides."""


def decode(layout: str, output: Numbers, wanted: Sequence[bool], confidence: float, iou: float) -> list[Found]:
    """Read an output, given without the leading 1 of its shape."""
    if layout == "columns":
        rows = [list(row) for row in zip(*output, strict=True)]
        found = [each for row in rows if (each := from_column(row, wanted, confidence))]
        return without_doubles(best_300(found), iou)
    if layout == "rows":
        found = [each for row in output if (each := from_row(row, wanted, confidence))]
        return without_doubles(best_300(found), iou)
    return best_300([each for row in output if (each := from_entry(row, wanted, confidence))])


def from_column(row: Sequence[float], wanted: Sequence[bool], confidence: float) -> Found | None:
    scores = row[4:]
    if any(math.isnan(score) for score in scores):
        return None
    return judged(scores, 1.0, centred(row), wanted, confidence)


def from_row(row: Sequence[float], wanted: Sequence[bool], confidence: float) -> Found | None:
    scores = row[5:]
    if not row[4] >= confidence or any(math.isnan(score) for score in scores):
        return None
    return judged(scores, row[4], centred(row), wanted, confidence)


def judged(
    scores: Sequence[float],
    certainty: float,
    box: tuple[float, float, float, float],
    wanted: Sequence[bool],
    confidence: float,
) -> Found | None:
    best = 0
    for number, score in enumerate(scores):
        if score > scores[best]:
            best = number
    return accepted(best, certainty * scores[best], box, wanted, confidence)


def from_entry(row: Sequence[float], wanted: Sequence[bool], confidence: float) -> Found | None:
    left, top, right, bottom, score, number = row
    if not math.isfinite(number) or number != int(number) or not 0 <= number < len(wanted):
        return None
    return accepted(int(number), score, (left, top, right, bottom), wanted, confidence)


def accepted(
    number: int,
    score: float,
    box: tuple[float, float, float, float],
    wanted: Sequence[bool],
    confidence: float,
) -> Found | None:
    left, top, right, bottom = box
    if not all(math.isfinite(side) for side in box) or not left < right or not top < bottom:
        return None
    if not confidence <= score <= 1.01 or not wanted[number]:
        return None
    return Found(number, min(score, 1.0), box)


def centred(row: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = row[:4]
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def best_300(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda each: -each.score)[:300]


def without_doubles(found: list[Found], limit: float) -> list[Found]:
    kept: list[Found] = []
    for each in found:
        shares = [intersection_over_union(each.box, other.box) for other in kept if other.number == each.number]
        if any(abs(share - limit) < 1e-9 for share in shares):
            raise TooCloseError
        if all(share <= limit for share in shares):
            kept.append(each)
    return kept


def intersection_over_union(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    either = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both
    return both / either
