"""Decoding of YOLOX and of networks with queries once more, as plainly as it can be said, number after number.

As row_loops.py, it shares no line with the code under test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.vision.detection.row_loops import Found, Numbers, best_300, without_doubles


def sigmoid(x: float) -> float:
    if x < 0:
        return math.exp(x) / (1 + math.exp(x))
    return 1 / (1 + math.exp(-x))


def cells(width: int, height: int) -> list[tuple[int, int, int]]:
    """Column, row and stride of each candidate."""
    return [
        (column, row, stride)
        for stride in (8, 16, 32)
        for row in range(height // stride)
        for column in range(width // stride)
    ]


def yolox(output: Numbers, size: tuple[int, int], wanted: Sequence[bool], confidence: float, iou: float) -> list[Found]:
    found = []
    for row, (column, line, stride) in zip(output, cells(*size), strict=True):
        x, y = (row[0] + column) * stride, (row[1] + line) * stride
        if not (math.isfinite(row[2]) and math.isfinite(row[3]) and max(row[2:4]) < 700):
            continue
        width, height = math.exp(row[2]) * stride, math.exp(row[3]) * stride
        scores = row[5:]
        if any(math.isnan(score) for score in scores) or not row[4] >= confidence:
            continue
        best = max(range(len(scores)), key=lambda number: (scores[number], -number))
        score = row[4] * scores[best]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        if confidence <= score <= 1.01 and wanted[best] and sound(box):
            found.append(Found(best, min(score, 1.0), box))
    return without_doubles(best_300(found), iou)


def queries(
    logits: Numbers,
    boxes: Numbers,
    labels: Sequence[int | None],
    size: tuple[int, int],
    wanted: Sequence[bool],
    confidence: float,
) -> list[Found]:
    """`labels`: for each class the number of its label."""
    found = []
    for row, (x, y, w, h) in zip(logits, boxes, strict=True):
        box = ((x - w / 2) * size[0], (y - h / 2) * size[1], (x + w / 2) * size[0], (y + h / 2) * size[1])
        if not sound(box):
            continue
        for logit, label in zip(row, labels, strict=True):
            if label is None or not wanted[label] or not math.isfinite(logit):
                continue
            if sigmoid(logit) >= confidence:
                found.append(Found(label, sigmoid(logit), box))
    return best_300(found)


def sound(box: tuple[float, float, float, float]) -> bool:
    return all(math.isfinite(side) for side in box) and box[0] < box[2] and box[1] < box[3]
