"""Whatever OpenCV can read: a USB camera, a video file or a still picture, a network camera's RTSP or HTTP address."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bridges.vision.camera.base import CameraError, Shot
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.config import ConfigError
from smartcar_mqtt.paths import expanded
from smartcar_mqtt.untrusted.addresses import mask_address

V4L2_MANUAL, V4L2_AUTOMATIC = 1, 3
"""Values of V4L2's control exposure_auto (V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY)."""
V4L2_EXPOSURE_UNIT_US = 100
"""Unit of V4L2's exposure_absolute, in microseconds."""
NETWORK_TIMEOUT_MS = 5000
MOST_DAMAGED = 15
"""So many pictures in a row may be damaged before the camera counts as lost."""
DAMAGED_LIMIT_S = 2.0
"""Longest time without a sound picture; a camera that is gone fails at once, or only after a time-out."""

log = logging.getLogger(__name__)


class VideoCamera:
    """A device, a file or an address.

    `device`: a number or /dev/videoN (0 where it is left empty), a file's path, or an address with "://" in it. A still
    picture is given again and again, whatever `loop` says.
    """

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self._source = str(settings.device).strip() or "0"
        self._capture: Any = None
        self._still: NDArray[np.uint8] | None = None
        self._is_address = "://" in self._source
        self._is_device = self._source.isdigit() or self._source.startswith("/dev/")
        self.paced = self._is_device or self._is_address
        self._frames = 0
        self._stamp_ms: float | None = None
        self._damage_told = False

    def open(self) -> None:
        if self._is_device:
            self._open_device()
        elif self._is_address:
            self._open_address()
        else:
            self._open_file()

    def read(self) -> Shot:
        if self._still is not None:
            return Shot(self._still, is_new=True)
        image = self._next()
        if image is None and not self.paced and self._settings.loop and self._frames:
            self._capture.release()
            self._open_file()
            image = self._next()
        if image is None:
            raise CameraError(self._lost(), self._source)
        self._frames += 1
        return Shot(image, is_new=self._is_new())

    def _next(self) -> NDArray[np.uint8] | None:
        """The next sound picture; None where there is none any more. A few damaged ones are passed over."""
        deadline = time.monotonic() + DAMAGED_LIMIT_S
        for failures in range(1 + MOST_DAMAGED):
            try:
                found, image = self._capture.read()
            except cv2.error as error:
                log.debug("%s: %s", mask_address(self._source), error)
                found, image = False, None
            if found and image is not None and image.size:
                if failures and not self._damage_told:
                    self._damage_told = True
                    log.warning(
                        "%s sends damaged pictures now and then; they are passed over", mask_address(self._source)
                    )
                return as_colour(image)
            if time.monotonic() > deadline:
                break
        return None

    def _is_new(self) -> bool:
        """Whether the picture is certainly another one than before: from a file, or with a later time stamp."""
        if not self.paced:
            return True
        before, self._stamp_ms = self._stamp_ms, float(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        return before is not None and self._stamp_ms > before

    def close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _open_device(self) -> None:
        path = Path(f"/dev/video{self._source}" if self._source.isdigit() else self._source)
        if not path.exists():
            raise CameraError(f"camera {path} is not there; is it plugged in, and is vision.device right?")
        if not os.access(path, os.R_OK | os.W_OK):
            raise CameraError(
                f"no permission for camera {path}; run: sudo usermod -aG video $USER, then log out and in again"
            )
        real = path.resolve()  # OpenCV wants the number, not a name such as /dev/v4l/by-id/...
        number = re.fullmatch(r"/dev/video(\d+)", str(real))
        self._capture = cv2.VideoCapture(int(number[1]) if number else str(real), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            self.close()
            raise CameraError(f"camera {path} cannot be opened: another program uses it, or it gives no video")
        wanted = self._settings
        # Most USB cameras reach their full rate with MJPEG only.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
        self._capture.set(cv2.CAP_PROP_FPS, wanted.fps)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, V4L2_MANUAL if wanted.exposure_us else V4L2_AUTOMATIC)
        if wanted.exposure_us:
            self._capture.set(cv2.CAP_PROP_EXPOSURE, wanted.exposure_us / V4L2_EXPOSURE_UNIT_US)
        if wanted.gain:
            self._capture.set(cv2.CAP_PROP_GAIN, wanted.gain)

    def _open_address(self) -> None:
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            NETWORK_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            NETWORK_TIMEOUT_MS,
        ]
        self._capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            self.close()
            raise CameraError(
                f"the camera at {mask_address(self._source)} cannot be reached, or gives no video; "
                "is vision.device right?"
            )

    def _open_file(self) -> None:
        try:
            path = expanded(self._source, "vision.device")
        except ConfigError as error:
            raise CameraError(str(error), self._source) from None
        if not path.is_file():
            raise CameraError(f"video file {path} is not there; correct vision.device", self._source)
        if is_still(path):
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is None:
                raise CameraError(
                    f"the picture {path} is damaged, or too large for OpenCV; correct vision.device", self._source
                )
            self._still = as_colour(picture)
            return
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            self.close()
            raise CameraError(f"{path} is no video that OpenCV can read; correct vision.device", self._source)

    def _lost(self) -> str:
        if self._is_address:
            return f"the camera at {mask_address(self._source)} sends nothing any more, or only damaged pictures"
        if self._is_device:
            return (
                f"camera {self._source} was unplugged, gives no pictures in the size that is asked for, "
                "or only damaged ones"
            )
        if not self._frames:
            return f"{self._source} holds no picture that OpenCV can read; correct vision.device"
        return f"the video file {self._source} has ended (vision.loop is false)"


def is_still(path: Path) -> bool:
    """Whether a file holds one single picture: not a film, and no animation."""
    try:
        return bool(cv2.haveImageReader(str(path))) and int(cv2.imcount(str(path))) <= 1
    except cv2.error:
        return False


def as_colour(image: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture with the three channels that everybody expects."""
    picture: Any = image
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    elif picture.shape[2] == 4:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)
    colour: NDArray[np.uint8] = picture
    return colour
