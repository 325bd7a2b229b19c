"""Objects over many frames: which detection is which object, and when one has appeared, moved or gone.

Pure: detections and times are passed in. A detector flickers, so an object counts only when it was seen in several of
the last frames with a good median score, and is gone only when it was missing for a while. Between frames it is looked
for where its own speed takes it, which keeps two that cross apart.
"""

from __future__ import annotations

import enum
import itertools
import statistics
from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from bridges.vision.detection.types import Detection, overlaps

Box = tuple[float, float, float, float]

LONGEST_GUESS_S = 0.5
"""How far ahead the position of a missing object is extrapolated; the car turns as well."""
SPEED_MEMORY_S = 0.3
"""Time constant of the average of an object's speed: boxes jitter from frame to frame."""
MOST_OBJECTS = 100
"""Most objects that are tracked at once."""


class Position(enum.StrEnum):
    """Where in the picture the middle of an object is."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


class Change(enum.StrEnum):
    """What has happened to an object."""

    NEW = "new"
    MOVED = "moved"
    GONE = "gone"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When an object counts. Lengths in fractions of the frame."""

    seen: int = 3
    """In how many of the last `frames` an object must be found to be new."""
    frames: int = 5
    score: float = 0.4
    """Median score from which an object is new; once it is, its score may sink."""
    scores_kept: int = 10
    """Of how many frames the median is taken."""
    gone_after_s: float = 2.0
    """How long an object must be missing to be gone."""
    match: float = 0.25
    """Least overlap of two boxes, each made twice as wide and high, to be the same object in two frames."""
    moved_by: float = 0.1
    """Way of an object's middle after which it has moved."""
    hysteresis: float = 0.03
    """How far beyond a third of the picture an object must be to have left it."""


class Track(msgspec.Struct, frozen=True):
    """One object, as it is now."""

    id: int
    """Counts up from 1; never used again while the tracker lives."""
    label: str
    score: float
    """Median of its last scores, 0 to 1."""
    box: Box
    """Where it was last seen: left, top, right, bottom in fractions of the frame."""
    position: Position
    first_seen: float
    last_seen: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle, in fractions of the frame."""
        return centre_of(self.box)


class TrackEvent(msgspec.Struct, frozen=True):
    """Something has happened to an object."""

    change: Change
    track: Track


class Tracker:
    """Follows objects. All times are monotonic seconds and must not fall."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._objects: list[_Object] = []
        self._ids = itertools.count(1)

    @property
    def tracks(self) -> list[Track]:
        """All objects that count, those missing for less than `gone_after_s` too; the oldest first."""
        return sorted((each.track for each in self._objects if each.track is not None), key=lambda track: track.id)

    def update(self, detections: Sequence[Detection], now: float) -> list[TrackEvent]:
        """Take what was found in one frame; an empty sequence is a frame without anything."""
        left = sorted(detections, key=lambda detection: -detection.score)[:MOST_OBJECTS]
        for each in self._objects:
            each.missed()
        # Confirmed objects are matched first, so that spurious detections do not take their place.
        for objects in (
            [each for each in self._objects if each.track is not None],
            [each for each in self._objects if each.track is None],
        ):
            left = self._match(objects, left, now)
        room = MOST_OBJECTS - len(self._objects)
        self._objects += [_Object(detection, now, self.rules) for detection in left[:room]]
        seen = [each for each in self._objects if each.found[-1]]
        events = [event for each in seen if (event := self._news(each)) is not None]
        return events + self.expire(now)

    def expire(self, now: float) -> list[TrackEvent]:
        """Drop objects that have been missing for too long; to be called also while no frames come."""
        staying: list[_Object] = []
        events = []
        for each in self._objects:
            if now - each.last_seen >= self.rules.gone_after_s:
                if each.track is not None:
                    events.append(TrackEvent(Change.GONE, each.track))
            elif each.track is not None or any(each.found):
                staying.append(each)
        self._objects = staying
        return events

    def clear(self) -> list[TrackEvent]:
        """Forget everything: detection ends."""
        events = [TrackEvent(Change.GONE, track) for track in self.tracks]
        self._objects = []
        return events

    def _match(self, objects: list[_Object], detections: list[Detection], now: float) -> list[Detection]:
        """Match detections to objects greedily by overlap; returns the detections that are left over."""
        if not objects or not detections:
            return detections
        table = overlaps(
            np.array([doubled(each.expected(now)) for each in objects]),
            np.array([doubled(detection.box) for detection in detections]),
        )
        pairs = [
            (-table[row, column], row, column)
            for row, column in np.argwhere(table >= self.rules.match).tolist()
            if objects[row].label == detections[column].label
        ]
        given: set[int] = set()
        taken: set[int] = set()
        for _, row, column in sorted(pairs):
            if row not in given and column not in taken:
                given.add(row)
                taken.add(column)
                objects[row].see(detections[column], now)
        return [detection for column, detection in enumerate(detections) if column not in taken]

    def _news(self, each: _Object) -> TrackEvent | None:
        """Update an object's track after a frame in which it was found; the event, if there is one."""
        score = statistics.median(each.scores)
        rules = self.rules
        change: Change | None
        if each.track is None:
            if sum(each.found) < rules.seen or score < rules.score:
                return None
            each.id = next(self._ids)
            each.position = third_of(each.centre[0], None, rules.hysteresis)
            change = Change.NEW
        else:
            position = third_of(each.centre[0], each.position, rules.hysteresis)
            way = distance(each.centre, each.told_at)
            moved = position is not each.position or way >= rules.moved_by
            each.position = position
            change = Change.MOVED if moved else None
        each.track = Track(each.id, each.label, score, each.box, each.position, each.first_seen, each.last_seen)
        if change is None:
            return None
        each.told_at = each.centre
        return TrackEvent(change, each.track)


