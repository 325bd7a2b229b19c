"""Rates and ages for Home Assistant: counted as frames come, published every two seconds while the camera is on."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bridges.vision.camera.grabber import Grabber
from smartcar_mqtt.clock import Scheduler, Timer
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.mqtt.snapshots import Snapshots

if TYPE_CHECKING:
    from bridges.vision.detection.pipeline import Seen

WINDOW_S = 2.0


class Measuring:
    """Counts frames and detections. `count` on the detector's thread, the rest on the main thread.

    Args:
        scheduler: time, and the thread that publishes.
        grabber: counts the frames.
        broker: counts the messages that were dropped.
        snapshots: counts the pictures that were passed over.
        is_on: whether the camera is meant to be on; once it is not, measuring ends.
        update: publishes values of entities.
        set_attributes: publishes attributes of one entity.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        grabber: Grabber,
        broker: Broker,
        snapshots: Snapshots,
        is_on: Callable[[], bool],
        update: Callable[..., None],
        set_attributes: Callable[..., None],
    ) -> None:
        self._scheduler = scheduler
        self._clock = scheduler.clock
        self._grabber = grabber
        self._broker = broker
        self._snapshots = snapshots
        self._is_on = is_on
        self._update = update
        self._set_attributes = set_attributes
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._began = 0.0
        self._frames_before = 0
        self._inference_ms: list[float] = []
        self._age_ms: list[float] = []

    def start(self) -> None:
        """Start measuring, unless it is running."""
        with self._lock:
            if self._timer is None:
                self._begin()

    def stop(self) -> None:
        """Stop measuring."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def count(self, seen: Seen) -> None:
        """Count one detection."""
        with self._lock:
            self._inference_ms.append(seen.inference_ms)
            self._age_ms.append(seen.age_ms)

    def _begin(self) -> None:
        self._began = self._clock.monotonic()
        self._frames_before = self._grabber.frames
        self._inference_ms, self._age_ms = [], []
        self._timer = self._scheduler.call_later(WINDOW_S, self._publish)

    def _publish(self) -> None:
        with self._lock:
            passed = self._clock.monotonic() - self._began
            frames = self._grabber.frames - self._frames_before
            inference_ms, age_ms = self._inference_ms, self._age_ms
            self._timer = None
            on = self._is_on()
            if on:
                self._begin()
        self._set_attributes("drops", **self._dropped())
        values: dict[str, Any] = {
            "frames_per_second": frames / passed if on else 0,
            "detections_per_second": len(age_ms) / passed if on else 0,
            "inference_time": statistics.median(inference_ms) if inference_ms and on else None,
            "frame_age": statistics.median(age_ms) if age_ms and on else None,
            "drops": self._broker.dropped + self._snapshots.passed_over,
        }
        self._update(**values)

    def _dropped(self) -> dict[str, int]:
        return {
            "messages": self._broker.dropped,
            "pictures": self._snapshots.passed_over,
            "most_pictures_waiting": self._snapshots.most_waiting,
        }
