"""Rates and ages for Home Assistant: counted as frames come, told every two seconds while the camera is on."""

from __future__ import annotations

import statistics
import threading
from typing import TYPE_CHECKING

from bridges.vision.settings import OFF
from smartcar_mqtt.clock import Timer

if TYPE_CHECKING:
    from bridges.vision.bridge import Vision
    from bridges.vision.detection.pipeline import Seen

WINDOW_S = 2.0


class Measuring:
    """Counts what a bridge sees and publishes it. `count` on the detector's thread, the rest on the main thread."""

    def __init__(self, bridge: Vision) -> None:
        self._bridge = bridge
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._began = 0.0
        self._frames_before = 0
        self._inference_ms: list[float] = []
        self._age_ms: list[float] = []

    def start(self) -> None:
        """Begin to measure, unless that is under way."""
        with self._lock:
            if self._timer is None:
                self._begin()

    def stop(self) -> None:
        """Measure no more."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def count(self, seen: Seen) -> None:
        """A frame has been looked at."""
        with self._lock:
            self._inference_ms.append(seen.inference_ms)
            self._age_ms.append(seen.age_ms)

    def _begin(self) -> None:
        self._began = self._bridge.clock.monotonic()
        self._frames_before = self._bridge.grabber.frames
        self._inference_ms, self._age_ms = [], []
        self._timer = self._bridge.scheduler.call_later(WINDOW_S, self._tell)

    def _tell(self) -> None:
        bridge = self._bridge
        with self._lock:
            passed = bridge.clock.monotonic() - self._began
            frames = bridge.grabber.frames - self._frames_before
            inference_ms, age_ms = self._inference_ms, self._age_ms
            self._timer = None
            on = bridge.mode != OFF
            if on:
                self._begin()
        bridge.set_attributes(
            "drops",
            messages=bridge.broker.dropped,
            pictures=bridge.snapshots.passed_over,
            most_pictures_waiting=bridge.snapshots.most_waiting,
        )
        bridge.update(
            frames_per_second=frames / passed if on else 0,
            detections_per_second=len(age_ms) / passed if on else 0,
            inference_time=statistics.median(inference_ms) if inference_ms and on else None,
            frame_age=statistics.median(age_ms) if age_ms and on else None,
            drops=bridge.broker.dropped + bridge.snapshots.passed_over,
        )
