"""However many classes a model has and however much it finds, attributes stay what Home Assistant stores."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from bridges.vision.bounded import MOST_CLASSES_BYTES, first_within
from bridges.vision.captures import Capture, Found
from bridges.vision.capturing import as_event
from tests.vision.detection.networks import fixed_answer, names_note, save
from tests.vision.rig import Rig

RECORDER_BYTES = 16_384
"""`MAX_STATE_ATTRS_BYTES` in homeassistant/components/recorder/db_schema.py."""


def test_the_first_that_fit_are_kept() -> None:
    assert first_within([], 10) == []
    assert first_within(["ab", "cd", "ef"], 10) == ["ab", "cd"]
    assert first_within(["ab", "cd", "ef"], 15) == ["ab", "cd", "ef"]
    assert first_within(["x" * 100, "y"], 50) == [], "the order says what matters more"
    assert len(msgspec.json.encode(first_within(["ä" * 50] * 500, 4000))) <= 4001


@pytest.mark.parametrize("label", ["object", "a very long name of a thing " * 3, "物" * 33])
def test_an_event_with_very_many_detections_has_the_surest(label: str) -> None:
    found = [Found(label, 1 - number / 300, (0.1111, 0.2222, 0.3333, 0.4444), "left") for number in range(300)]
    about = Capture(file="x.jpg", time=1.0, width=1, height=1, bytes=1, detections=found)
    event = as_event(about)
    assert len(msgspec.json.encode(event)) < RECORDER_BYTES
    assert len(event["detections"]) + event["detections_left_out"] == 300
    assert event["detections"][0]["score"] == 1
    few = msgspec.structs.replace(about, detections=found[:3])
    assert as_event(few) == msgspec.to_builtins(few)


def test_a_model_with_1203_classes_publishes_attributes_that_can_be_stored(tmp_path: Path) -> None:
    labels = [f"a class with a name {number}" for number in range(1203)]
    random = np.random.default_rng(1)
    answer = np.zeros((1, 1207, 200), np.float32)
    answer[0, :4] = random.uniform(8, 56, (4, 200))
    answer[0, 2:4] = 4
    answer[0, 4 + random.integers(0, 1203, 200), np.arange(200)] = 0.9
    path = save(fixed_answer(answer, notes=names_note(labels)), tmp_path / "many.onnx")
    with Rig(tmp_path, settings={"VISION__MODEL": path, "VISION__START_MODE": "on_no_stream"}) as rig:
        state = rig.wait("state", lambda seen: (seen.json["object_count"] or 0) > 50).json
        attributes = state["attributes"]
        assert attributes["model"]["class_count"] == 1203
        assert attributes["model"]["classes"] == labels[: len(attributes["model"]["classes"])]
        assert len(msgspec.json.encode(attributes["model"]["classes"])) <= MOST_CLASSES_BYTES + 1
        for each in attributes.values():
            assert len(msgspec.json.encode(each)) < RECORDER_BYTES
        assert rig.ask("capture", "PRESS")["status"] == "done"
        event = rig.wait_event("captured", "captured")
        assert len(msgspec.json.encode(event)) < RECORDER_BYTES
