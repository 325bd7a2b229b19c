"""Networks of a given size for measuring: real convolutions with random weights, and an answer that is known.

The convolutions are really run, but what they give is multiplied by nothing and added to a fixed answer, so that each
frame has the same number of objects and a result can be checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 13, 8


@dataclass(frozen=True)
class Size:
    """How large a network is."""

    title: str
    width: int
    height: int
    labels: int
    channels: tuple[int, int, int, int, int]
    """Channels after each halving of the picture."""
    repeats: int
    """Convolutions at each of the three coarsest grids."""


YOLO11N_640 = Size("YOLO11n's size at 640", 640, 640, 80, (16, 32, 64, 128, 256), 4)
YOLO11N_320 = Size("YOLO11n's size at 320", 320, 320, 80, (16, 32, 64, 128, 256), 4)


class Network:
    """A network under construction."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.operations = 0
        """Floating-point operations for one picture: two for each multiplication that is added up."""
        self._random = np.random.default_rng(1)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants[name] = value
        return name

    def node(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolve(
        self, before: str, name: str, shape: tuple[int, int, int], out: int, *, kernel: int = 3, step: int = 1
    ) -> str:
        """A convolution and its activation, as these networks have them (x times its sigmoid)."""
        channels, height, width = shape
        weights = self._random.normal(0, 1 / np.sqrt(channels * kernel**2), (out, channels, kernel, kernel))
        self.constant(f"{name}_weights", weights.astype(np.float32))
        pads = [kernel // 2] * 4
        conv = self.node("Conv", before, f"{name}_weights", name=f"{name}_sum", strides=[step, step], pads=pads)
        self.operations += 2 * out * channels * kernel**2 * (height // step) * (width // step)
        gate = self.node("Sigmoid", conv, name=f"{name}_gate")
        return self.node("Mul", conv, gate, name=name)

    def model(self, answer: NDArray[np.float32]) -> onnx.ModelProto:
        """Put it together; `answer` is the output, (1, 4 + labels, n)."""
        size = self.size
        height, width, channels = size.height, size.width, 3
        last = "images"
        heads = []
        for stage, out in enumerate(size.channels):
            last = self.convolve(last, f"down{stage}", (channels, height, width), out, step=2)
            height, width, channels = height // 2, width // 2, out
            if stage < 2:
                continue
            for number in range(size.repeats):
                name = f"stage{stage}_{number}"
                half = self.convolve(last, f"{name}_half", (channels, height, width), channels // 2)
                full = self.convolve(half, f"{name}_full", (channels // 2, height, width), channels)
                last = self.node("Add", last, full, name=name)
            head = self.convolve(last, f"head{stage}", (channels, height, width), 4 + size.labels, kernel=1)
            shape = self.constant(f"shape{stage}", np.array([1, 4 + size.labels, -1], np.int64))
            heads.append(self.node("Reshape", head, shape, name=f"flat{stage}"))
        joined = self.node("Concat", *heads, name="joined", axis=2)
        silent = self.node("Mul", joined, self.constant("nothing", np.zeros((), np.float32)), name="silent")
        self.node("Add", silent, self.constant("answer", answer), name="output0")
        graph = helper.make_graph(
            self._nodes,
            "net",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, size.height, size.width))],
            [helper.make_tensor_value_info("output0", TensorProto.FLOAT, answer.shape)],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def candidates(size: Size, objects: int) -> NDArray[np.float32]:
    """An output with so many true candidates, apart from each other, among thousands that are weak."""
    random = np.random.default_rng(2)
    count = sum((size.width // stride) * (size.height // stride) for stride in (8, 16, 32))
    output = np.empty((1, 4 + size.labels, count), np.float32)
    output[0, :2] = random.uniform(0, 1, (2, count)) * [[size.width], [size.height]]
    output[0, 2:4] = random.uniform(8, 60, (2, count))
    output[0, 4:] = random.random((size.labels, count)) * 0.05
    columns = 10
    for number, place in enumerate(random.choice(count, objects, replace=False).tolist()):
        x = (number % columns + 0.5) * size.width / columns
        y = (number // columns + 0.5) * size.height * 0.5 / columns + size.height * 0.25
        output[0, :4, place] = (x, y, size.width / columns / 2, size.height / columns / 4)
        output[0, 4 + number % size.labels, place] = 0.3 + 0.6 * random.random()
    return output
