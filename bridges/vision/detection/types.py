"""What a detector finds in one frame, and how much two boxes overlap."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""One box in each row: left, top, right, bottom; pixels or fractions, as the place says."""

TINY = np.finfo(np.float64).tiny


class Detection(msgspec.Struct, frozen=True, gc=False):
    """One object in one frame."""

    label: str
    score: float
    """How sure the network is, 0 to 1."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in fractions of the frame, each from 0 to 1."""


def overlaps(some: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Intersection over union of each of `some` (rows) with each of `others` (columns); 0 where neither has an area."""
    left, top, right, bottom = some.T[:, :, None]
    width = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    height = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    both: NDArray[np.float64] = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    either = areas(some)[:, None] + areas(others) - both
    return both / np.maximum(either, TINY)


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """The area of each box."""
    result: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return result