class _Object:
    """A tracked candidate, confirmed or not."""

    def __init__(self, detection: Detection, now: float, rules: Rules) -> None:
        self.id = 0
        self.label = detection.label
        self.box: Box = detection.box
        self.scores = deque([detection.score], maxlen=rules.scores_kept)
        self.found = deque([True], maxlen=rules.frames)
        self.first_seen = self.last_seen = now
        self.position = Position.CENTRE
        self.track: Track | None = None
        self.told_at = self.centre
        self._speed = (0.0, 0.0)
        """Of its middle, in frames' widths and heights a second."""

    @property
    def centre(self) -> tuple[float, float]:
        return centre_of(self.box)

    def expected(self, now: float) -> Box:
        """Its box, extrapolated by its speed."""
        ahead = min(now - self.last_seen, LONGEST_GUESS_S)
        across, down = self._speed[0] * ahead, self._speed[1] * ahead
        left, top, right, bottom = self.box
        return (left + across, top + down, right + across, bottom + down)

    def missed(self) -> None:
        """Begin a frame: it counts as missing until it is found."""
        self.found.append(False)

    def see(self, detection: Detection, now: float) -> None:
        """It was found again."""
        passed = now - self.last_seen
        if passed > 0:
            weight = passed / (passed + SPEED_MEMORY_S)
            before, after = self.centre, centre_of(detection.box)
            self._speed = (
                self._speed[0] + weight * ((after[0] - before[0]) / passed - self._speed[0]),
                self._speed[1] + weight * ((after[1] - before[1]) / passed - self._speed[1]),
            )
        self.box = detection.box
        self.scores.append(detection.score)
        self.found[-1] = True
        self.last_seen = now


def centre_of(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    left, top, right, bottom = box
    return ((left + right) / 2, (top + bottom) / 2)


def distance(here: tuple[float, float], there: tuple[float, float]) -> float:
    """The longer of the ways across and down."""
    return max(abs(here[0] - there[0]), abs(here[1] - there[1]))


def doubled(box: Box) -> Box:
    """The box made twice as wide and high: so a small object that moves by its own size still overlaps itself."""
    left, top, right, bottom = box
    across, down = (right - left) / 2, (bottom - top) / 2
    return (left - across, top - down, right + across, bottom + down)


def third_of(x: float, before: Position | None, hysteresis: float) -> Position:
    """The third of the picture that x (0 to 1) lies in; the one before is left only with some way to spare."""
    left_ends, right_begins = 1 / 3, 2 / 3
    if before is Position.LEFT:
        left_ends += hysteresis
    elif before is Position.RIGHT:
        right_begins -= hysteresis
    elif before is Position.CENTRE:
        left_ends -= hysteresis
        right_begins += hysteresis
    if x < left_ends:
        return Position.LEFT
    return Position.RIGHT if x > right_begins else Position.CENTRE
