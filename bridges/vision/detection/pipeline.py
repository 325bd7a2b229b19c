"""Detection, tracking and presence in one. The network is loaded when it is first needed."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bridges.vision.camera.frames import Frame
from bridges.vision.detection.presence import PERSON, Presence
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.clock import Clock
from smartcar_mqtt.models.catalogue import find_file, locate

if TYPE_CHECKING:
    from bridges.vision.camera.frames import Picture
    from bridges.vision.detection.detector import Detector
    from bridges.vision.detection.tracker import Track, Tracker, TrackEvent
    from bridges.vision.detection.types import Detection

log = logging.getLogger(__name__)

FED_ALIKE = {"rt_detr": "d_fine"}
"""Names in `vision.family` for one and the same."""
LONGEST_FREE_SIDE = 640
"""Longer side of the pictures that a network gets which takes any size."""


class PipelineError(Exception):
    """Nothing can be detected; the text says why."""


class Seen(NamedTuple):
    """The results of one frame."""

    frame: Frame
    tracks: list[Track]
    """All objects that count, those that are missing for a moment too."""
    fresh: list[Track]
    """Those of them that are in this frame."""
    events: list[TrackEvent]
    present: dict[str, bool]
    inference_ms: float
    age_ms: float
    """Age of the frame when the result was ready."""


class DetectionPipeline:
    """Processes frames. All but `follow` and `forget` may be used from any thread: one lock guards the network.

    (numpy and onnxruntime, 70 MB, are imported when the network is loaded: a camera that is off does without.)
    """

    def __init__(self, settings: VisionSettings, clock: Clock) -> None:
        self.problem = "" if settings.model else "no model is configured (vision.model)"
        """Why nothing is detected; empty: all is well, or not tried yet."""
        self.about = ""
        """The network in words, when it is loaded."""
        self.backend = ""
        """What runs it."""
        self.family = ""
        """How it is fed and read, when it is loaded."""
        self.labels: tuple[str, ...] = ()
        """What it can tell apart, when it is loaded."""
        self.inference_ms = 0.0
        """How long the network took for the newest picture."""
        self._settings = settings
        self._clock = clock
        self._confidence = settings.confidence
        self._lock = threading.RLock()
        self._detector: Detector | None = None
        self._tracker: Tracker | None = None
        self._presence = Presence(dict.fromkeys((PERSON, *settings.occupancy)), settings.off_delay)

    def retry(self) -> None:
        """Clear `problem`, so that the network is loaded again when it is needed next."""
        if self._settings.model:
            self.problem = ""

    def load(self) -> bool:
        """Load the network unless that is done; False where it cannot be used, with the reason in `problem`."""
        with self._lock:
            if self._detector is not None:
                return True
            if not self._settings.model:
                return False
            from bridges.vision.detection.model import ModelError  # noqa: PLC0415 - as the class says

            try:
                self._load()
            except ModelError as error:
                self.problem = str(error)
                log.error("nothing is detected: %s", error)
                return False
            self.problem = ""
            return True

    @property
    def loaded(self) -> bool:
        """Whether the network is there."""
        return self._detector is not None

    def set_confidence(self, confidence: float) -> None:
        """From how sure a detection on an object counts, 0 to 1."""
        with self._lock:
            self._confidence = confidence
            if self._detector is not None:
                self._detector.confidence = confidence

    def find(self, image: Picture) -> list[Detection]:
        """The objects in one picture, by falling score; the network must be loaded.

        Raises:
            PipelineError: the network fails; it is then to be loaded anew.
        """
        from bridges.vision.detection.model import ModelError  # noqa: PLC0415 - as the class says

        with self._lock:
            assert self._detector is not None  # noqa: S101 - as above
            try:
                found = self._detector.detect(image)
            except ModelError as error:
                self._detector = None
                self.problem = str(error)
                log.error("nothing is detected any more: %s", error)
                raise PipelineError(str(error)) from None
            self.inference_ms = 1000 * self._detector.inference_s
            return found

    def follow(self, frame: Frame, detections: list[Detection]) -> Seen:
        """Update the tracker with a frame's detections. One thread at a time, `forget` included."""
        assert self._tracker is not None  # noqa: S101 - `find` has found something
        self._tracker.rules = msgspec.structs.replace(self._tracker.rules, score=self._confidence)
        events = self._tracker.update(detections, frame.captured_at)
        tracks = self._tracker.tracks
        fresh = [track for track in tracks if track.last_seen == frame.captured_at]
        present = self._presence.update((track.label for track in fresh), frame.captured_at)
        age_ms = 1000 * (self._clock.monotonic() - frame.captured_at)
        return Seen(frame, tracks, fresh, events, present, self.inference_ms, age_ms)

    def forget(self) -> list[TrackEvent]:
        """Detection has stopped: clear tracker and presence."""
        self._presence.forget()
        return [] if self._tracker is None else self._tracker.clear()

    def _load(self) -> None:
        import onnxruntime  # noqa: PLC0415 - as the class says

        from bridges.vision.detection.detector import Detector  # noqa: PLC0415
        from bridges.vision.detection.families import Family  # noqa: PLC0415
        from bridges.vision.detection.labels import LabelError, read_labels  # noqa: PLC0415
        from bridges.vision.detection.letterbox import free_size  # noqa: PLC0415
        from bridges.vision.detection.model import Model, ModelError  # noqa: PLC0415
        from bridges.vision.detection.tracker import Rules, Tracker  # noqa: PLC0415

        settings = self._settings
        path = locate(settings.model)
        beside = path.with_suffix(".txt")
        label_file = find_file(settings.labels) if settings.labels else beside if beside.exists() else None
        try:
            labels = read_labels(label_file) if label_file else None
        except LabelError as error:
            raise ModelError(str(error)) from None
        upright = settings.rotation % 180 == 0
        width, height = (settings.width, settings.height) if upright else (settings.height, settings.width)
        free = free_size(width, height, LONGEST_FREE_SIDE)
        family = None if settings.family == "auto" else Family(FED_ALIKE.get(settings.family, settings.family))
        model = Model(path, labels=labels, threads=settings.threads, free_size=free, family=family)
        self._detector = Detector(model, confidence=self._confidence, iou=settings.iou, only=settings.classes)
        self._tracker = self._tracker or Tracker(Rules(score=self._confidence))
        self.labels = tuple(model.labels)
        self.family = model.family.value
        self.about = f"{path.name}, {model.width}x{model.height}, {len(self.labels)} classes"
        self.backend = f"onnxruntime {onnxruntime.__version__}"
        log.info("%s: %s, fed and read as %s, on %s", path, self.about, self.family, self.backend)
        unknown = [label for label in settings.occupancy if label not in self.labels]
        if unknown:
            log.error("vision.occupancy: %s: no class of %s", ", ".join(unknown), path)


def as_plain(track: Any) -> dict[str, Any]:
    """An object as messages and attributes contain it."""
    return {
        "id": track.id,
        "label": track.label,
        "score": round(track.score, 3),
        "box": [round(side, 4) for side in track.box],
        "position": str(track.position),
    }
