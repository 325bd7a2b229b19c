"""The detector's thread: from the newest frame to a report, and what happens when detection stops."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bridges.vision.bounded import MOST_CLASSES_BYTES, first_within
from bridges.vision.camera.frames import Frame
from bridges.vision.camera.grabber import Grabber
from bridges.vision.detection.pipeline import DetectionPipeline, PipelineError, Seen
from bridges.vision.frame_worker import FrameThread
from bridges.vision.reporting import Reporting
from smartcar_mqtt.clock import Clock

DETECTION_LIMIT_S = 30.0
"""A detection that takes longer counts as hung: systemd's watchdog is no longer notified and restarts the bridge."""


class Detecting:
    """Searches frames on a thread of its own while that is wanted, and reports what it finds.

    Args:
        clock: the time.
        grabber: where frames come from.
        fps: most frames a second that are searched.
        pipeline: searches them.
        reporting: publishes the results.
        is_on: whether detection is switched on, and not paused.
        has_link: whether the camera sends pictures.
        count: called with each result, before it is published.
        update: publishes values of entities.
        set_attributes: publishes attributes of one entity.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        grabber: Grabber,
        fps: float,
        pipeline: DetectionPipeline,
        reporting: Reporting,
        is_on: Callable[[], bool],
        has_link: Callable[[], bool],
        count: Callable[[Seen], None],
        update: Callable[..., None],
        set_attributes: Callable[..., None],
    ) -> None:
        self.seen: Seen | None = None
        """The newest result; None while nothing is detected."""
        self._clock = clock
        self._pipeline = pipeline
        self._reporting = reporting
        self._is_on = is_on
        self._has_link = has_link
        self._count = count
        self._update = update
        self._set_attributes = set_attributes
        self._reports = threading.RLock()  # guards results, reports and the tracker; acquired after the grabber's lock
        self._epoch = 0
        """Incremented by `blind`: results of a detection that began before are discarded."""
        self._thread = FrameThread("detector", grabber, fps=fps, work=self._look, wanted=self._wanted)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present frame."""
        self._thread.stop()

    def problem(self) -> str | None:
        """What is wrong with a detection that does not end; None while all is well."""
        since = self._thread.busy_since
        if since is not None and self._clock.monotonic() - since > DETECTION_LIMIT_S:
            return f"a detection has been running for {self._clock.monotonic() - since:.0f} s"
        return None

    def blind(self) -> None:
        """Detection has stopped: report tracked objects as gone and presence as unknown."""
        with self._reports:
            self._epoch += 1
            self.seen = None
            self._reporting.report_blind(self._pipeline.forget())

    def show_model(self) -> None:
        """Publish which model detects, or why none does."""
        pipeline = self._pipeline
        state = pipeline.about or ("none" if pipeline.problem else "not loaded yet")
        labels = list(pipeline.labels)
        self._set_attributes(
            "model",
            problem=pipeline.problem,
            family=pipeline.family,
            class_count=len(labels),
            classes=first_within(labels, MOST_CLASSES_BYTES),
        )
        self._update(model=state, backend=pipeline.backend or None)

    def _wanted(self) -> bool:
        return self._is_on() and not self._pipeline.problem

    def _look(self, frame: Frame) -> None:
        if not self._pipeline.loaded:
            loaded = self._pipeline.load()
            self.show_model()
            if not loaded:
                return
        epoch = self._epoch
        try:
            detections = self._pipeline.find(frame.image)
        except PipelineError:
            self.blind()
            self.show_model()
            return
        with self._reports:
            if epoch != self._epoch or not self._has_link() or not self._wanted():
                return  # switched off, paused or lost in the meantime
            seen = self.seen = self._pipeline.follow(frame, detections)
            self._count(seen)
            self._reporting.report(seen)
