"""What the bridge makes of its settings when it loads a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bridges.vision.detection.pipeline import DetectionPipeline
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.clock import ManualClock
from tests.vision.detection.networks import any_size, fixed_answer, save
from tests.vision.detection.test_model import answer


def loaded(model: Path | str, **settings: object) -> DetectionPipeline:
    pipeline = DetectionPipeline(VisionSettings(model=str(model), **settings), ManualClock())
    pipeline.load()
    return pipeline


def test_the_default_is_the_projects_own_model_with_the_labels_beside_it() -> None:
    pipeline = loaded(VisionSettings().model)
    assert pipeline.problem == ""
    assert pipeline.labels == ("ball", "cone", "person", "box")
    assert "320x240" in pipeline.about
    pipeline.find(np.zeros((480, 640, 3), np.uint8))


def test_labels_that_are_named_come_before_those_beside_the_model(tmp_path: Path) -> None:
    model = save(fixed_answer(answer(1, 6, 84)), tmp_path / "net.onnx")
    (tmp_path / "net.txt").write_text("cat\ndog\n")
    (tmp_path / "other.txt").write_text("fox\nowl\n")
    assert loaded(model).labels == ("cat", "dog")
    assert loaded(model, labels=str(tmp_path / "other.txt")).labels == ("fox", "owl")


def test_without_any_labels_it_says_so_and_detects_nothing(tmp_path: Path) -> None:
    model = save(fixed_answer(answer(1, 6, 84)), tmp_path / "net.onnx")
    assert "name a label file" in loaded(model).problem


@pytest.mark.parametrize(("rotation", "size"), [(0, "640x480"), (90, "480x640")])
def test_a_network_for_any_size_gets_the_cameras_shape(tmp_path: Path, rotation: int, size: str) -> None:
    assert size in loaded(save(any_size(), tmp_path / "any.onnx"), rotation=rotation).about
