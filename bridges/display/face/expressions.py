"""What a face can express: thirteen poses, and whatever lies between two of them.

A pose is numbers only, so that it can be eased into another one. Left and right are those of whoever looks at the face;
x grows to the right, y downwards; lengths are in radii of an eye. Source of the names, the gazes, the blush and the
scales of the eyes: seed facts, section 9.2.
"""

from __future__ import annotations

from types import MappingProxyType

import msgspec


class Pose(msgspec.Struct, frozen=True, kw_only=True):
    """A face at one moment; the defaults are those of a friendly face that looks at you."""

    # eyes
    pupil_x: float = 0.0
    """Where the pupils are: -1 (left edge of the eye) to 1."""
    pupil_y: float = 0.0
    """-1 (up) to 1 (down)."""
    eye_scale: float = 1.0
    """Size of the eyes."""
    eye_open_left: float = 1.0
    """How far the left eye is open, from 0 (closed) to 1."""
    eye_open_right: float = 1.0
    lid_slant: float = 0.0
    """Slope of the upper lids: 1: the outer ends hang (sad), -1: the inner ends do (cross)."""
    lower_lid: float = 0.0
    """How far the cheeks push the lower lids up, from 0 to 1."""
    lid_bend: float = 0.35
    """How closed eyes are bent: 1: like a bowl (asleep), -1: like a roof (laughing)."""
    iris_size: float = 0.68
    """Radius of the iris as a share of the eye's."""
    pupil_size: float = 0.6
    """Radius of the pupil as a share of the iris'."""
    highlight_size: float = 1.0
    """Size of the highlights on the pupils; 0: none."""
    highlight_angle: float = 0.0
    """Degrees by which the highlights are turned clockwise around the pupil."""
    sparkle: float = 0.0
    """How much the highlights are stars, from 0 (discs) to 1."""
    spin: float = 0.0
    """Degrees per second by which the highlights go around; who animates the face turns `highlight_angle` so fast."""
    # brows
    brow_left: float = 0.0
    """How high the left brow is: 0: at rest, 1: raised, -1: drawn down."""
    brow_right: float = 0.0
    brow_slant: float = 0.0
    """1: the inner ends are raised (worried), -1: the outer ends are (cross)."""
    brow_bend: float = 0.5
    """How much the brows are arched, from 0 (straight) to 1."""
    # mouth
    mouth_curve: float = 0.5
    """1: a smile, -1: a frown."""
    mouth_open: float = 0.0
    """From 0 (closed) to 1; the level of speech goes here."""
    mouth_width: float = 0.6
    """From 0 to 1."""
    mouth_round: float = 0.0
    """How much the open mouth is round like an O, from 0 to 1."""
    mouth_slant: float = 0.0
    """1: the right corner is raised, -1: the left one is."""
    mouth_x: float = 0.0
    """How far it is moved to the right."""
    # the rest
    blush: float = 1.0
    """Colour of the cheeks, from 0 to 2."""
    tilt: float = 0.0
    """Degrees by which the whole face is turned clockwise."""
    tear: float = 0.0
    """Size of a tear under one eye, from 0 (none) to 1."""
    hearing: float = 0.0
    """Size of the arcs beside the face that stand for listening, from 0 (none) to 1."""
    snoring: float = 0.0
    """Size of the Zs beside a sleeping face, from 0 (none) to 1."""


def between(a: Pose, b: Pose, share: float) -> Pose:
    """The pose on the way from `a` (share 0) to `b` (share 1); other shares go on beyond them."""
    steps = zip(msgspec.structs.astuple(a), msgspec.structs.astuple(b), strict=True)
    return Pose(**dict(zip(FIELDS, (start + (end - start) * share for start, end in steps), strict=True)))


FIELDS = Pose.__struct_fields__

EXPRESSIONS = MappingProxyType(
    {
        "base": Pose(eye_scale=0.95),
        "happy": Pose(
            pupil_y=-0.15,
            lower_lid=0.75,
            lid_bend=-1.0,
            pupil_size=0.62,
            highlight_size=1.2,
            brow_left=0.55,
            brow_right=0.55,
            brow_bend=1.0,
            mouth_curve=1.0,
            mouth_open=0.62,
            mouth_width=0.9,
            blush=1.4,
        ),
        "listening": Pose(
            pupil_y=-0.3,
            pupil_size=0.62,
            brow_left=0.6,
            brow_right=0.6,
            brow_bend=0.7,
            mouth_curve=0.45,
            mouth_width=0.4,
            blush=1.1,
            hearing=1.0,
        ),
        "speaking": Pose(
            brow_left=0.25,
            brow_right=0.25,
            mouth_curve=0.45,
            mouth_open=0.42,
            mouth_width=0.6,
            mouth_round=0.45,
            blush=1.2,
        ),
        "surprised": Pose(
            pupil_y=-0.05,
            eye_scale=1.05,
            iris_size=0.46,
            pupil_size=0.5,
            highlight_size=0.8,
            brow_left=1.0,
            brow_right=1.0,
            brow_bend=1.0,
            mouth_curve=0.0,
            mouth_open=0.75,
            mouth_width=0.4,
            mouth_round=1.0,
            blush=0.6,
        ),
        "curious": Pose(
            pupil_x=-0.35,
            pupil_y=-0.1,
            eye_open_right=0.78,
            lower_lid=0.15,
            brow_left=0.75,
            brow_right=-0.35,
            brow_bend=0.45,
            mouth_curve=0.25,
            mouth_width=0.34,
            mouth_slant=0.5,
            mouth_x=-0.22,
            tilt=4.0,
        ),
        "sad": Pose(
            pupil_y=0.25,
            eye_open_left=0.82,
            eye_open_right=0.82,
            lid_slant=0.75,
            pupil_size=0.65,
            highlight_size=1.15,
            brow_left=0.2,
            brow_right=0.2,
            brow_slant=1.0,
            brow_bend=0.1,
            mouth_curve=-0.85,
            mouth_width=0.5,
            blush=0.4,
            tear=1.0,
        ),
        "look_left": Pose(pupil_x=-0.6, pupil_y=-0.05, mouth_x=-0.12, blush=0.9),
        "look_right": Pose(pupil_x=0.6, pupil_y=-0.05, mouth_x=0.12, blush=0.9),
        "look_up": Pose(pupil_y=-0.6, brow_left=0.7, brow_right=0.7, brow_bend=0.7, mouth_width=0.5, blush=0.9),
        "look_down": Pose(
            pupil_y=0.6,
            eye_open_left=0.85,
            eye_open_right=0.85,
            brow_left=-0.2,
            brow_right=-0.2,
            mouth_curve=0.0,
            mouth_width=0.45,
            blush=0.7,
        ),
        "sleep": Pose(
            eye_open_left=0.0,
            eye_open_right=0.0,
            lid_bend=1.0,
            brow_left=-1.0,
            brow_right=-1.0,
            mouth_curve=0.3,
            mouth_width=0.26,
            blush=0.5,
            snoring=1.0,
        ),
        "excited": Pose(
            pupil_y=-0.1,
            eye_scale=1.05,
            iris_size=0.72,
            pupil_size=0.8,
            highlight_size=1.3,
            sparkle=1.0,
            spin=220.0,
            brow_left=1.0,
            brow_right=1.0,
            brow_bend=1.0,
            mouth_curve=1.0,
            mouth_open=1.0,
            mouth_width=0.92,
            blush=1.6,
        ),
    }
)
"""The expressions by name, in the order in which people are offered them."""
