"""Small ONNX networks for tests: real graphs for the real onnxruntime, whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 13, 8
"""Old enough for every onnxruntime that may run them."""
Shape = Sequence[int | str]


def build(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Shape]],
    outputs: Mapping[str, tuple[int, Shape]],
    constants: Mapping[str, NDArray[Any]],
    notes: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """A model from nodes; notes are what exporters write into it, such as `names`."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, dict(notes or {}))
    return model


def names_note(labels: Sequence[str]) -> dict[str, str]:
    """Labels as exporters write them."""
    return {"names": repr(dict(enumerate(labels))), "task": "detect"}


def fixed_answer(
    *answers: NDArray[Any],
    input_shape: Shape = (1, 3, 64, 64),
    kind: int = TensorProto.FLOAT,
    notes: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """A network that looks at its picture and then gives these outputs anyway."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
    ]
    constants: dict[str, NDArray[Any]] = {"nothing": np.zeros((), helper.tensor_dtype_to_np_dtype(kind))}
    outputs = {}
    for number, answer in enumerate(answers):
        constants[f"answer{number}"] = answer
        kind_of_answer = helper.np_dtype_to_tensor_dtype(answer.dtype)
        nodes += [
            helper.make_node("Cast", ["zero"], [f"zero{number}"], to=kind_of_answer),
            helper.make_node("Add", [f"answer{number}", f"zero{number}"], [f"output{number}"]),
        ]
        outputs[f"output{number}"] = (kind_of_answer, answer.shape)
    return build(nodes, {"images": (kind, input_shape)}, outputs, constants, notes)


CELL = 8


def sees_red(width: int, height: int, label: str = "red thing") -> onnx.ModelProto:
    """A network of layout `columns` that finds each red cell of 8x8 pixels of its input."""
    across, down = width // CELL, height // CELL
    x, y = np.meshgrid(np.arange(across), np.arange(down))
    boxes = np.stack([x * CELL + CELL / 2, y * CELL + CELL / 2, np.full(x.shape, CELL), np.full(x.shape, CELL)])
    constants = {
        "boxes": boxes.reshape(1, 4, -1).astype(np.float32),
        "weights": np.array([1, -1, -1], np.float32).reshape(1, 3, 1, 1),
        "flat": np.array([1, 1, across * down], np.int64),
        "low": np.float32(0),
        "high": np.float32(1),
    }
    nodes = [
        helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Conv", ["cells", "weights"], ["redness"]),
        helper.make_node("Clip", ["redness", "low", "high"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "flat"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    return build(
        nodes,
        {"images": (TensorProto.FLOAT, (1, 3, height, width))},
        {"output0": (TensorProto.FLOAT, (1, 5, across * down))},
        constants,
        names_note([label]),
    )


def any_size() -> onnx.ModelProto:
    """A network that takes any size: one candidate in each cell of 32 pixels, all of them weak but sound."""
    nodes = [
        helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Conv", ["cells", "weights", "biases"], ["six"]),
        helper.make_node("Reshape", ["six", "flat"], ["output0"]),
    ]
    constants = {
        "weights": np.zeros((6, 3, 1, 1), np.float32),
        "biases": np.array([16, 16, 8, 8, 0.1, 0.2], np.float32),
        "flat": np.array([1, 6, -1], np.int64),
    }
    return build(
        nodes,
        {"images": (TensorProto.FLOAT, ("batch", 3, "height", "width"))},
        {"output0": (TensorProto.FLOAT, ("batch", 6, "anchors"))},
        constants,
        names_note(["ball", "cone"]),
    )


def divides_by_brightness() -> onnx.ModelProto:
    """A network that is sound until it sees a black picture: then it divides by zero."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "mean"], ["one"]),
        helper.make_node("Mul", ["answer", "one"], ["output0"]),
    ]
    answer = np.array([[[32], [32], [16], [16], [0.9]]], np.float32)
    return build(
        nodes,
        {"images": (TensorProto.FLOAT, (1, 3, 64, 64))},
        {"output0": (TensorProto.FLOAT, answer.shape)},
        {"answer": answer},
        names_note(["ball"]),
    )


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Write a model to a file."""
    path.write_bytes(model.SerializeToString())
    return path
