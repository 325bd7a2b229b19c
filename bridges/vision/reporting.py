"""What was detected as topics: the objects in view, what comes and goes, presence, and the last person's picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from bridges.vision.bounded import MOST_OBJECTS_BYTES, first_within
from bridges.vision.camera.frames import Frame
from bridges.vision.detection.pipeline import DetectionPipeline, Seen, as_plain
from bridges.vision.detection.presence import PERSON, occupancy_key
from bridges.vision.jpeg import Encoder
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.clock import Clock
from smartcar_mqtt.entities import BinarySensor

if TYPE_CHECKING:
    from bridges.vision.detection.tracker import TrackEvent

LAST_PERSON_S = 10.0
"""Seconds between two pictures of the last person while one is in view."""
EMPTY_S = 1.0
"""Seconds between two messages of the object stream while nothing is in view."""
APPEARED, GONE = "object_appeared", "object_gone"
"""Types of the event."""


class Reporting:
    """Publishes the results of detection. One thread at a time.

    Args:
        settings: the classes with a binary sensor of their own.
        clock: tells the time of events that belong to no frame.
        pipeline: knows which classes the network can tell apart.
        boxed: encodes pictures with boxes.
        update: publishes values of entities.
        set_attributes: publishes attributes of one entity.
        fire: publishes that an object has appeared or gone: the type, and its details.
        stream: publishes the objects of one frame, as JSON.
        show_person: publishes a JPEG picture of a person.
    """

    def __init__(
        self,
        settings: VisionSettings,
        clock: Clock,
        *,
        pipeline: DetectionPipeline,
        boxed: Encoder,
        update: Callable[..., None],
        set_attributes: Callable[..., None],
        fire: Callable[..., None],
        stream: Callable[[bytes], None],
        show_person: Callable[[bytes], None],
    ) -> None:
        self._occupancy = settings.occupancy
        self._clock = clock
        self._pipeline = pipeline
        self._boxed = boxed
        self._update = update
        self._set_attributes = set_attributes
        self._fire = fire
        self._stream = stream
        self._show_person = show_person
        self._empty_told_at = float("-inf")
        self._person_shown_at = float("-inf")

    def report(self, seen: Seen) -> None:
        """Publish the results of one frame."""
        self._report_events(seen.events, seen.frame)
        shown = [as_plain(track) for track in seen.tracks]
        surest = sorted(shown, key=lambda each: -each["score"])
        self._set_attributes("object_count", objects=first_within(surest, MOST_OBJECTS_BYTES))
        known = self._pipeline.labels
        present = {occupancy_key(label): on if label in known else None for label, on in seen.present.items()}
        self._update(object_count=len(shown), **present)
        self._report_frame(seen)
        self._report_person(seen)

    def report_blind(self, events: list[TrackEvent]) -> None:
        """Detection has stopped: publish the events that end what was tracked, and presence as unknown."""
        self._report_events(events, None)
        self._set_attributes("object_count", objects=[])
        presences = {occupancy_key(label): None for label in (PERSON, *self._occupancy)}
        self._update(object_count=None, inference_time=None, frame_age=None, **presences)

    def _report_frame(self, seen: Seen) -> None:
        now = seen.frame.captured_at
        if not seen.fresh and now - self._empty_told_at < EMPTY_S:
            return
        self._empty_told_at = float("-inf") if seen.fresh else now
        self._stream(
            msgspec.json.encode(
                {
                    "objects": [as_plain(track) for track in seen.fresh],
                    "frame": seen.frame.number,
                    "age_ms": round(seen.age_ms, 1),
                    "time": round(seen.frame.wall, 3),
                }
            )
        )

    def _report_person(self, seen: Seen) -> None:
        now = seen.frame.captured_at
        people = [track for track in seen.fresh if track.label == PERSON]
        new = any(str(event.change) == "new" and event.track.label == PERSON for event in seen.events)
        if people and (new or now - self._person_shown_at >= LAST_PERSON_S):
            self._person_shown_at = now
            self._show_person(self._boxed.jpeg(seen.frame, people, mark=-seen.frame.number))

    def _report_events(self, events: list[TrackEvent], frame: Frame | None) -> None:
        for event in events:
            change = {"new": APPEARED, "gone": GONE}.get(str(event.change))
            if change is None:
                continue
            details = as_plain(event.track)
            moment = round(frame.wall if frame is not None else self._clock.wall(), 3)
            self._fire(change, **details, frame=frame.number if frame else None, time=moment)
            if change == APPEARED:
                self._set_attributes("last_object", **details, time=moment)
                self._update(last_object=event.track.label)


def presence_sensors(settings: VisionSettings) -> dict[str, BinarySensor]:
    """A binary sensor for each class of `vision.occupancy`, by key; that of persons is there in any case."""
    return {
        occupancy_key(label): BinarySensor(
            about=f"Whether the camera sees this: {label.strip()}.",
            name=label.strip().capitalize(),
            device_class="occupancy",
            urgent=True,
        )
        for label in settings.occupancy
        if label != PERSON
    }
