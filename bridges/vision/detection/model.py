"""A network from an ONNX file, run by onnxruntime; a model that does not fit is refused with one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.decode import Layout, LayoutError, Output
from bridges.vision.detection.families import PREPARATIONS, QUERY_FAMILIES, Family, family_of_names
from bridges.vision.detection.labels import LabelError, names_note, read_labels, read_names
from bridges.vision.detection.readings import Choice, choose

DEFAULT_SIDE = 640
"""Width and height of the input where the network leaves them free."""
LEAST_SIDE, LARGEST_SIDE = 32, 2048
TYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
SIZE_TYPES: dict[str, type[np.generic]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
}
FATAL_ONLY = 4
"""onnxruntime's log level: its errors are reported by exceptions, not on stderr."""

MOST_TOLD = 300
"""How many characters of its messages are passed on."""


class ModelError(Exception):
    """The model cannot be used; the text says which, why, and what to do."""


class Model:
    """A network that was tried on one grey picture. For one thread.

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
        family: Family | None = None,
    ) -> None:
        """Load a network and try it.

        Args:
            path: the ONNX file.
            labels: what it can tell apart, or the text file that says it; None takes what the model's file says.
            threads: how many processor cores a picture may take.
            size: width and height of the input; a network that has another size is refused. None takes its own.
            free_size: what is taken where the network leaves them free.
            layout: how its output is arranged, where the shapes do not tell.
            family: how it is fed and read, where names and shapes do not tell.

        Raises:
            ModelError: it is missing, damaged, or no detector that fits.
        """
        self.path = path
        self._errors: tuple[type[Exception], ...] = ()
        self.session = self._load(threads)
        """onnxruntime's session."""
        self._output_names = [output.name for output in self.session.get_outputs()]
        self._size_input = self._find_size_input()
        supposed = family or family_of_names(self._output_names) or Family.YOLO
        if supposed in QUERY_FAMILIES:
            free_size = (DEFAULT_SIDE, DEFAULT_SIDE)  # they were trained on stretched square pictures
        self._input_name, self.dtype, self.width, self.height = self._check_input(size, free_size)
        self._feed = self._constant_inputs()
        self.labels = self._find_labels(labels)
        """What it can tell apart, by number."""
        choice = self._choose(supposed, family, layout)
        self.family = choice.family
        """How it is fed."""
        self.reading = choice.reading
        """How its outputs are read."""
        self.layout = choice.layout
        """How its output is arranged, where it is one of the YOLO families."""

    def run(self, blob: NDArray[Any]) -> Output:
        """The first of the outputs that matter, for one input, without the leading 1.

        Raises:
            ModelError: it fails, although it did not when it was tried.
        """
        return self.outputs(blob)[0]

    def outputs(self, blob: NDArray[Any]) -> list[Output]:
        """The outputs that `reading` reads, for one input, each without the leading 1.

        Raises:
            ModelError: it fails, although it did not when it was tried.
        """
        outputs = self._run(self.reading.names, blob)
        return [
            output[0] if output.dtype == np.float32 else output[0].astype(np.float32)
            for output in outputs  # of half precision, or whole numbers
        ]

    def _run(self, names: Sequence[str], blob: NDArray[Any]) -> list[NDArray[Any]]:
        self._feed[self._input_name] = blob
        try:
            outputs: list[NDArray[Any]] = self.session.run(names, self._feed)
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
        # Its errors are separate classes that derive from Exception directly.
        own = (each for each in vars(native).values() if isinstance(each, type) and issubclass(each, Exception))
        self._errors = (*own, RuntimeError, ValueError, TypeError, MemoryError)
        onnxruntime.set_default_logger_severity(FATAL_ONLY)
        self._check_file()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL_ONLY
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Without this its threads spin between pictures, and take the cores from the other bridges.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            # Its fallback would try the same provider again, and print to stdout.
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

    def _find_size_input(self) -> str:
        """The name of the input that tells the network how large the picture is; empty: there is none."""
        inputs = self.session.get_inputs()
        sizes = [
            each.name for each in inputs if len(each.shape) == 2 and each.shape[1] == 2 and each.type in SIZE_TYPES
        ]
        return sizes[0] if len(inputs) == 2 and len(sizes) == 1 else ""

    def _constant_inputs(self) -> dict[str, NDArray[Any]]:
        """The inputs beside the picture: the size of the network's input, so that boxes are in its pixels.

        Source: D-FINE and RT-DETR multiply x by the first number and y by the second.
        """
        if not self._size_input:
            return {}
        (kind,) = (each.type for each in self.session.get_inputs() if each.name == self._size_input)
        return {self._size_input: np.array([[self.width, self.height]], SIZE_TYPES[kind])}

    def _check_input(
        self, size: tuple[int, int] | None, free_size: tuple[int, int]
    ) -> tuple[str, type[np.floating[Any]], int, int]:
        inputs = [each for each in self.session.get_inputs() if each.name != self._size_input]
        if len(inputs) != 1:
            raise ModelError(f"{self.path}: takes {len(inputs)} inputs; a detector takes one picture")
        (only,) = inputs
        shape = [side if isinstance(side, int) and side > 0 else None for side in only.shape]
        if len(shape) != 4 or shape[0] not in {1, None} or shape[1] not in {3, None}:
            told_shape = ", ".join(repr(side)[:40] if isinstance(side, str) else str(side) for side in only.shape[:8])
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
            raise ModelError(f"{self.path}: is made for {task[:40]!r}; export a model for 'detect'")
        try:
            if isinstance(given, Path):
                return read_labels(given)
            if given is not None:
                return tuple(given)
            text = names_note(notes)
            if text is not None:
                return read_names(text, str(self.path))
        except LabelError as error:
            raise ModelError(str(error)) from None
        raise ModelError(
            f"{self.path}: does not say what it can tell apart; name a label file "
            "(vision.labels; models/coco.txt has the 80 classes of COCO)"
        )

    def _choose(self, supposed: Family, family: Family | None, layout: Layout | None) -> Choice:
        """Run the network once, and choose how it is fed and read."""
        grey = PREPARATIONS[supposed].grey(self.width, self.height, self.dtype)
        outputs = dict(zip(self._output_names, self._run(self._output_names, grey), strict=True))
        try:
            choice = choose(
                outputs,
                self.labels,
                (self.width, self.height),
                family=family,
                layout=layout,
                told_size=bool(self._size_input),
            )
        except LayoutError as error:
            raise ModelError(f"{self.path}: {error}") from None
        for name in choice.reading.names:
            self._check_output(outputs[name], whole_numbers=len(choice.reading.names) == 3)
        return choice

    def _check_output(self, output: NDArray[Any], *, whole_numbers: bool) -> None:
        allowed = [np.dtype(kind) for kind in TYPES.values()]
        if output.dtype not in allowed and not (whole_numbers and np.issubdtype(output.dtype, np.integer)):
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
    return "".join(each if each.isprintable() else "?" for each in said.strip().rstrip(".")[:MOST_TOLD])
