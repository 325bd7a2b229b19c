"""How a network's outputs are read: which of them, in which layout. Chosen by names, shapes and one grey picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.decode import Candidates, Layout, LayoutError, Output, decode, recognise, select
from bridges.vision.detection.families import QUERY_FAMILIES, Family
from bridges.vision.detection.queries import (
    LARGEST_FRACTION,
    FinishedNames,
    RawNames,
    find_outputs,
    label_numbers,
    quoted,
    read_raw,
)
from bridges.vision.detection.yolox import Grid, grid_of, read_grid

Wanted = NDArray[np.bool_]
"""For each label, whether it is asked for."""


class Reading(Protocol):
    """Reads what a network gave for one picture. Pure."""

    names: tuple[str, ...]
    """The outputs that are needed, in the order in which `read` takes them."""

    def read(self, outputs: Sequence[Output], wanted: Wanted, *, confidence: float, iou: float) -> Candidates:
        """The objects, the surest first, with boxes in pixels of the network's input.

        Args:
            outputs: each without the leading 1 of its shape.
            wanted: for each label, whether it is asked for.
            confidence: least score.
            iou: intersection over union above which two boxes of the same label are one object.
        """


class TableReading:
    """One output in a layout of the YOLO family."""

    def __init__(self, name: str, layout: Layout) -> None:
        self.names: tuple[str, ...] = (name,)
        self.layout = layout

    def read(self, outputs: Sequence[Output], wanted: Wanted, *, confidence: float, iou: float) -> Candidates:
        return decode(outputs[0], self.layout, wanted, confidence=confidence, iou=iou)


class GridReading:
    """One output of YOLOX, relative to the cells of a grid."""

    layout = Layout.ROWS

    def __init__(self, name: str, grid: Grid) -> None:
        self.names: tuple[str, ...] = (name,)
        self._grid = grid

    @np.errstate(invalid="ignore", over="ignore")  # what is not finite is thrown away afterwards
    def read(self, outputs: Sequence[Output], wanted: Wanted, *, confidence: float, iou: float) -> Candidates:
        return select(*read_grid(outputs[0], self._grid, confidence), wanted, iou=iou)


class RawQueryReading:
    """Logits and boxes of D-FINE, RT-DETR or RF-DETR."""

    layout = None

    def __init__(self, names: RawNames, numbers: NDArray[np.intp], size: tuple[int, int]) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self._numbers = numbers
        self._size = size

    @np.errstate(invalid="ignore", over="ignore")  # as above
    def read(self, outputs: Sequence[Output], wanted: Wanted, *, confidence: float, iou: float) -> Candidates:
        logits, boxes = outputs
        return select(*read_raw(logits, boxes, self._numbers, self._size, confidence), wanted, iou=None)


class FinishedQueryReading:
    """Labels, boxes and scores of D-FINE or RT-DETR."""

    layout = None

    def __init__(self, names: FinishedNames, scale: tuple[float, float]) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self._scale = np.array([*scale, *scale], np.float32)

    def read(self, outputs: Sequence[Output], wanted: Wanted, *, confidence: float, iou: float) -> Candidates:
        labels, boxes, scores = outputs
        table = np.concatenate([boxes * self._scale, scores[:, None], labels[:, None]], axis=1, dtype=np.float32)
        return decode(table, Layout.END_TO_END, wanted, confidence=confidence, iou=iou)


class Choice(NamedTuple):
    """How a network is fed and read."""

    family: Family
    reading: Reading
    layout: Layout | None
    """Of the YOLO families: how the output is arranged."""


def choose(
    outputs: Mapping[str, Any],
    labels: Sequence[str],
    size: tuple[int, int],
    *,
    family: Family | None = None,
    layout: Layout | None = None,
    told_size: bool = False,
) -> Choice:
    """Find out how a network is fed and read.

    Args:
        outputs: all that it gave for one grey picture, by name.
        labels: what it can tell apart.
        size: width and height of its input.
        family: what it is known to be; None finds out.
        layout: how its output is known to be arranged; None finds out.
        told_size: whether it has an input that tells it the size of the picture.

    Raises:
        LayoutError: nothing fits, or several things do; the text says why.
    """
    if layout is None and family in {None, *QUERY_FAMILIES}:
        names = find_outputs(outputs)
        if names is not None:
            return queries(outputs, names, labels, size, family, told_size=told_size)
        if family is not None:
            raise LayoutError(f"its outputs {shapes_told(outputs)} are not those of the family {family.value!r}")
    if layout in {None, Layout.ROWS} and family in {None, Family.YOLOX}:
        choice = cells(outputs, len(labels), size)
        if choice is not None and family in {None, choice.family}:
            return choice
    return table(outputs, len(labels), size, family or Family.YOLO, layout)


def queries(
    outputs: Mapping[str, Any],
    names: RawNames | FinishedNames,
    labels: Sequence[str],
    size: tuple[int, int],
    family: Family | None,
    *,
    told_size: bool,
) -> Choice:
    """The choice for a network that gives queries."""
    boxes: NDArray[Any] = outputs[names.boxes]
    fractions = bool(np.abs(boxes).max() <= LARGEST_FRACTION)
    if isinstance(names, FinishedNames):
        scale = size if fractions and not told_size else (1, 1)
        return Choice(family or Family.D_FINE, FinishedQueryReading(names, scale), None)
    if not fractions:
        raise LayoutError("its boxes are no fractions of the picture; export it without post-processing")
    classes = outputs[names.logits].shape[2]
    numbers = label_numbers(classes, labels)
    if family is None:
        by_name = {"dets", "labels"} == set(names)
        family = Family.RF_DETR if by_name or classes != len(labels) else Family.D_FINE
    return Choice(family, RawQueryReading(names, numbers, size), None)


def cells(outputs: Mapping[str, Any], labels: int, size: tuple[int, int]) -> Choice | None:
    """The choice for a network with one candidate in each cell of its grids; None: it is none, or cannot be told."""
    found = []
    for name, output in outputs.items():
        shape: tuple[int, ...] = output.shape if isinstance(output, np.ndarray) else ()
        if len(shape) != 3 or shape[0] != 1 or shape[2] != 5 + labels:
            continue
        grid = grid_of(shape[1], *size)
        if grid is not None:
            found.append((name, output[0], grid))
    if len(found) != 1:
        return None
    ((name, output, grid),) = found
    if grid.is_relative(output):
        return Choice(Family.YOLOX, GridReading(name, grid), Layout.ROWS)
    # YOLOv6 has such a list too, but knows no certainty of an object: it is always 1.
    family = Family.YOLO if (output[:, 4] == 1).all() else Family.YOLOX
    return Choice(family, TableReading(name, Layout.ROWS), Layout.ROWS)


def table(
    outputs: Mapping[str, Any], labels: int, size: tuple[int, int], family: Family, layout: Layout | None
) -> Choice:
    """The choice for a network of which one output has a layout of the YOLO family."""
    reasons = []
    fitting: list[tuple[str, Layout]] = []
    for name, output in outputs.items():
        try:
            shape = output.shape if isinstance(output, np.ndarray) else ()  # else a list of something
            fitting.append((name, recognise(shape, labels, *size, layout)))
        except LayoutError as error:
            reasons.append(str(error))
    if not fitting:
        raise LayoutError(f"{reasons[0] if reasons else 'gives nothing'}; correct model or label file")
    if len(fitting) > 1:
        raise LayoutError(f"{len(fitting)} of its outputs fit; export it with one")
    name, found = fitting[0]
    return Choice(family, TableReading(name, found), found)


def shapes_told(outputs: Mapping[str, Any]) -> str:
    """Names and shapes of some outputs, for people."""
    told = [f"{quoted(name)} {getattr(value, 'shape', 'of another kind')}" for name, value in list(outputs.items())[:4]]
    return ", ".join(told) or "(none)"
