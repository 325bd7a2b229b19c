"""A detector that needs no training: a small ONNX network that finds patches by their colour, for tests of the rest.

It speaks the layout of YOLOv8 and 11, (1, 4 + classes, n): the picture is averaged over cells, and each cell scores
how near its colour is to that of a class; its box is a little larger than the cell, so that neighbours melt into one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT, CELL, BOX = 320, 256, 16, 48
RED, TEAL = (230, 57, 70), (42, 157, 143)
"""The simulated living room's ball and person (red, green, blue)."""
SHARPNESS, TOLERANCE = 0.35, 45.0
"""Score: a half where the colour is TOLERANCE away in all channels together, falling this fast."""


def write_model(path: Path, colours: Mapping[str, tuple[int, int, int]] | None = None) -> Path:
    """Write a network that finds these colours (red, green, blue) by these names."""
    classes = dict(colours or {"ball": RED, "person": TEAL})
    wanted = np.array(list(classes.values()), np.float32) / 255
    rows, columns = HEIGHT // CELL, WIDTH // CELL
    across, down = np.meshgrid(np.arange(columns) * CELL + CELL / 2, np.arange(rows) * CELL + CELL / 2)
    sides = np.full_like(across, BOX, dtype=np.float32)
    boxes = np.stack([across, down, sides, sides]).reshape(1, 4, -1).astype(np.float32)
    constants = {
        "wanted": wanted.reshape(1, len(classes), 3, 1),
        "cells": np.array([1, 1, 3, rows * columns], np.int64),
        "channels": np.array([2], np.int64),
        "scale": np.array([-SHARPNESS * 255], np.float32),
        "offset": np.array([SHARPNESS * TOLERANCE], np.float32),
        "boxes": boxes,
    }
    nodes = [
        helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Reshape", ["pooled", "cells"], ["flat"]),
        helper.make_node("Sub", ["flat", "wanted"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["away"]),
        helper.make_node("ReduceSum", ["away", "channels"], ["distance"], keepdims=0),
        helper.make_node("Mul", ["distance", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + len(classes), rows * columns])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    names = dict(enumerate(classes))
    helper.set_model_props(model, {"names": str(names), "task": "detect"})
    onnx.save(model, path)
    return path
