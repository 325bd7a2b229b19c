"""What the face takes from other bridges' streams: how loud the car speaks, and where a person is.

Pure. What is damaged raises msgspec.ValidationError.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bridges.display.animation.gaze import Place

PERSON = "person"
HEAD = 0.15
"""Where in a person's box we look: this share of its height below its upper edge."""

Share = Annotated[float, Meta(ge=-1, le=2)]
"""A fraction of the picture; boxes may reach a little beyond its edges."""


class Loudness(msgspec.Struct):
    """The long form of `tts/level`."""

    level: float


class Thing(msgspec.Struct):
    """One object of `vision/objects`; what the face has no use for is left out."""

    label: str
    box: tuple[Share, Share, Share, Share]
    """Left, top, right, bottom, in fractions of the picture."""
    id: int | None = None

    @property
    def area(self) -> float:
        """Share of the picture that it fills."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class Sight(msgspec.Struct):
    """A message of `vision/objects`."""

    objects: list[Thing]


def loudness_of(message: Any) -> float:
    """The level of a message of `tts/level`: a number, or an object that holds it."""
    if isinstance(message, dict):
        return msgspec.convert(message, Loudness).level
    return msgspec.convert(message, float)


def person_of(message: Any, watched: int | None) -> Thing | None:
    """The person to look at: the one who is watched already, else the largest, who is the nearest; None: nobody."""
    people = [thing for thing in msgspec.convert(message, Sight).objects if thing.label == PERSON]
    for person in people:
        if watched is not None and person.id == watched:
            return person
    return max(people, key=lambda person: person.area, default=None)


def place_of(person: Thing, *, mirrored: bool) -> Place:
    """Where the pupils look for a person, from -1 to 1 as people see the face.

    Args:
        person: in the camera's picture.
        mirrored: whether the camera looks the same way as the face, so that its left is the screen's right.
    """
    left, top, right, bottom = person.box
    x = left + right - 1
    y = 2 * (top + HEAD * (bottom - top)) - 1
    return (-x if mirrored else x, y)
