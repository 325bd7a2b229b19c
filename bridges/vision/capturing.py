"""A capture from command to event: a frame taken after the command, detections, file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from bridges.vision.bounded import MOST_OBJECTS_BYTES, first_within
from bridges.vision.camera.grabber import Grabber
from bridges.vision.captures import Capture, CaptureError, Captures, Found
from bridges.vision.detection.pipeline import DetectionPipeline, PipelineError
from bridges.vision.jpeg import annotated, encode
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.commands import Request, Status
from smartcar_mqtt.worker import Worker

if TYPE_CHECKING:
    from bridges.vision.camera.frames import Frame
    from bridges.vision.detection.types import Detection

log = logging.getLogger(__name__)

FRESH_FRAME_S = 12.0
"""Longest wait for a frame: a camera that was off needs some seconds to open."""
SETTLING_S = 0.5
"""Time that a camera which was just opened needs for its automatic exposure."""


class Capturing:
    """Carries captures out, one after the other, on a thread of its own: other commands need not wait for a camera.

    Args:
        settings: kind of camera, and quality of the pictures.
        captures: where they are stored.
        grabber: where frames come from.
        pipeline: finds what is in them.
        model_changed: called when the network was loaded, or has failed.
        show: publishes a JPEG picture with boxes.
        fire: publishes an event: its type, and its details.
    """

    def __init__(
        self,
        settings: VisionSettings,
        *,
        captures: Captures,
        grabber: Grabber,
        pipeline: DetectionPipeline,
        model_changed: Callable[[], None],
        show: Callable[[bytes], None],
        fire: Callable[..., None],
    ) -> None:
        self._quality = settings.jpeg_quality
        self._settling_s = 0.0 if settings.camera == "simulated" else SETTLING_S
        self._captures = captures
        self._grabber = grabber
        self._pipeline = pipeline
        self._model_changed = model_changed
        self._show = show
        self._fire = fire
        self._worker = Worker("captures")

    def ask(self, request: Request, asked_at: float) -> None:
        """Take a capture as soon as those before it are done; the request is answered then.

        Args:
            request: the command.
            asked_at: monotonic second at which it came; the picture is never older.
        """
        if not self._worker.submit(lambda: self._take(request, asked_at)):
            self._fail(request, "too many captures are waiting")

    def stop(self) -> None:
        """End after the capture that is under way."""
        self._worker.stop()

    def _take(self, request: Request, asked_at: float) -> None:
        frame = self._fresh_frame(asked_at)
        if frame is None:
            self._fail(request, self._grabber.reason or f"no picture within {FRESH_FRAME_S:g} s")
            return
        found: list[Detection] | None = None
        if self._pipeline.load():
            try:
                found = self._pipeline.find(frame.image)
            except PipelineError as error:
                log.warning("the capture is stored without detections: %s", error)
        self._model_changed()
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
        try:
            about = self._captures.store(encode(frame.image, self._quality), about)
        except CaptureError as error:
            self._fail(request, str(error))
            return
        self._show(encode(annotated(frame.image, found or ()), self._quality))
        self._fire("captured", **as_event(about))
        request.answer(Status.DONE)

    def _fresh_frame(self, asked_at: float) -> Frame | None:
        """A frame that was taken after this moment; a closed camera is opened for as long as it takes."""
        grabber = self._grabber
        was_on = grabber.link
        grabber.hold("capture")
        try:
            frame = grabber.wait_after(asked_at, FRESH_FRAME_S)
            if frame is not None and not was_on and self._settling_s:
                frame = grabber.wait_after(frame.captured_at + self._settling_s, FRESH_FRAME_S)
            return frame
        finally:
            grabber.release("capture")

    def _fail(self, request: Request, reason: str) -> None:
        details: dict[str, Any] = {"id": request.parsed.id, "source": request.source, "reason": reason}
        self._fire("failed", **details)
        request.answer(Status.BLOCKED, reason)


def as_event(about: Capture) -> dict[str, Any]:
    """Fields of the event: of very many detections the ones with the highest scores; the JSON file has all."""
    details: dict[str, Any] = msgspec.to_builtins(about)
    if about.detections is not None:
        details["detections"] = first_within(details["detections"], MOST_OBJECTS_BYTES)
        left_out = len(about.detections) - len(details["detections"])
        if left_out:
            details["detections_left_out"] = left_out
    return details


def as_found(detection: Detection) -> Found:
    """A detection as captures store it."""
    from bridges.vision.detection.tracker import centre_of, third_of  # noqa: PLC0415 - brings numpy

    position = third_of(centre_of(detection.box)[0], None, 0.0)
    left, top, right, bottom = (round(side, 4) for side in detection.box)
    return Found(detection.label, round(detection.score, 3), (left, top, right, bottom), str(position))
