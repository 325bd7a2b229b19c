"""The letterbox against the same in one plain expression, for frames of every shape; and back again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bridges.vision.detection.letterbox import GREY, FrameError, Letterbox, free_size

Frame = NDArray[np.uint8]


def picture(height: int, width: int, seed: int = 1) -> Frame:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plainly(frame: Frame, width: int, height: int) -> NDArray[np.float64]:
    """The usual way, with a new array for each step."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    inner = max(round(frame.shape[1] * scale), 1), max(round(frame.shape[0] * scale), 1)
    canvas = np.full((height, width, 3), 114, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(frame, inner)
    return canvas[:, :, ::-1].transpose(2, 0, 1)[None] / 255


@settings(deadline=None, max_examples=80)
@given(
    frame_size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 1000),
)
def test_it_gives_what_the_plain_way_gives(frame_size: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    frame = picture(*frame_size, seed)
    width, height = size[0] * 32, size[1] * 32
    blob = Letterbox(width, height).fill(frame)
    assert blob.dtype == np.float32
    assert blob.shape == (1, 3, height, width)
    np.testing.assert_allclose(blob, plainly(frame, width, height), atol=1e-6)


def test_no_input_is_made_twice() -> None:
    box = Letterbox(64, 64)
    first = box.fill(picture(48, 64, 1))
    before = first.copy()
    assert box.fill(picture(48, 64, 2)) is first
    assert not np.array_equal(first, before)


def test_frames_of_another_shape_leave_nothing_of_the_one_before() -> None:
    box = Letterbox(64, 64)
    box.fill(picture(64, 64))
    np.testing.assert_allclose(box.fill(picture(16, 64)), plainly(picture(16, 64), 64, 64), atol=1e-6)
    np.testing.assert_allclose(box.fill(picture(64, 16)), plainly(picture(64, 16), 64, 64), atol=1e-6)


def test_bars_are_grey_and_red_is_first() -> None:
    frame = np.zeros((32, 64, 3), np.uint8)
    frame[:, :, 2] = 255  # red, in OpenCV's order
    blob = Letterbox(64, 64).fill(frame)[0]
    assert blob[:, 16:48].mean(axis=(1, 2)).tolist() == [1, 0, 0]
    np.testing.assert_allclose(blob[:, :16], GREY, atol=1e-6)
    np.testing.assert_allclose(blob[:, 48:], GREY, atol=1e-6)


def test_half_precision() -> None:
    blob = Letterbox(64, 64, np.float16).fill(picture(48, 64))
    assert blob.dtype == np.float16
    np.testing.assert_allclose(blob, plainly(picture(48, 64), 64, 64), atol=1e-3)


@pytest.mark.parametrize(
    "turn",
    [
        lambda frame: frame[:, ::-1],
        lambda frame: frame[::-1],
        lambda frame: frame[::2, ::2],
        lambda frame: frame[5:37, 3:50],
        lambda frame: frame[:, :, ::-1],
        np.rot90,
        np.asfortranarray,
    ],
)
def test_frames_that_are_views_of_others_are_taken_as_they_look(turn: Callable[[Frame], Frame]) -> None:
    frame = turn(picture(64, 96))
    expected = plainly(np.ascontiguousarray(frame), 64, 64)
    np.testing.assert_allclose(Letterbox(64, 64).fill(frame), expected, atol=1e-6)
    same_size = np.ascontiguousarray(frame)
    height, width = same_size.shape[:2]
    np.testing.assert_allclose(Letterbox(width, height).fill(frame), plainly(same_size, width, height), atol=1e-6)


@pytest.mark.parametrize(
    "damaged",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 1), np.uint8),
        np.zeros((1, 48, 64, 3), np.uint8),
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((48, 0, 3), np.uint8),
        np.zeros((), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((48, 64, 3), np.uint16),
        np.zeros((48, 64, 3), np.bool_),
    ],
    ids=lambda frame: f"{frame.shape} {frame.dtype}",
)
def test_what_is_no_camera_picture_is_refused_in_words(damaged: Frame) -> None:
    box = Letterbox(64, 64)
    box.fill(picture(48, 64))
    with pytest.raises(FrameError, match="a frame has"):
        box.fill(damaged)
    np.testing.assert_allclose(box.fill(picture(48, 64)), plainly(picture(48, 64), 64, 64), atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    frame_size=st.tuples(st.integers(20, 2000), st.integers(20, 2000)),
    corner=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    side=st.floats(0.05, 0.1),
)
def test_boxes_come_back_to_where_they_are_in_the_frame(
    frame_size: tuple[int, int], corner: tuple[float, float], side: float
) -> None:
    frame_height, frame_width = frame_size
    box = Letterbox(320, 256)
    box.fill(np.zeros((frame_height, frame_width, 3), np.uint8))
    scale = min(320 / frame_width, 256 / frame_height)
    left, top = corner
    expected = np.array([left, top, left + side, top + side])
    pixels = expected * np.array([frame_width, frame_height] * 2) * scale
    pixels += np.array([(320 - frame_width * scale) / 2, (256 - frame_height * scale) / 2] * 2)
    smallest = min(frame_width * scale, frame_height * scale)
    np.testing.assert_allclose(box.to_frame(pixels[None])[0], expected, atol=1.6 / smallest)


def test_boxes_end_at_the_frames_edges() -> None:
    box = Letterbox(64, 64)
    box.fill(np.zeros((32, 64, 3), np.uint8))
    found = box.to_frame(np.array([[-5.0, 0.0, 32.0, 32.0], [0.0, 0.0, 64.0, 10.0]]))
    assert found.tolist() == [[0, 0, 0.5, 0.5], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("camera", "longest", "size"),
    [
        ((640, 480), 640, (640, 480)),
        ((832, 468), 640, (640, 384)),
        ((1280, 720), 320, (320, 192)),
        ((480, 640), 320, (256, 320)),
        ((640, 640), 416, (416, 416)),
        ((640, 480), 650, (640, 480)),
        ((4000, 10), 320, (320, 32)),
        ((64, 48), 320, (320, 256)),
        ((640, 480), 20, (32, 32)),
    ],
)
def test_a_free_input_takes_the_cameras_shape(camera: tuple[int, int], longest: int, size: tuple[int, int]) -> None:
    assert free_size(*camera, longest) == size
