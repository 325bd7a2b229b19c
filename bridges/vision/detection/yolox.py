"""Decoding of YOLOX: one candidate in each cell of its grids, relative to that cell. Pure.

Output (1, n, 5 + labels): the centre's way from the cell's upper left corner in cells, the logarithm of width and
height in cells, whether there is an object at all, a score for each label. The cells of the finest grid come first,
each grid row after row. Some exports have this arithmetic inside already. Source: `demo_postprocess` in
`yolox/utils/demo_utils.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.decode import Output, Read, at_least

STRIDES = ((8, 16, 32), (8, 16, 32, 64))
"""Pixels of a cell: of the usual networks, and of those for large pictures ("P6")."""


class Grid:
    """The cells of a network with an input of this size.

    Args:
        width: of the network's input, in pixels.
        height: of the network's input, in pixels.
        strides: sides of the cells, in pixels, the finest first.
    """

    def __init__(self, width: int, height: int, strides: tuple[int, ...]) -> None:
        corners, sides = [], []
        for stride in strides:
            down, across = np.mgrid[0 : height // stride, 0 : width // stride]
            corners.append(np.stack([across.ravel(), down.ravel()], axis=1))
            sides.append(np.full(across.size, stride))
        self.corners: NDArray[np.float64] = np.concatenate(corners).astype(np.float64)
        """Of each cell: column and row."""
        self.strides: NDArray[np.float64] = np.concatenate(sides).astype(np.float64)
        """Of each cell: pixels."""

    def __len__(self) -> int:
        return len(self.strides)

    def is_relative(self, output: Output) -> bool:
        """Whether an output tells its centres relative to the cells, and not in pixels: whichever is nearer to them."""
        centres = output[:, :2].astype(np.float64)
        relative = np.abs(centres - 0.5)
        absolute = np.abs(centres / self.strides[:, None] - self.corners - 0.5)
        return bool(np.median(relative) <= np.median(absolute))


def grid_of(count: int, width: int, height: int) -> Grid | None:
    """The grid that has so many cells for an input of this size; None: there is none."""
    for strides in STRIDES:
        if count == sum((width // stride) * (height // stride) for stride in strides) > 0:
            return Grid(width, height, strides)
    return None


def read_grid(output: Output, grid: Grid, confidence: float) -> Read:
    """Candidates that reach the least score: objectness times the score of the best label."""
    is_object = output[:, 4]
    places = (is_object >= at_least(confidence)).nonzero()[0]
    part = output[places]
    best = part[:, 5:].max(axis=1)
    scores = part[:, 4].astype(np.float64) * best
    enough = (scores >= confidence).nonzero()[0]
    places, part = places[enough], part[enough]
    strides = grid.strides[places, None]
    middle = (part[:, :2].astype(np.float64) + grid.corners[places]) * strides
    half = np.exp(part[:, 2:4].astype(np.float64)) * strides / 2
    table = np.empty((len(enough), 6))
    table[:, :2] = middle - half
    table[:, 2:4] = middle + half
    table[:, 4] = scores[enough]
    table[:, 5] = part[:, 5:].argmax(axis=1)
    return table, int(np.count_nonzero(np.isnan(is_object))) + int(np.count_nonzero(np.isnan(best)))
