"""Pictures are encoded once, and boxes are drawn where they belong and into a copy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bridges.vision.camera.frames import Frame
from bridges.vision.detection.types import Detection
from bridges.vision.jpeg import Encoder, annotated, encode
from tests.vision.camera.scripted_camera import picture

GREY = np.full((240, 320, 3), 128, np.uint8)


def frame(number: int) -> Frame:
    return Frame(picture(number), number, 0.0, 0.0)


def test_a_frame_is_encoded_once() -> None:
    encoder = Encoder(80)
    first = encoder.jpeg(frame(1))
    assert encoder.jpeg(frame(1)) is first
    assert encoder.count == 1
    assert encoder.jpeg(frame(2)) != first
    assert encoder.count == 2


def test_other_boxes_make_another_picture_of_the_same_frame() -> None:
    encoder = Encoder(80)
    ball = Detection("ball", 0.9, (0.2, 0.2, 0.8, 0.8))
    plain = encoder.jpeg(frame(1), mark=1)
    assert encoder.jpeg(frame(1), [ball], mark=2) != plain
    assert encoder.count == 2


def test_the_quality_is_the_one_asked_for() -> None:
    smooth = np.zeros((240, 320, 3), np.uint8)
    smooth[:, :, 1] = np.linspace(0, 255, 320)
    smooth += picture(1, (320, 240)) // 16
    coarse, fine = (encode(smooth, quality) for quality in (20, 95))
    assert 2 * len(coarse) < len(fine)
    for jpeg, error in ((coarse, 20.0), (fine, 5.0)):
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(shown.astype(int) - smooth).mean() < error


def test_a_box_is_drawn_around_the_object_and_not_into_the_original() -> None:
    before = GREY.copy()
    drawn = annotated(GREY, [Detection("ball", 0.91, (0.25, 0.5, 0.75, 0.75))])
    assert (before == GREY).all()
    changed = (drawn != GREY).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), columns.max()) == pytest.approx((80, 240), abs=2)
    assert rows.max() == pytest.approx(180, abs=2)
    assert not changed[125:175, 90:230].any(), "the object itself stays visible"


@pytest.mark.parametrize("box", [(0.0, 0.0, 0.01, 0.01), (0.0, 0.0, 1.0, 1.0), (0.98, 0.98, 1.0, 1.0)])
def test_boxes_at_the_edges_are_drawn_too(box: tuple[float, float, float, float]) -> None:
    drawn = annotated(GREY, [Detection("a label that is longer than the picture is wide " * 3, 1.0, box)])
    assert drawn.shape == GREY.shape
    assert (drawn != GREY).any()


def test_a_class_keeps_its_colour() -> None:
    def colour(label: str) -> list[int]:
        found: list[int] = annotated(GREY, [Detection(label, 1.0, (0.2, 0.6, 0.8, 0.9))])[180, 64].tolist()
        return found

    assert colour("person") == colour("person")
    assert colour("person") != colour("ball")
