"""Preprocessing: camera frame → the network's input, scaled or letterboxed, one plane for each colour.

The network's family decides how (families.py). Memory is allocated once; for each frame only the picture's region of
the input is written.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from bridges.vision.detection.families import GREY_LEVEL, PREPARATIONS, Family, Fit, Preparation
from bridges.vision.detection.types import Boxes

GREY = GREY_LEVEL / 255
"""The bars of the YOLO family."""
STRIDE = 32
"""The coarsest grid of these networks: both sides of a free input are multiples of it."""


class FrameError(ValueError):
    """The array is no camera picture."""


class Letterbox:
    """Fits frames of any size into one network's input. For one thread."""

    def __init__(
        self,
        width: int,
        height: int,
        dtype: DTypeLike = np.float32,
        preparation: Preparation = PREPARATIONS[Family.YOLO],
    ) -> None:
        self.width = width
        self.height = height
        self.blob: NDArray[Any] = preparation.grey(width, height, dtype)
        """The network's input, (1, 3, height, width); `fill` writes into it."""
        self._preparation = preparation
        self._scales = [self.blob.dtype.type(scale) for scale in preparation.scale]
        self._offsets = [self.blob.dtype.type(offset) for offset in preparation.offset]
        self._frame_shape: tuple[int, ...] = ()
        self._inner = (width, height)
        self._origin: Boxes = np.zeros(4)
        """Where the picture begins in the blob, for both corners of a box."""
        self._per_pixel: Boxes = np.ones(4)
        self._scaled: NDArray[np.uint8] | None = None
        """Room for the scaled picture; None where the frame has the right size already."""
        self._planes: list[NDArray[np.uint8]] = []
        self._targets: list[NDArray[Any]] = []

    def fill(self, frame: NDArray[np.uint8]) -> NDArray[Any]:
        """Write a frame (height, width, 3: blue, green, red; uint8) into the blob, and return the blob.

        Raises:
            FrameError: it is no such picture.
        """
        if frame.shape != self._frame_shape:
            self._fit(frame)
        if frame.dtype != np.uint8:
            raise FrameError(f"a frame has bytes as values, not {frame.dtype}")
        picture = frame if self._scaled is None else self._scaled
        if self._scaled is not None:
            cv2.resize(frame, self._inner, dst=self._scaled)
        cv2.split(picture, self._planes if self._preparation.blue_first else self._planes[::-1])
        for plane, target, scale, offset in zip(self._planes, self._targets, self._scales, self._offsets, strict=True):
            # Several passes over cached data are quicker than one pass with a conversion.
            np.copyto(target, plane)
            if scale != 1:
                np.multiply(target, scale, out=target)
            if offset:
                np.add(target, offset, out=target)
        return self.blob

    def _fit(self, frame: NDArray[np.uint8]) -> None:
        """Lay out the blob for frames of this shape."""
        shape = frame.shape
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise FrameError(f"a frame has the shape (height, width, 3), not {shape}")
        height, width = shape[:2]
        inner_width, inner_height = self._inner_size(width, height)
        left = top = 0
        if self._preparation.fit is Fit.CENTRED:
            left, top = (self.width - inner_width) // 2, (self.height - inner_height) // 2
        self.blob[:] = self._preparation.grey(self.width, self.height, self.blob.dtype)
        region = self.blob[0, :, top : top + inner_height, left : left + inner_width]
        self._planes = [np.empty((inner_height, inner_width), np.uint8) for _ in range(3)]
        self._targets = list(region)
        same = (inner_height, inner_width) == (height, width)
        self._scaled = None if same else np.empty((inner_height, inner_width, 3), np.uint8)
        self._inner = (inner_width, inner_height)
        self._origin = np.array([left, top, left, top], np.float64)
        self._per_pixel = 1 / np.array([inner_width, inner_height, inner_width, inner_height])
        self._frame_shape = shape

    def _inner_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a frame of that size inside the blob."""
        if self._preparation.fit is Fit.STRETCHED:
            return self.width, self.height
        scale = min(self.width / width, self.height / height)
        # YOLOX truncates where the others round; 1e-9 allows for an inexact scale.
        whole = (lambda side: int(side + 1e-9)) if self._preparation.fit is Fit.CORNER else round
        inner_width, inner_height = (max(whole(side * scale), 1) for side in (width, height))
        return min(inner_width, self.width), min(inner_height, self.height)

    def to_frame(self, boxes: Boxes) -> Boxes:
        """Boxes in pixels of the network's input → fractions of the frame last filled in, cut off at its edges."""
        fractions: Boxes = (boxes - self._origin) * self._per_pixel
        np.maximum(fractions, 0.0, out=fractions)
        np.minimum(fractions, 1.0, out=fractions)
        return fractions


def free_size(frame_width: int, frame_height: int, longest: int) -> tuple[int, int]:
    """Width and height for a network that takes any size: the camera's shape, its longer side at most `longest`.

    Both are multiples of 32, rounded up: a 640x480 camera and 640 give 640x480, a quarter less work than a square.
    """
    most = max(longest // STRIDE, 1)
    scale = most / max(frame_width, frame_height)
    width, height = (max(math.ceil(side * scale - 1e-9), 1) * STRIDE for side in (frame_width, frame_height))
    return width, height
