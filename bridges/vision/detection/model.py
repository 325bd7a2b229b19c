"""A network from an ONNX file, run by onnxruntime; whatever does not fit is refused in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.decode import Layout, LayoutError, Output, recognise
from bridges.vision.detection.labels import LabelError, read_labels, read_names
from bridges.vision.detection.letterbox import GREY

DEFAULT_SIDE = 640
"""Width and height of the input where the network leaves them free."""
LEAST_SIDE, LARGEST_SIDE = 32, 2048
TYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
FATAL_ONLY = 4
"""onnxruntime's level of messages: it would write to stderr what we say in words of our own."""

MOST_TOLD = 300
"""How many characters of its messages are passed on."""


class ModelError(Exception):
    """The model cannot be used; the text says which, why, and what to do."""


class Model:
    """A network that has proved on one grey picture that it fits. For one thread.

    The session runs in the thread that calls `run`, with `threads` - 1 helpers that sleep between pictures.
    """

    def __init__(
        self,
        path: Path,
        *,
        labels: Sequence[str] | Path | None = None,
        threads: int = 1,
        size: tuple[int, int] | None = None,
        free_size: tuple[int, int] = (DEFAULT_SIDE, DEFAULT_SIDE),
        layout: Layout | None = None,
    ) -> None:
        """Load a network and try it.

        Args:
            path: the ONNX file.
            labels: what it can tell apart, or the text file that says it; None takes what the model's file says.
            threads: how many processor cores a picture may take.
            size: width and height of the input; a network that has another size is refused. None takes its own.
            free_size: what is taken where the network leaves them free.
            layout: how its output is arranged, where the shapes do not tell.

        Raises:
            ModelError: it is missing, damaged, or no detector that fits.
        """
        self.path = path
        self._errors: tuple[type[Exception], ...] = ()
        self.session = self._load(threads)
        """onnxruntime's session."""
        self._input_name, self.dtype, self.width, self.height = self._check_input(size, free_size)
        self.labels = self._find_labels(labels)
        """What it can tell apart, by number."""
        self._output_name = ""
        self.layout = Layout.COLUMNS
        """How its output is arranged."""
        self._find_output(layout)

    def run(self, blob: NDArray[Any]) -> Output:
        """The network's output for one input, without the leading 1.

        Raises:
            ModelError: it fails, although it did not when it was tried.
        """
        (output,) = self._run([self._output_name], blob)
        picture: Output = output[0] if output.dtype == np.float32 else output[0].astype(np.float32)
        return picture

    def _run(self, names: list[str], blob: NDArray[Any]) -> list[NDArray[Any]]:
        try:
            outputs: list[NDArray[Any]] = self.session.run(names, {self._input_name: blob})
        except self._errors as error:
            raise ModelError(
                f"{self.path}: the network fails on a picture of {self.width}x{self.height}: {told(error)}"
            ) from None
        return outputs

    def _load(self, threads: int) -> Any:
        try:
            import onnxruntime  # noqa: PLC0415 - 45 MB, for a bridge that detects and for nobody else
            from onnxruntime.capi import onnxruntime_pybind11_state as native  # noqa: PLC0415
        except ImportError as error:
            raise ModelError(
                f"{self.path}: onnxruntime is missing ({error}); install it: pip install 'smartcar-mqtt[vision]'"
            ) from None
        # Each of its errors is a class of its own, right below Exception.
        own = (each for each in vars(native).values() if isinstance(each, type) and issubclass(each, Exception))
        self._errors = (*own, RuntimeError, ValueError, TypeError, MemoryError)
        onnxruntime.set_default_logger_severity(FATAL_ONLY)
        self._check_file()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL_ONLY
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Else its threads wait for the next picture at full load, and the other bridges wait for a core.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            # Its fallback would try the same again, and print that.
            return onnxruntime.InferenceSession(
                str(self.path), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except self._errors as error:
            raise ModelError(f"{self.path}: not a sound ONNX model ({told(error)}); fetch or export it again") from None

    def _check_file(self) -> None:
        try:
            with self.path.open("rb") as file:
                empty = not file.read(1)
        except FileNotFoundError:
            raise ModelError(
                f"{self.path}: there is no such model; correct its name, or fetch one: smartcar models list"
            ) from None
        except OSError as error:
            raise ModelError(f"{self.path}: the model cannot be read: {error.strerror}") from None
        if empty:
            raise ModelError(f"{self.path}: the file is empty; fetch or export the model again")

    def _check_input(
        self, size: tuple[int, int] | None, free_size: tuple[int, int]
    ) -> tuple[str, type[np.floating[Any]], int, int]:
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"{self.path}: takes {len(inputs)} inputs; a detector takes one picture")
        (only,) = inputs
        shape = [side if isinstance(side, int) and side > 0 else None for side in only.shape]
        if len(shape) != 4 or shape[0] not in {1, None} or shape[1] not in {3, None}:
            told_shape = ", ".join(str(side) for side in only.shape)
            raise ModelError(f"{self.path}: takes ({told_shape}), not one picture as (1, 3, height, width)")
        if only.type not in TYPES:
            raise ModelError(f"{self.path}: takes {only.type}; export it with float or half-precision input")
        height, width = shape[2:]
        wanted_width, wanted_height = size or (width or free_size[0], height or free_size[1])
        if (width or wanted_width, height or wanted_height) != (wanted_width, wanted_height):
            own = f"{width or 'any'}x{height or 'any'}"
            raise ModelError(
                f"{self.path}: takes pictures of {own} only, not {wanted_width}x{wanted_height}; leave the size to it"
            )
        for side in (wanted_width, wanted_height):
            if not LEAST_SIDE <= side <= LARGEST_SIDE:
                raise ModelError(
                    f"{self.path}: an input of {wanted_width}x{wanted_height} is out of range "
                    f"(allowed: {LEAST_SIDE} to {LARGEST_SIDE} each way)"
                )
        return only.name, TYPES[only.type], wanted_width, wanted_height

    def _find_labels(self, given: Sequence[str] | Path | None) -> tuple[str, ...]:
        try:
            notes: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        except self._errors as error:
            raise ModelError(f"{self.path}: its notes cannot be read: {told(error)}") from None
        task = notes.get("task", "detect")
        if task != "detect":
            raise ModelError(f"{self.path}: is made for {task!r}; export a model for 'detect'")
        try:
            if isinstance(given, Path):
                return read_labels(given)
            if given is not None:
                return tuple(given)
            if "names" in notes:
                return read_names(notes["names"], str(self.path))
        except LabelError as error:
            raise ModelError(str(error)) from None
        raise ModelError(f"{self.path}: does not say what it can tell apart; name a label file")

    def _find_output(self, layout: Layout | None) -> None:
        """Run the network once, and choose the one output that fits."""
        grey = np.full((1, 3, self.height, self.width), GREY, self.dtype)
        names = [output.name for output in self.session.get_outputs()]
        outputs = self._run(names, grey)
        reasons = []
        fitting: list[tuple[str, Layout, NDArray[Any]]] = []
        for name, output in zip(names, outputs, strict=True):
            try:
                shape = output.shape if isinstance(output, np.ndarray) else ()  # else a list of something
                fitting.append((name, recognise(shape, len(self.labels), self.width, self.height, layout), output))
            except LayoutError as error:
                reasons.append(str(error))
        if not fitting:
            raise ModelError(f"{self.path}: {reasons[0] if reasons else 'gives nothing'}; correct model or label file")
        if len(fitting) > 1:
            raise ModelError(f"{self.path}: {len(fitting)} of its outputs fit; export it with one")
        self._output_name, self.layout, output = fitting[0]
        if output.dtype not in {np.dtype(kind) for kind in TYPES.values()}:
            raise ModelError(f"{self.path}: gives {output.dtype}; export it with float or half-precision output")
        if not np.isfinite(output).all():
            raise ModelError(
                f"{self.path}: gives numbers that are not finite, already for a grey picture; export it again"
            )


def told(error: Exception) -> str:
    """What onnxruntime says in one line, without its codes, the model's name and places in its own source."""
    lines = str(error).splitlines() or [type(error).__name__]
    said = re.sub(r"^(\[ONNXRuntimeError\] : \d+ : \w+ : )?(Load model from .* failed: ?)?", "", lines[0])
    said = re.sub(r"/\S+:\d+ .*?\) ", "", said)
    return said.strip().rstrip(".")[:MOST_TOLD]
