"""What a camera is to the bridge, and which one the configuration names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from bridges.vision.settings import VisionSettings
from smartcar_mqtt.addresses import mask_secrets

if TYPE_CHECKING:
    from bridges.vision.camera.frames import Picture


class CameraError(Exception):
    """The camera cannot be used, or no longer; the text says which, why, and what to do.

    Args:
        text: what is shown and logged.
        device: the address that may occur in it; its secrets are hidden.
    """

    def __init__(self, text: str, device: str = "") -> None:
        super().__init__(mask_secrets(text, device))


class Shot(NamedTuple):
    """What a camera gives."""

    image: Picture
    """Height x width x 3, blue, green, red; the camera does not touch it any more."""
    age_s: float = 0.0
    """How long ago it was taken, where the camera knows."""


class Camera(Protocol):
    """A source of pictures. Made, opened, read and closed by one thread; never opened twice."""

    paced: bool
    """Whether `read` waits for the camera's next picture; else the caller keeps the rate."""

    def open(self) -> None:
        """Get hold of the camera; raises CameraError."""

    def read(self) -> Shot:
        """The next picture; raises CameraError where there will be none."""

    def close(self) -> None:
        """Let go of the camera; harmless where it is not open."""


DRIVERS = {
    "picamera2": "picamera:PiCamera",
    "v4l2": "v4l2:VideoCamera",
    "simulated": "simulated:SimulatedCamera",
}
"""Setting → file and class; a file is imported when its camera is wanted, as each brings libraries of its own."""


def make_camera(settings: VisionSettings) -> Camera:
    """The camera that the configuration names, and no other one; nothing of it is opened yet.

    Raises:
        CameraError: what it needs is not installed, or the configuration does not fit it.
    """
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
