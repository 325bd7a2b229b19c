"""JPEG encoding of frames, with or without boxes; each frame is encoded once for all that need it."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bridges.vision.camera.frames import Frame, Picture

# cv2 is imported where it is used: 40 MB that a bridge whose camera is off does without.

COLOURS = ((80, 220, 80), (60, 140, 255), (255, 160, 60), (200, 90, 230), (60, 220, 230), (180, 180, 60))
"""Of the boxes (blue, green, red); a class keeps its colour."""


class Boxed(Protocol):
    """An object with a box."""

    @property
    def label(self) -> str:
        """Its class."""

    @property
    def score(self) -> float:
        """How sure the detector is, 0 to 1."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in fractions of the frame."""


class Encoder:
    """Encodes frames, and caches the newest JPEG. For any thread."""

    def __init__(self, quality: int) -> None:
        self.count = 0
        """How many pictures have been encoded since the start."""
        self._quality = quality
        self._lock = threading.Lock()
        self._key: tuple[int, int] = (0, 0)
        self._jpeg = b""

    def jpeg(self, frame: Frame, boxed: Iterable[Boxed] = (), *, mark: int = 0) -> bytes:
        """The frame as JPEG.

        Args:
            frame: the picture.
            boxed: what is drawn into a copy of it.
            mark: tells different sets of boxes of one frame apart, such as the number of the frame they were found in.
        """
        with self._lock:
            if self._key != (frame.number, mark):
                boxes = list(boxed)
                image = annotated(frame.image, boxes) if boxes else frame.image
                self._jpeg = encode(image, self._quality)
                self._key = (frame.number, mark)
                self.count += 1
            return self._jpeg


def encode(image: Picture, quality: int) -> bytes:
    """A picture as JPEG."""
    import cv2  # noqa: PLC0415

    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of {image.shape} cannot be encoded as JPEG")
    return bytes(encoded)


def annotated(image: Picture, objects: Iterable[Boxed]) -> Picture:
    """A copy of the picture with boxes, labels and scores."""
    import cv2  # noqa: PLC0415

    drawn: Picture = image.copy()
    height, width = drawn.shape[:2]
    for each in objects:
        colour = COLOURS[zlib.crc32(each.label.encode()) % len(COLOURS)]
        left, top, right, bottom = (
            round(side * size) for side, size in zip(each.box, (width, height, width, height), strict=True)
        )
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, 2, cv2.LINE_AA)
        write(drawn, f"{each.label} {each.score:.0%}", (left, top), colour)
    return drawn


def write(drawn: Picture, text: str, corner: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Draw a line of text on a coloured background above a corner, or below it at the picture's upper edge."""
    import cv2  # noqa: PLC0415

    left, top = corner
    scale = max(0.4, drawn.shape[1] / 1280)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    floor = max(top, height + below + 2)
    cv2.rectangle(drawn, (left, floor - height - below - 2), (left + width + 4, floor), colour, cv2.FILLED)
    place = (left + 2, floor - below)
    cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 1, cv2.LINE_AA)
