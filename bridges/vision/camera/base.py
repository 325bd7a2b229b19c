"""The interface of camera drivers, and the choice of the driver by the configuration."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from bridges.vision.settings import VisionSettings
from smartcar_mqtt.untrusted.addresses import mask_secrets

if TYPE_CHECKING:
    from bridges.vision.camera.frames import Picture


class CameraError(Exception):
    """The camera cannot be used, or was lost; the text says which, why, and what to do.

    Args:
        text: what is shown and logged.
        device: the address that may occur in it; its secrets are hidden.
    """

    def __init__(self, text: str, device: str = "") -> None:
        super().__init__(mask_secrets(text, device))


class Shot(NamedTuple):
    """One picture as a driver returns it."""

    image: Picture
    """Height x width x 3, blue, green, red; the driver keeps no reference to it."""
    age_s: float = 0.0
    """How long ago it was taken, where the camera knows."""
    is_new: bool = False
    """Whether this is known to be another picture than the one before: it has a later time stamp, or was read from a
    file. Then it may have the same content, as a still or a static scene has. False: only its content can tell."""


class Camera(Protocol):
    """A source of pictures. Made, opened, read and closed by one thread; never opened twice."""

    paced: bool
    """Whether `read` waits for the camera's next picture; else the caller keeps the rate."""

    def open(self) -> None:
        """Open the camera; raises CameraError."""

    def read(self) -> Shot:
        """The next picture; raises CameraError where there will be none."""

    def close(self) -> None:
        """Close the camera; does nothing where it is not open."""


DRIVERS = {
    "picamera2": "picamera:PiCamera",
    "v4l2": "v4l2:VideoCamera",
    "simulated": "simulated:SimulatedCamera",
}
"""Setting → module and class; a module is imported when its camera is used, as each has dependencies of its own."""


def make_camera(settings: VisionSettings) -> Camera:
    """The camera that the configuration names, and no other one; nothing of it is opened yet.

    Raises:
        CameraError: what it needs is not installed, or the configuration does not fit it.
    """
    # FFmpeg would write a line to stderr for each damaged picture; the driver logs that once.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2  # noqa: PLC0415 - 40 MB that a bridge whose camera is off does without

    cv2.setNumThreads(1)  # pictures of this size gain nothing from more, and the other bridges need the cores
    module, name = DRIVERS[settings.camera].split(":")
    camera: Camera = getattr(importlib.import_module(f"bridges.vision.camera.{module}"), name)(settings)
    return camera


def turned(image: Picture, settings: VisionSettings) -> Picture:
    """The picture as the configuration wants it turned and flipped; the same one where it says nothing."""
    if not (settings.rotation or settings.flip_horizontal or settings.flip_vertical):
        return image
    import cv2  # noqa: PLC0415 - as above

    drawn: Any = image
    if settings.rotation:
        quarter = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        drawn = cv2.rotate(drawn, quarter[settings.rotation])
    if settings.flip_horizontal or settings.flip_vertical:
        both = settings.flip_horizontal and settings.flip_vertical
        drawn = cv2.flip(drawn, -1 if both else int(settings.flip_horizontal))
    done: Picture = drawn
    return done
