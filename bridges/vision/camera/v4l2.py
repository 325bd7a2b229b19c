"""Whatever OpenCV can read: a USB camera, a video file, a network camera's RTSP or HTTP address."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import cv2

from bridges.vision.camera.base import CameraError, Shot
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.addresses import mask_address
from smartcar_mqtt.config import ConfigError
from smartcar_mqtt.paths import expanded

V4L2_MANUAL, V4L2_AUTOMATIC = 1, 3
"""Values of V4L2's control exposure_auto (V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY)."""
V4L2_EXPOSURE_UNIT_US = 100
"""V4L2's exposure_absolute counts in these."""
NETWORK_TIMEOUT_MS = 5000


class VideoCamera:
    """A device, a file or an address.

    `device`: a number or /dev/videoN (0 where it is left empty), a file's path, or an address with "://" in it.
    """

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self._source = settings.device.strip() or "0"
        self._capture: Any = None
        self._is_address = "://" in self._source
        self._is_device = self._source.isdigit() or self._source.startswith("/dev/")
        self.paced = self._is_device or self._is_address
        self._frames = 0

    def open(self) -> None:
        if self._is_device:
            self._open_device()
        elif self._is_address:
            self._open_address()
        else:
            self._open_file()

    def read(self) -> Shot:
        found, image = self._capture.read()
        if not found and not self.paced and self._settings.loop and self._frames:
            self._capture.release()
            self._open_file()
            found, image = self._capture.read()
        if not found:
            raise CameraError(self._lost(), self._source)
        self._frames += 1
        return Shot(image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))

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
        # Most USB cameras reach their full rate only with pictures that they have compressed themselves.
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
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            self.close()
            raise CameraError(f"{path} is no video that OpenCV can read; correct vision.device", self._source)

    def _lost(self) -> str:
        if self._is_address:
            return f"the camera at {mask_address(self._source)} sends nothing any more"
        if self._is_device:
            return f"camera {self._source} was unplugged, or gives no pictures in the size that is asked for"
        if not self._frames:
            return f"{self._source} holds no picture that OpenCV can read; correct vision.device"
        return f"the video file {self._source} has ended (vision.loop is false)"
