"""The Raspberry Pi's own camera, through Picamera2 from the operating system's packages.

Source: the Picamera2 manual. "RGB888" arrives as blue, green, red, which is what OpenCV wants; a request that is not
released stops the camera after a few pictures.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

from bridges.vision.camera.base import CameraError, Shot
from bridges.vision.settings import VisionSettings

log = logging.getLogger(__name__)

BUFFERS = 4
"""Pictures that the camera may fill while one of them is copied."""
MOST_DAMAGED = 5
"""So many pictures in a row may be damaged before the camera counts as lost."""
OLDEST_S = 5.0
"""A larger age means that the time stamp is of another clock."""


class PiCamera:
    """A camera of the Pi; `device` is its number, 0 where there is only one."""

    paced = True

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self._number = camera_number(settings.device)
        self._camera: Any = None
        self._taken_ns: int | None = None

    def open(self) -> None:
        kind = picamera2_class()
        wanted = self._settings
        try:
            self._camera = kind(self._number)
            controls: dict[str, Any] = {"FrameRate": wanted.fps}
            if wanted.exposure_us or wanted.gain:
                controls["AeEnable"] = not (wanted.exposure_us and wanted.gain)
            if wanted.exposure_us:
                controls["ExposureTime"] = wanted.exposure_us
            if wanted.gain:
                controls["AnalogueGain"] = wanted.gain
            size = (wanted.width, wanted.height)
            self._camera.configure(
                self._camera.create_video_configuration(main={"size": size, "format": "RGB888"}, buffer_count=BUFFERS)
            )
            self._camera.set_controls(controls)
            self._camera.start()
        except Exception as error:  # Picamera2 raises whatever its parts raise, IndexError for a missing camera
            self.close()
            log.debug("opening the Pi camera", exc_info=True)
            raise CameraError(self._explain(error)) from None

    def read(self) -> Shot:
        failure: Exception | None = None
        for _ in range(1 + MOST_DAMAGED):
            try:
                request = self._camera.capture_request()
            except Exception as error:  # as above
                log.debug("reading the Pi camera", exc_info=True)
                raise self._lost(error) from None
            try:
                image = request.make_array("main")
                taken_ns = request.get_metadata().get("SensorTimestamp")
            except Exception as error:  # one buffer is damaged; the next one may be sound
                log.debug("a buffer of the Pi camera", exc_info=True)
                failure = error
            else:
                before, self._taken_ns = self._taken_ns, taken_ns
                return Shot(image, age_of(taken_ns), is_new=None not in {before, taken_ns} and taken_ns != before)
            finally:
                request.release()
        assert failure is not None  # noqa: S101 - each turn but a sound one has left one
        raise self._lost(failure)

    def _lost(self, error: Exception) -> CameraError:
        return CameraError(f"the Pi camera {self._number} was lost: {told(error)}")

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        for step in (camera.stop, camera.close):
            with contextlib.suppress(RuntimeError):  # it was not started, or is closed already
                step()

    def _explain(self, error: Exception) -> str:
        text = told(error)
        if isinstance(error, IndexError):
            return (
                f"there is no Pi camera {self._number}; check its cable (with the Pi switched off) and vision.device, "
                "then run: rpicam-hello --list-cameras"
            )
        if "busy" in text.lower() or "acquire" in text.lower():
            return f"the Pi camera {self._number} is in use by another program; end that one first ({text})"
        return f"the Pi camera {self._number} cannot be opened: {text}"


def picamera2_class() -> Any:
    """Picamera2's class, imported only now.

    Raises:
        CameraError: it is missing, or does not fit the other packages here.
    """
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - only on a Pi, and only where its camera is used
    except (ImportError, ValueError) as error:
        if "numpy.dtype size changed" in str(error):
            reason = (
                "Picamera2 finds a simplejpeg that was built for another numpy; run, in this virtual environment: "
                "pip install 'simplejpeg>=1.9'"
            )
        else:
            reason = (
                f"Picamera2 cannot be imported ({told(error)}); run: sudo apt install python3-picamera2, and make the "
                "virtual environment with --system-site-packages"
            )
        raise CameraError(reason) from None
    return Picamera2


def camera_number(device: str | int) -> int:
    """The number in `vision.device`; raises CameraError for something else."""
    text = str(device).strip()
    if text and not (text.isascii() and text.isdecimal()):
        raise CameraError(f"vision.device is {text!r}; for picamera2 it is the camera's number, 0 or 1", text)
    return int(text or 0)


def age_of(taken_ns: int | None) -> float:
    """How long ago the sensor took the picture; 0 where it does not say.

    Source: libcamera's SensorTimestamp, nanoseconds on the clock of the time since boot.
    """
    if taken_ns is None:
        return 0.0
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - taken_ns / 1e9
    return age if 0.0 <= age <= OLDEST_S else 0.0


def told(error: Exception) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
