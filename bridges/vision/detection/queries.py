"""D-FINE, RT-DETR, RF-DETR: some hundred queries, each of which finds one object or nothing; no suppression. Pure.

Two forms of output:

- raw: logits (1, n, classes) and boxes (1, n, 4), centre x, centre y, width, height as fractions of the picture. The
  score is the logit's sigmoid, and the best pairs of query and class are taken. Source: transformers,
  `RTDetrImageProcessor.post_process_object_detection`; `rfdetr/models/postprocess.py`.
- finished: labels (1, n), boxes (1, n, 4), left, top, right, bottom in pixels of the size that the input
  `orig_target_sizes` names, and scores (1, n). Source: `tools/deployment/export_onnx.py` of D-FINE.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.decode import MOST_END_TO_END, LayoutError, Output, Read, put_corners

BOX_NAMES = ("pred_boxes", "dets", "boxes")
LOGIT_NAMES = ("pred_logits", "logits", "labels")
LARGEST_FRACTION = 2.0
"""Boxes end at the picture's edges, more or less; much more are pixels."""
MARGIN = 1e-3
"""Of logits: more than what the rounding of a sigmoid can do."""

COCO_CLASSES, COCO_NUMBERS = 80, 91
COCO_GAPS = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Numbers that the 80 classes of COCO leave out of 0 to 90. RF-DETR keeps COCO's own numbers."""


class RawNames(NamedTuple):
    """Which outputs are what."""

    logits: str
    boxes: str


class FinishedNames(NamedTuple):
    """Which outputs are what."""

    labels: str
    boxes: str
    scores: str


def find_outputs(outputs: Mapping[str, Any]) -> RawNames | FinishedNames | None:
    """Which outputs of a network are logits, boxes and so on: by name, else by shape. None: it is no such network.

    Raises:
        LayoutError: it is one, but what is what cannot be told.
    """
    shapes = {name: value.shape for name, value in outputs.items() if isinstance(value, np.ndarray)}
    boxes = [name for name, shape in shapes.items() if is_list(shape) and shape[2] == 4]
    for each in boxes:
        alike = {name: shape for name, shape in shapes.items() if name != each and shape[:2] == shapes[each][:2]}
        flat = [name for name, shape in alike.items() if len(shape) == 2]
        if len(flat) == 2:
            return finished_names(each, flat, outputs)
    found = [name for name in BOX_NAMES if name in boxes] or boxes
    for each in found:
        tables = [
            name for name, shape in shapes.items() if name != each and is_list(shape) and shape[1] == shapes[each][1]
        ]
        named = [name for name in LOGIT_NAMES if name in tables]
        unnamed = [name for name in tables if shapes[name][2] != 4]
        for candidates in (named, unnamed):
            if len(candidates) == 1:
                return RawNames(candidates[0], each)
        if tables and not named and not unnamed:
            raise LayoutError(f"its outputs {quoted(each, *tables)} are alike: which are the boxes?")
    return None


def quoted(*names: str) -> str:
    """Names of outputs for people; they are somebody else's, and may be long."""
    return " and ".join(repr(name[:40]) for name in names[:4])


def is_list(shape: Sequence[int]) -> bool:
    """Whether an output has one row for each query."""
    return len(shape) == 3 and shape[0] == 1 and 0 < shape[1] <= MOST_END_TO_END and shape[2] > 0


def finished_names(boxes: str, flat: Sequence[str], outputs: Mapping[str, Any]) -> FinishedNames:
    """Which of two lists are the labels: by name, else the whole numbers."""
    whole = [name for name in flat if np.issubdtype(outputs[name].dtype, np.integer)]
    labels = [name for name in flat if "label" in name or "class" in name] or whole
    if len(labels) != 1:
        raise LayoutError(f"its outputs {quoted(*flat)} are alike: which are the scores?")
    scores = next(name for name in flat if name != labels[0])
    return FinishedNames(labels[0], boxes, scores)


def label_numbers(classes: int, labels: Sequence[str]) -> NDArray[np.intp]:
    """For each class of the logits the number of its label; -1: it stands for nothing.

    Raises:
        LayoutError: the labels do not fit.
    """
    count = len(labels)
    if classes == count:
        return np.arange(classes)
    numbers = np.full(classes, -1, np.intp)
    if classes == COCO_NUMBERS and count == COCO_CLASSES:
        numbers[[number for number in range(COCO_NUMBERS) if number not in COCO_GAPS]] = np.arange(count)
    elif classes == COCO_NUMBERS and count == COCO_NUMBERS - 1 and labels[0] == "person":
        numbers[1:] = np.arange(count)
    elif classes == count + 1:
        numbers[:-1] = np.arange(count)  # the last one says that there is nothing
    else:
        raise LayoutError(f"it tells {classes} classes apart, which does not fit {count} labels")
    return numbers


def read_raw(
    logits: Output, boxes: Output, numbers: NDArray[np.intp], size: tuple[int, int], confidence: float
) -> Read:
    """Candidates with the score asked for: every pair of query and class, as one query may be of two classes.

    Args:
        logits: one row for each query, one column for each class.
        boxes: one row for each query, in fractions of the picture.
        numbers: the label of each class, as `label_numbers` tells it.
        size: width and height of the network's input, in pixels.
        confidence: least score.
    """
    least = math.log(confidence / (1 - confidence)) - MARGIN
    queries, classes = (logits >= np.float32(least)).nonzero()
    chosen = logits[queries, classes].astype(np.float64)
    scores = 1 / (1 + np.exp(-chosen))
    enough = ((scores >= confidence) & (numbers[classes] >= 0) & np.isfinite(chosen)).nonzero()[0]
    table = np.empty((len(enough), 6))
    put_corners(table, boxes[queries[enough]])
    table[:, :4] *= (*size, *size)
    table[:, 4] = scores[enough]
    table[:, 5] = numbers[classes[enough]]
    damaged = np.isnan(logits).any(axis=1) | np.isposinf(logits).any(axis=1)
    return table, int(np.count_nonzero(damaged))
