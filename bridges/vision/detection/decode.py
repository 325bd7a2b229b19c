"""Decoding of network outputs: the layouts of the YOLO family, and non-maximum suppression. Pure.

| layout | shape | numbers of one candidate |
|---|---|---|
| `columns` | (1, 4 + labels, n) | centre x, centre y, width, height, a score for each label (YOLOv8, YOLO11, our own) |
| `rows` | (1, n, 5 + labels) | the same four, whether there is an object at all, a score for each label (YOLOv5) |
| `end_to_end` | (1, n, 6) | left, top, right, bottom, score, number of the label; no doubles (YOLO26, NMS exported) |

All in pixels of the network's input. Thousands of candidates come and a handful is meant, so the one pass over all of
them is the cheapest that tells them apart, and everything else looks at those that are left.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.types import overlaps

MOST_CANDIDATES = 300
"""How many of the strongest candidates are looked at: suppression grows with the square of their number."""
LARGEST_SCORE = 1.01
"""Scores may exceed 1 by the rounding of a quantised network and then count as 1; larger ones are invalid."""
MOST_END_TO_END = 1000
"""No network with its own suppression gives more; 300 is usual."""

Output = NDArray[np.float32]
"""What a network gave for one picture, without the leading 1 of its shape."""

Table = NDArray[np.float64]
"""One candidate in each row: left, top, right, bottom, score, number of its label."""


class Layout(enum.StrEnum):
    """How a network's output is arranged."""

    COLUMNS = "columns"
    ROWS = "rows"
    END_TO_END = "end_to_end"


class LayoutError(ValueError):
    """The output fits no layout, or more than one; the text says which and why."""


class Candidates(NamedTuple):
    """Decoded candidates, by falling score."""

    table: Table
    """Boxes in pixels of the network's input; they may reach beyond its edges."""
    damaged: int
    """How many were discarded because their numbers are invalid (NaN, infinite, no area, no such label)."""


def recognise(shape: Sequence[int], labels: int, width: int, height: int, layout: Layout | None = None) -> Layout:
    """The layout of an output of this shape, for this many labels and an input of this size.

    Args:
        shape: of the whole output, with the leading 1.
        labels: how many there are.
        width: of the network's input.
        height: of the network's input.
        layout: what it is known to be; None finds out.

    Raises:
        LayoutError: no layout fits, or several do.
    """
    expected = f"(1, {4 + labels}, n), (1, n, {5 + labels}) or (1, n, 6)"
    text = f"({', '.join(str(side) for side in shape)})"
    if len(shape) != 3 or shape[0] != 1:
        raise LayoutError(f"its output {text} is not one of a detector ({expected})")
    fits = set()
    if shape[1] == 4 + labels:
        fits.add(Layout.COLUMNS)
    if shape[2] == 5 + labels:
        fits.add(Layout.ROWS)
    if shape[2] == 6 and shape[1] <= MOST_END_TO_END:
        fits.add(Layout.END_TO_END)
    if labels == 1 and fits == {Layout.ROWS, Layout.END_TO_END}:
        # Six numbers either way; YOLOv5 has three candidates in each cell of its grids.
        fits = {Layout.ROWS if shape[1] in anchor_counts(width, height) else Layout.END_TO_END}
    if layout is not None:
        if layout not in fits:
            raise LayoutError(f"its output {text} does not fit the layout {layout.value!r} for {labels} labels")
        return layout
    if not fits:
        raise LayoutError(f"its output {text} does not fit {labels} labels (they would make it {expected})")
    if len(fits) > 1:
        names = " or ".join(sorted(fits))
        raise LayoutError(f"its output {text} may be {names}: say which one it is")
    return fits.pop()


