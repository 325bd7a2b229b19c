"""A small Picamera2 without a camera: what the adapter calls, checked as the real one checks it."""

from __future__ import annotations

import sys
import time
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

BUFFERS = 4


class Request:
    def __init__(self, camera: Picamera2, number: int) -> None:
        self._camera = camera
        self._number = number
        self.released = False

    def make_array(self, name: str) -> NDArray[np.uint8]:
        assert name == "main"
        width, height = self._camera.configuration["main"]["size"]
        image = np.zeros((height, width, 3), np.uint8)
        image[:] = self._number, 20, 200  # blue, green, red, as "RGB888" arrives
        return image

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": int((time.clock_gettime(time.CLOCK_BOOTTIME) - 0.03) * 1e9)}

    def release(self) -> None:
        assert not self.released, "released twice"
        self.released = True
        self._camera.lent -= 1


class Picamera2:
    cameras = 1
    busy = False
    unplugged = False
    made: ClassVar[list[Picamera2]] = []

    def __init__(self, camera_num: int = 0) -> None:
        if camera_num >= type(self).cameras:
            raise IndexError("list index out of range")
        if type(self).busy:
            raise RuntimeError("Camera __init__ sequence did not complete: device or resource busy")
        self.number = camera_num
        self.configuration: dict[str, Any] = {}
        self.controls: dict[str, Any] = {}
        self.running = self.closed = False
        self.lent = self.taken = 0
        type(self).made.append(self)

    def create_video_configuration(self, main: dict[str, Any], buffer_count: int) -> dict[str, Any]:
        assert main["format"] == "RGB888"
        return {"main": main, "buffer_count": buffer_count}

    def configure(self, configuration: dict[str, Any]) -> None:
        assert not self.running
        self.configuration = configuration

    def set_controls(self, controls: dict[str, Any]) -> None:
        known = {"FrameRate", "AeEnable", "ExposureTime", "AnalogueGain"}
        if not controls.keys() <= known:
            raise RuntimeError(f"control {controls.keys() - known} is not advertised by libcamera")
        self.controls = controls

    def start(self) -> None:
        assert self.configuration
        self.running = True

    def capture_request(self) -> Request:
        if type(self).unplugged:
            raise RuntimeError("Camera frontend has timed out!\nmore lines")
        assert self.running
        self.lent += 1
        assert self.lent < BUFFERS, "a request that is not released stops the camera"
        self.taken += 1
        return Request(self, self.taken)

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        assert not self.running, "closed while it runs"
        assert not self.closed, "closed twice"
        self.closed = True


def install(monkeypatch: pytest.MonkeyPatch) -> type[Picamera2]:
    """Make it what `import picamera2` finds; a class of its own for each test."""
    kind = type("Picamera2", (Picamera2,), {"made": []})
    module = ModuleType("picamera2")
    module.Picamera2 = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return kind
