"""How good a detector is on pictures that it has not been trained on: average precision of each class.

    python -m models.training.evaluate models/world.onnx --pictures 200

It needs numpy, OpenCV and onnxruntime, and goes the way of the car: a picture of 640x480 is scaled to the input.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from models.training.scenes import Sample, samples, samples_in
from smartcar_mqtt.simulator.camera.renderer import FOUND_KINDS, Frame
from smartcar_mqtt.simulator.world.room import load_room

HELD_OUT_SEED = 1_000_003  # training uses seeds below a million
LEAST_SCORE = 0.01
SUPPRESS_OVERLAP = 0.6
MOST_BOXES = 100

Boxes = npt.NDArray[np.float64]


class Found(NamedTuple):
    """What a detector says of one picture: boxes (left top right bottom, pixels of the picture), scores, classes."""

    boxes: Boxes
    scores: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.int64]


Detect = Callable[[Frame], Found]


class OnnxDetector:
    """A detector from a file with output (1, 4 + classes, cells)."""

    def __init__(self, path: Path) -> None:
        import onnxruntime  # noqa: PLC0415 - the training reads this module without it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self.rows, self.columns = self._session.get_inputs()[0].shape[2:]
        self.inference_s: list[float] = []

    def __call__(self, frame: Frame) -> Found:
        """Detect in a picture of the same proportions as the network's input."""
        blob = blob_of(frame, (self.columns, self.rows))
        start = time.perf_counter()
        output = self._session.run(None, {self._name: blob})[0][0]
        self.inference_s.append(time.perf_counter() - start)
        return decoded(output, frame.shape[1] / self.columns, frame.shape[0] / self.rows)


def blob_of(frame: Frame, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The picture as the network takes it: (1, 3, rows, columns), red green blue, 0 to 1."""
    small = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(small[:, :, ::-1].transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def decoded(output: npt.NDArray[np.float32], across: float = 1.0, down: float = 1.0) -> Found:
    """The network's output (4 + classes, cells) as boxes after suppression, scaled to the picture."""
    best = output[4:].max(0)
    order = np.argsort(-best)[:500]
    order = order[best[order] >= LEAST_SCORE]
    x, y, width, height = output[:4, order].astype(np.float64)
    boxes = np.stack(
        [(x - width / 2) * across, (y - height / 2) * down, (x + width / 2) * across, (y + height / 2) * down], 1
    )
    scores, kinds = best[order].astype(np.float64), output[4:, order].argmax(0)
    kept: list[int] = []
    for number in range(len(order)):
        rivals = [each for each in kept if kinds[each] == kinds[number]]
        if not rivals or overlaps(boxes[number], boxes[rivals]).max() < SUPPRESS_OVERLAP:
            kept.append(number)
        if len(kept) == MOST_BOXES:
            break
    return Found(boxes[kept], scores[kept], kinds[kept])


def overlaps(box: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of one box with several."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1)
    return np.asarray(shared / ((box[2:] - box[:2]).prod() + areas - shared))


def average_precision(results: Iterable[tuple[Sample, Found]], least_overlap: float = 0.5) -> dict[str, float]:
    """Average precision of each class, all points of the curve; a class that never occurs is left out.

    Detections are taken by falling score over all pictures; one is right when it overlaps an object of its class, which
    none before it has taken, by at least `least_overlap`.
    """
    right: dict[int, list[tuple[float, bool]]] = {number: [] for number in range(len(FOUND_KINDS))}
    there = dict.fromkeys(right, 0)
    for sample, found in results:
        for number, kind in enumerate(FOUND_KINDS):
            truths = np.array([each[2:] for each in sample.labels if each.kind == kind], np.float64).reshape(-1, 4)
            there[number] += len(truths)
            taken: set[int] = set()
            mine = found.kinds == number
            for score, box in zip(found.scores[mine], found.boxes[mine], strict=True):
                hit = -1
                if len(truths):
                    values = overlaps(box, truths)
                    values[list(taken)] = 0
                    hit = int(values.argmax()) if values.max() >= least_overlap else -1
                if hit >= 0:
                    taken.add(hit)
                right[number].append((float(score), hit >= 0))
    return {kind: _area(right[number], there[number]) for number, kind in enumerate(FOUND_KINDS) if there[number]}


def _area(answers: Sequence[tuple[float, bool]], there: int) -> float:
    """Area under precision over recall, precision made falling."""
    hits = np.cumsum([hit for _, hit in sorted(answers, key=lambda each: -each[0])] or [False])
    precision = hits / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0], hits])) / there
    return float((falling * steps).sum())


def evaluate(
    detect: Detect, pictures: int, *, seed: int = HELD_OUT_SEED, room: str | None = None
) -> dict[float, dict[str, float]]:
    """Average precision by class at overlaps of 0.5 and 0.75 on that many pictures from that seed.

    The pictures are of random rooms, or of the one of that name that is shipped with the simulator.
    """
    source = samples(seed) if room is None else samples_in(load_room(room), seed)
    results = [(sample, detect(sample.frame)) for sample in islice(source, pictures)]
    return {level: average_precision(results, level) for level in (0.5, 0.75)}


def mean(values: dict[str, float]) -> float:
    """The mean over the classes."""
    return sum(values.values()) / len(values)


def main() -> None:
    """Print the figures of a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--room", help="a room of the simulator in place of random ones")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    detector = OnnxDetector(options.model)
    for level, values in evaluate(detector, options.pictures, seed=options.seed, room=options.room).items():
        each = ", ".join(f"{kind} {value:.3f}" for kind, value in values.items())
        sys.stdout.write(f"mAP@{level}: {mean(values):.3f} ({each})\n")
    sys.stdout.write(f"inference: {np.median(detector.inference_s) * 1e3:.2f} ms (median)\n")


if __name__ == "__main__":
    main()