def anchor_counts(width: int, height: int) -> set[int]:
    """How many candidates YOLOv5 has for an input of this size: with grids of 8 to 32 pixels, or of 8 to 64."""
    cells = [(width // stride) * (height // stride) for stride in (8, 16, 32, 64)]
    return {3 * sum(cells[:3]), 3 * sum(cells)}


@np.errstate(invalid="ignore")  # such as infinite minus infinite: discarded with all that is not finite
def decode(output: Output, layout: Layout, wanted: NDArray[np.bool_], *, confidence: float, iou: float) -> Candidates:
    """Read an output.

    Args:
        output: without the leading 1, as its layout says.
        layout: how it is arranged.
        wanted: for each label, whether it is asked for.
        confidence: least score.
        iou: intersection over union above which two boxes of the same label are one object.
    """
    table, damaged = READERS[layout](output, len(wanted), confidence)
    return select(table, damaged, wanted, iou=None if layout is Layout.END_TO_END else iou)


def select(table: Table, damaged: int, wanted: NDArray[np.bool_], *, iou: float | None) -> Candidates:
    """Keep the candidates that are valid and wanted, by falling score, and suppress duplicates.

    Args:
        table: the candidates, in any order.
        damaged: how many were discarded before.
        wanted: for each label, whether it is asked for.
        iou: intersection over union above which two boxes of the same label are one object; None: no suppression.
    """
    if len(table):
        sound = is_sound(table)
        if not sound.all():
            damaged += len(table) - int(np.count_nonzero(sound))
            table = table[sound]
        if not wanted.all():
            table = table[wanted[table[:, 5].astype(np.intp)]]
        table[:, 4] = np.minimum(table[:, 4], 1.0)  # before the ordering: 1.005 and 1 are the same score
        table = table[strongest(table[:, 4])]
        if iou is not None:
            table = table[suppress(table, iou)]
    return Candidates(table, damaged)


def at_least(confidence: float) -> np.float32:
    """The smallest float32 that is not below, so that outputs are compared without a conversion."""
    least = np.float32(confidence)
    return least if float(least) >= confidence else np.nextafter(least, np.float32(np.inf))


Read = tuple[Table, int]
"""Candidates that reach the least score, in any order, and how many others were NaN."""


def read_columns(output: Output, _labels: int, confidence: float) -> Read:
    """Read layout `columns`."""
    best = output[4:].max(axis=0)
    places = (best >= at_least(confidence)).nonzero()[0]
    part = output[:, places]
    table = np.empty((len(places), 6))
    put_corners(table, part[:4].T)
    table[:, 4] = best[places]
    table[:, 5] = part[4:].argmax(axis=0)
    return table, int(np.count_nonzero(np.isnan(best)))


def read_rows(output: Output, _labels: int, confidence: float) -> Read:
    """Read layout `rows`: the score is objectness times the score of the label."""
    is_object = output[:, 4]
    part = output[(is_object >= at_least(confidence)).nonzero()[0]]
    best = part[:, 5:].max(axis=1)
    scores = part[:, 4].astype(np.float64) * best
    enough = (scores >= confidence).nonzero()[0]
    part = part[enough]
    table = np.empty((len(enough), 6))
    put_corners(table, part[:, :4])
    table[:, 4] = scores[enough]
    table[:, 5] = part[:, 5:].argmax(axis=1)
    return table, int(np.count_nonzero(np.isnan(is_object))) + int(np.count_nonzero(np.isnan(best)))


def read_list(output: Output, labels: int, confidence: float) -> Read:
    """Read layout `end_to_end`."""
    scores = output[:, 4]
    table = output[(scores >= at_least(confidence)).nonzero()[0]].astype(np.float64)
    numbers = table[:, 5]
    known = (numbers >= 0) & (numbers < labels) & (numbers == np.floor(numbers))
    damaged = int(np.count_nonzero(np.isnan(scores))) + len(known) - int(np.count_nonzero(known))
    return table[known], damaged


READERS: dict[Layout, Callable[[Output, int, float], Read]] = {
    Layout.COLUMNS: read_columns,
    Layout.ROWS: read_rows,
    Layout.END_TO_END: read_list,
}


def put_corners(table: Table, centred: NDArray[np.float32]) -> None:
    """Fill in left, top, right, bottom from centre, width and height."""
    table[:, :2] = table[:, 2:4] = centred[:, :2]
    half = centred[:, 2:].astype(np.float64) / 2
    table[:, :2] -= half
    table[:, 2:4] += half


def is_sound(table: Table) -> NDArray[np.bool_]:
    """For each candidate, whether its box has an area and its score is valid."""
    sides = table[:, 2:4] - table[:, :2]
    sound: NDArray[np.bool_] = ((sides > 0) & (sides < np.inf)).all(axis=1) & (table[:, 4] <= LARGEST_SCORE)
    return sound


def strongest(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indexes of the best scores, in falling order, of equal ones the first first; at most MOST_CANDIDATES."""
    if len(scores) <= MOST_CANDIDATES:
        return (-scores).argsort(kind="stable")
    least = np.partition(scores, -MOST_CANDIDATES)[-MOST_CANDIDATES]
    among = (scores >= least).nonzero()[0]
    best: NDArray[np.intp] = among[(-scores[among]).argsort(kind="stable")[:MOST_CANDIDATES]]
    return best


def suppress(table: Table, iou: float) -> list[int]:
    """Greedy non-maximum suppression for each label: indexes of the candidates that are kept.

    Args:
        table: the strongest first.
        iou: intersection over union above which two are one object.
    """
    boxes, numbers = table[:, :4], table[:, 5]
    same = (overlaps(boxes, boxes) > iou) & (numbers[:, None] == numbers)
    taken = np.zeros(len(table), np.bool_)
    kept = []
    for index in range(len(table)):
        if not taken[index]:
            kept.append(index)
            taken |= same[index]
    return kept
