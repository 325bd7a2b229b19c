"""What detection costs around the network itself, and decoding next to the loop over rows that tutorials show."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bridges.vision.detection.decode import Layout, decode
from bridges.vision.detection.detector import Detector
from bridges.vision.detection.model import Model
from smartcar_mqtt.models.catalogue import locate
from smartcar_mqtt.simulator.camera.renderer import Camera
from smartcar_mqtt.simulator.camera.scene import scene_of
from smartcar_mqtt.simulator.world.world import World
from tests.benchmarks.networks import YOLO11N_320, YOLO11N_640, Network, Size, candidates
from tests.benchmarks.rig import BenchError, Effort
from tests.benchmarks.table import Result, Rule
from tests.vision.detection import row_loops

LIMITS = ((YOLO11N_640, 1.08), (YOLO11N_320, 1.15))
OWN_MODEL, OWN_LIMIT = locate("world"), 1.3
OBJECTS = 20
"""In each frame of `detection`: a full room."""
CROWD = 50
"""In the output that `decoding` reads."""


def detection(effort: Effort) -> list[Result]:
    """A camera frame of 640x480 to its detections, next to the network alone on the same session."""
    return [*(synthetic(effort, size, limit) for size, limit in LIMITS), own(effort)]


def synthetic(effort: Effort, size: Size, limit: float) -> Result:
    """A network of that size whose answer is always the same."""
    network = Network(size)
    model = network.model(candidates(size, OBJECTS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(model.SerializeToString())
        detector = Detector(Model(path, labels=[f"label {number}" for number in range(size.labels)]))
    frame = np.random.default_rng(3).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    found = detector.detect(frame)
    if len(found) != OBJECTS:
        raise BenchError(f"{size.title}: {len(found)} objects found, not {OBJECTS}")
    title = f"{size.title} ({network.operations / 1e9:.2g} GFLOP)"
    return pipeline(effort, detector, frame, title, limit)


def own(effort: Effort) -> Result:
    """The network that comes with the project, and what it was made for: the living room."""
    detector = Detector(Model(OWN_MODEL, labels=OWN_MODEL.with_suffix(".txt")), confidence=0.4)
    frame = Camera().picture(scene_of(World.load("living_room")))
    if not detector.detect(frame):
        raise BenchError("our own model finds nothing in the living room")
    return pipeline(effort, detector, frame, f"our own model, {OWN_MODEL.name}", OWN_LIMIT)


def pipeline(effort: Effort, detector: Detector, frame: np.ndarray, title: str, limit: float) -> Result:  # type: ignore[type-arg]
    """Bare runs and whole frames by turns, so that both see the same machine."""
    model = detector.model
    blob = np.random.default_rng(4).random((1, 3, model.height, model.width)).astype(np.float32)
    repetitions = effort.choose(150 if model.width == 640 else 500, 10)
    cv2_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the network has one as well
    try:
        ours, bare = by_turns(lambda: detector.detect(frame), lambda: bare_run(model, blob), repetitions, effort, title)
    finally:
        cv2.setNumThreads(cv2_threads)
    return Result(
        benchmark="detection",
        what=f"frame 640x480 → detections, {title}; bare: session.run",
        unit="ms",
        ours=1000 * ours,
        bare=1000 * bare,
        rule=Rule.RATIO,
        limit=limit,
        samples=repetitions,
    )


def bare_run(model: Model, blob: np.ndarray) -> None:  # type: ignore[type-arg]
    """What there is without us: onnxruntime's own call."""
    model.session.run(None, {"images": blob})


def decoding(effort: Effort) -> list[Result]:
    """Output (1, 84, 8400) with 50 objects → boxes, next to a loop over its rows in plain Python."""
    output = candidates(YOLO11N_640, CROWD)[0]
    wanted = np.ones(80, np.bool_)

    def ours() -> int:
        return len(decode(output, Layout.COLUMNS, wanted, confidence=0.25, iou=0.45).table)

    def loop() -> int:
        return len(row_loop(output, 0.25, 0.45))

    if ours() != CROWD or loop() != CROWD:
        raise BenchError(f"{ours()} and {loop()} objects found, not {CROWD}")
    repetitions = effort.choose(200, 5)
    fast, slow = by_turns(ours, loop, repetitions, effort, "decoding")
    return [
        Result(
            benchmark="decoding",
            what=f"decode + suppress (1, 84, 8400), {CROWD} objects; bare: loop over the rows",
            unit="ms",
            ours=1000 * fast,
            bare=1000 * slow,
            rule=Rule.RATIO,
            limit=1 / 20,
            samples=repetitions,
        )
    ]


def row_loop(output: np.ndarray, confidence: float, iou: float) -> list[row_loops.Found]:  # type: ignore[type-arg]
    """The loop as it is commonly written: numpy for one row, Python over all of them."""
    found = []
    for row in output.T:
        number = int(np.argmax(row[4:]))
        score = float(row[4 + number])
        if score >= confidence:
            x, y, width, height = row[:4].tolist()
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            found.append(row_loops.Found(number, score, box))
    return row_loops.without_doubles(row_loops.best_300(found), iou)


def by_turns(
    one: Callable[[], object], other: Callable[[], object], repetitions: int, effort: Effort, what: str
) -> tuple[float, float]:
    """Medians in s of two things that are done by turns, in processor time of this one thread.

    Nothing here waits for anything, so that is how long it takes when no other program has the core.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(repetitions + 3):
        for call, taken in zip((one, other), times, strict=True):
            began = time.thread_time()
            call()
            if number >= 3:  # the first ones warm up
                taken.append(time.thread_time() - began)
        effort.tell(f"{what}: {number} of {repetitions}")
    return statistics.median(times[0]), statistics.median(times[1])
