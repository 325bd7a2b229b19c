"""A capture from command to event: a fresh frame, what is on it, its file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bridges.vision.captures import Capture, CaptureError, Captures, Found
from bridges.vision.detection.pipeline import PipelineError
from bridges.vision.jpeg import annotated, encode
from smartcar_mqtt.commands import Request, Status
from smartcar_mqtt.worker import Worker

if TYPE_CHECKING:
    from bridges.vision.bridge import Vision
    from bridges.vision.camera.frames import Frame
    from bridges.vision.detection.types import Detection

log = logging.getLogger(__name__)

FRESH_FRAME_S = 12.0
"""Longest wait for a frame: a camera that was off needs some seconds to open."""
SETTLING_S = 0.5
"""A camera that has just been switched on needs so long to find its exposure."""


class Capturing:
    """Carries captures out, one after the other, on a thread of its own: other commands need not wait for a camera."""

    def __init__(self, bridge: Vision, folder: Path) -> None:
        settings = bridge.settings
        self.captures = Captures(folder, most=settings.capture_count, most_bytes=round(settings.capture_mb * 1_000_000))
        self._bridge = bridge
        self._worker = Worker("captures")

    def ask(self, request: Request) -> None:
        """Take a capture as soon as those before it are done; the request is answered then."""
        asked_at = self._bridge.clock.monotonic()
        if not self._worker.submit(lambda: self._take(request, asked_at)):
            self._fail(request, "too many captures are waiting")

    def stop(self) -> None:
        """End after the capture that is under way."""
        self._worker.stop()

    def _take(self, request: Request, asked_at: float) -> None:
        frame = self._fresh_frame(asked_at)
        if frame is None:
            self._fail(request, self._bridge.grabber.reason or f"no picture within {FRESH_FRAME_S:g} s")
            return
        bridge = self._bridge
        found: list[Detection] | None = None
        if bridge.pipeline.load():
            try:
                found = bridge.pipeline.find(frame.image)
            except PipelineError as error:
                log.warning("the capture is stored without detections: %s", error)
        bridge.show_model()
        about = Capture(
            file="",
            time=round(frame.wall, 3),
            width=frame.image.shape[1],
            height=frame.image.shape[0],
            bytes=0,
            id=request.parsed.id,
            source=request.source,
            detections=None if found is None else [as_found(each) for each in found],
        )
        quality = bridge.settings.jpeg_quality
        try:
            about = self.captures.store(encode(frame.image, quality), about)
        except CaptureError as error:
            self._fail(request, str(error))
            return
        bridge.last_capture.show(encode(annotated(frame.image, found or ()), quality))
        bridge.captured.fire("captured", **msgspec.to_builtins(about))
        request.answer(Status.DONE)

    def _fresh_frame(self, asked_at: float) -> Frame | None:
        """A frame that was taken after this moment; a camera that is off is on for as long as it takes."""
        grabber = self._bridge.grabber
        was_on = grabber.link
        grabber.hold("capture")
        try:
            frame = grabber.wait_after(asked_at, FRESH_FRAME_S)
            if frame is not None and not was_on and self._bridge.settings.camera != "simulated":
                frame = grabber.wait_after(frame.captured_at + SETTLING_S, FRESH_FRAME_S)
            return frame
        finally:
            grabber.release("capture")

    def _fail(self, request: Request, reason: str) -> None:
        details: dict[str, Any] = {"id": request.parsed.id, "source": request.source, "reason": reason}
        self._bridge.captured.fire("failed", **details)
        request.answer(Status.BLOCKED, reason)


def as_found(detection: Detection) -> Found:
    """A detection as a capture tells it."""
    from bridges.vision.detection.tracker import centre_of, third_of  # noqa: PLC0415 - brings numpy

    position = third_of(centre_of(detection.box)[0], None, 0.0)
    left, top, right, bottom = (round(side, 4) for side in detection.box)
    return Found(detection.label, round(detection.score, 3), (left, top, right, bottom), str(position))
