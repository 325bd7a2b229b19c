"""The shipped detector of the simulated world: what it reaches, what its files say, and the measure itself."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from models.training.evaluate import Found, OnnxDetector, average_precision, decoded, evaluate, mean, overlaps
from models.training.scenes import Sample, samples
from smartcar_mqtt.simulator.camera.renderer import FOUND_KINDS, Camera, Label
from smartcar_mqtt.simulator.camera.scene import scene_of
from smartcar_mqtt.simulator.world.world import World

MODELS = Path(__file__).parents[2] / "models"
MODEL = MODELS / "world.onnx"


@pytest.fixture(scope="module")
def detector() -> OnnxDetector:
    return OnnxDetector(MODEL)


def sure(found: Found, score: float = 0.5) -> list[str]:
    return sorted(FOUND_KINDS[kind] for kind, each in zip(found.kinds, found.scores, strict=True) if each >= score)


class TestFiles:
    def test_it_is_small_and_its_checksum_and_labels_are_right(self) -> None:
        data = MODEL.read_bytes()
        assert len(data) <= 3_000_000
        assert (MODELS / "world.sha256").read_text() == f"{hashlib.sha256(data).hexdigest()}  world.onnx\n"
        assert (MODELS / "world.txt").read_text().split() == list(FOUND_KINDS)

    def test_its_input_has_the_shape_of_the_camera_and_its_output_the_layout_of_the_yolo_family(
        self, detector: OnnxDetector
    ) -> None:
        assert (detector.columns, detector.rows) == (320, 240)
        output = detector._session.get_outputs()[0].shape
        assert output == [1, 4 + len(FOUND_KINDS), 40 * 30 + 20 * 15 + 10 * 8]


class TestQuality:
    def test_on_renders_that_it_has_not_seen(self, detector: OnnxDetector) -> None:
        figures = evaluate(detector, 200)[0.5]
        assert set(figures) == set(FOUND_KINDS)
        assert mean(figures) >= 0.88

    def test_in_the_room_of_the_demo(self, detector: OnnxDetector) -> None:
        assert mean(evaluate(detector, 100, room="living_room")[0.5]) >= 0.88

    def test_at_the_start_of_the_demo_it_sees_the_ball_and_the_person(self, detector: OnnxDetector) -> None:
        frame, labels = Camera().labelled(scene_of(World.load("living_room")))
        found = detector(frame)
        assert sure(found) == ["ball", "person"]
        for label in labels:
            number = FOUND_KINDS.index(label.kind)
            assert overlaps(np.array(label[2:], float), found.boxes[found.kinds == number][:1])[0] > 0.7

    def test_an_empty_room_is_empty(self, detector: OnnxDetector) -> None:
        world = World.load("living_room")
        for name in ("ball", "person", "cone", "parcel"):
            world.remove_obstacle(name)
        for heading in range(0, 360, 45):
            world.set_pose(2.0, 1.2, heading)
            assert sure(detector(Camera().picture(scene_of(world)))) == []


class TestScenes:
    def test_the_same_seed_gives_the_same_samples(self) -> None:
        first, again, other = (list(islice(samples(seed, (160, 120)), 10)) for seed in (5, 5, 6))
        assert [each.labels for each in first] == [each.labels for each in again] != [each.labels for each in other]
        assert all(np.array_equal(a.frame, b.frame) for a, b in zip(first, again, strict=True))


class TestMeasure:
    SAMPLE = Sample(
        np.zeros((120, 160, 3), np.uint8), [Label("ball", "a", 10, 10, 30, 30), Label("ball", "b", 60, 60, 90, 90)]
    )

    def found(self, *boxes: tuple[float, float, float, float], kind: int = 0) -> Found:
        scores = np.linspace(0.9, 0.1, len(boxes))
        return Found(np.array(boxes, float).reshape(-1, 4), scores, np.full(len(boxes), kind))

    @pytest.mark.parametrize(
        ("boxes", "expected"),
        [
            ([(10, 10, 30, 30), (60, 60, 90, 90)], 1.0),
            ([], 0.0),
            ([(10, 10, 30, 30)], 0.5),
            ([(10, 10, 30, 30), (11, 11, 31, 31)], 0.5),  # the same object twice: the second is wrong
            ([(100, 100, 120, 120), (10, 10, 30, 30), (60, 60, 90, 90)], 2 / 3),
            ([(10, 10, 30, 30), (100, 100, 120, 120), (60, 60, 90, 90)], 0.5 + 0.5 * 2 / 3),
            ([(25, 25, 45, 45), (75, 75, 105, 105)], 0.0),  # beside them
        ],
    )
    def test_average_precision_is_the_area_that_one_works_out_by_hand(
        self, boxes: list[tuple[float, float, float, float]], expected: float
    ) -> None:
        assert average_precision([(self.SAMPLE, self.found(*boxes))]) == {"ball": pytest.approx(expected)}

    def test_another_class_counts_for_nothing(self) -> None:
        found = self.found((10, 10, 30, 30), (60, 60, 90, 90), kind=1)
        assert average_precision([(self.SAMPLE, found)])["ball"] == 0

    def test_decoding_scales_to_the_picture_and_keeps_the_best_of_boxes_that_overlap(self) -> None:
        output = np.zeros((8, 3), np.float32)
        output[:4] = np.array([[50, 40, 20, 10], [51, 40, 20, 10], [50, 40, 20, 10]]).T
        output[4 + 2, 0], output[4 + 2, 1], output[4 + 3, 2] = 0.6, 0.8, 0.5
        found = decoded(output, 2.0, 2.0)
        assert found.kinds.tolist() == [2, 3]
        assert found.scores.tolist() == pytest.approx([0.8, 0.5])
        assert found.boxes.tolist() == [[82, 70, 122, 90], [80, 70, 120, 90]]
