"""From frame to objects through a real network: place, colours, filter, and what a failing network leaves behind."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bridges.vision.detection.detector import Detector
from bridges.vision.detection.letterbox import FrameError
from bridges.vision.detection.model import Model, ModelError
from bridges.vision.detection.types import Detection
from tests.vision.detection.networks import divides_by_brightness, fixed_answer, names_note, save, sees_red

RED = (0, 0, 255)
"""In OpenCV's order."""


def black(width: int, height: int) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    """Finds red cells of 8x8 pixels in an input of 64x64."""
    return Detector(Model(save(sees_red(64, 64), tmp_path / "red.onnx")))


def test_a_red_thing_is_found_where_it_is_in_the_frame(detector: Detector) -> None:
    frame = black(128, 64)
    frame[16:32, 32:48] = RED
    (found,) = detector.detect(frame)
    assert found == Detection("red thing", pytest.approx(1.0), (0.25, 0.25, 0.375, 0.5))


def test_blue_is_not_taken_for_red(detector: Detector) -> None:
    frame = black(64, 64)
    frame[16:32, 32:48] = RED[::-1]
    assert detector.detect(frame) == []


def test_frames_may_change_their_shape(detector: Detector) -> None:
    for width, height in [(64, 64), (128, 64), (64, 128), (640, 480), (64, 64)]:
        frame = black(width, height)
        frame[: height // 2, : width // 2] = RED
        found = detector.detect(frame)
        assert found
        assert all(box[2] <= 0.51 and box[3] <= 0.51 for box in (each.box for each in found))


def test_what_lies_in_the_bars_is_not_in_the_frame(tmp_path: Path) -> None:
    answer = np.array([[[32, 32], [4, 32], [8, 8], [8, 8], [0.9, 0.8]]], np.float32)
    model = Model(save(fixed_answer(answer, notes=names_note(["ball"])), tmp_path / "bars.onnx"))
    (found,) = Detector(model).detect(black(128, 64))
    assert found.score == pytest.approx(0.8)


def test_the_surest_comes_first_and_the_threshold_may_change(detector: Detector) -> None:
    frame = black(64, 64)
    frame[0:8, 0:8] = (0, 0, 128)
    frame[8:16, 8:16] = RED
    assert [round(each.score, 2) for each in detector.detect(frame)] == [1.0, 0.5]
    detector.confidence = 0.6
    assert [round(each.score, 2) for each in detector.detect(frame)] == [1.0]


@pytest.mark.parametrize("layout", ["columns", "rows", "end_to_end"])
def test_each_layout_gives_the_same_objects(tmp_path: Path, layout: str) -> None:
    """A ball on the left and a person on the right, each twice where the layout has doubles."""
    answers = {
        "columns": [[[16, 17, 48], [32, 32, 32], [16, 16, 16], [16, 16, 32], [0.75, 0.5, 0], [0, 0, 0.5]]],
        "rows": [[[16, 32, 16, 16, 0.75, 1, 0], [17, 32, 16, 16, 0.5, 1, 0], [48, 32, 16, 32, 0.5, 0, 1]]],
        "end_to_end": [[[8, 24, 24, 40, 0.75, 0], [40, 16, 56, 48, 0.5, 1], [0, 0, 0, 0, 0, 0]]],
    }
    network = fixed_answer(np.array(answers[layout], np.float32), notes=names_note(["ball", "person"]))
    model = Model(save(network, tmp_path / "net.onnx"))
    assert model.layout == layout
    ball = Detection("ball", 0.75, (0.125, 0.375, 0.375, 0.625))
    person = Detection("person", 0.5, (0.625, 0.25, 0.875, 0.75))
    assert Detector(model).detect(black(64, 64)) == [ball, person]
    assert Detector(model, only=["person"]).detect(black(64, 64)) == [person]


def test_a_label_that_the_network_does_not_know_is_refused(detector: Detector) -> None:
    with pytest.raises(ModelError, match=r"red\.onnx: 'red ting' is not a label .* did you mean 'red thing'|red thing"):
        Detector(detector.model, only=["red ting"])


def test_numbers_that_make_no_sense_are_counted_and_not_shown(tmp_path: Path) -> None:
    detector = Detector(Model(save(divides_by_brightness(), tmp_path / "div.onnx")))
    white = np.full((64, 64, 3), 255, np.uint8)
    assert len(detector.detect(white)) == 1
    assert detector.damaged == 0
    assert detector.detect(black(64, 64)) == []
    assert detector.damaged == 1
    assert len(detector.detect(white)) == 1


@pytest.mark.parametrize("shape", [(64,), (64, 64), (64, 64, 4), (0, 0, 3), (2, 64, 64, 3)])
def test_a_damaged_picture_is_refused_and_the_next_one_is_looked_at(detector: Detector, shape: tuple[int, ...]) -> None:
    with pytest.raises(FrameError):
        detector.detect(np.zeros(shape, np.uint8))
    frame = black(64, 64)
    frame[8:16, 8:16] = RED
    assert len(detector.detect(frame)) == 1


def test_any_picture_will_do(detector: Detector) -> None:
    random = np.random.default_rng(2)
    for _ in range(50):
        width, height = random.integers(1, 200, 2).tolist()
        frame = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for found in detector.detect(frame):
            left, top, right, bottom = found.box
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
            assert 0.25 <= found.score <= 1


def test_the_time_of_the_network_is_told(tmp_path: Path) -> None:
    ticks = iter([10.0, 10.25])
    model = Model(save(sees_red(64, 64), tmp_path / "red.onnx"))
    detector = Detector(model, timer=lambda: next(ticks))
    detector.detect(black(64, 64))
    assert detector.inference_s == 0.25


def test_memory_stays_flat(detector: Detector) -> None:
    """A thousand frames leave nothing behind, and no frame takes the memory of an input."""
    frame = black(640, 480)
    frame[:] = RED
    detector.detect(frame)
    tracemalloc.start()
    try:
        detector.detect(frame)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(1000):
            detector.detect(frame)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
