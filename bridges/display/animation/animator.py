"""The face in time: eased transitions, blinks, gaze, a mouth that speaks, sleep.

Pure: time and chance are passed in, poses come out, together with the moment at which the next one is due.
"""

from __future__ import annotations

import math
import random

import msgspec

from bridges.display.animation.blinking import Blinking
from bridges.display.animation.gaze import AHEAD, Gaze, Place
from bridges.display.animation.highlight import Highlight
from bridges.display.animation.speech import Mouth
from bridges.display.arbiter import BASE
from bridges.display.face.expressions import EXPRESSIONS, Pose, between

TRANSITION_S = 0.3
SLEEP = "sleep"
SPEAKING = "speaking"
FIXED_LOOK = frozenset({"look_left", "look_right", "look_up", "look_down", SLEEP})
"""Expressions whose pupils have a place of their own, whoever is there."""
REACH_X, REACH_Y = 0.6, 0.5
"""How far the pupils go for a gaze to the very edge, in units of `Pose`."""
FARTHEST = 0.7
"""How far they go together with what the expression wants of them."""
ANOTHER_PLACE = 0.4
"""How far a person must have moved to be somewhere else in a picture of the face at rest."""


class Animator:
    """Turns what the face shall express into poses.

    Args:
        chance: for blinks and glances.
        now: seconds of any clock that never goes backwards; all methods count on the same one.
        fps: most poses a second.
        sleep_after: seconds without use after which a face that may rest falls asleep; 0: never.
    """

    def __init__(self, chance: random.Random, now: float, *, fps: float = 15, sleep_after: float = 300.0) -> None:
        self._frame_s = 1 / fps
        self._sleep_after = sleep_after
        self._blinking = Blinking(chance, now)
        self._gaze = Gaze(chance, now)
        self._mouth = Mouth(now)
        self._highlight = Highlight(now)
        self._wanted = BASE
        self._rests = True
        self._used_at = now
        self._shown = BASE
        self._from = self._to = EXPRESSIONS[BASE]
        self._began = now - TRANSITION_S
        self._gaze.wander(now, allowed=True)
        self._steady = AHEAD

    # -- what it shall express -----------------------------------------------------------------------------------

    def express(self, name: str, now: float, *, rests: bool = False) -> None:
        """Show an expression from now on; with `rests`, until the face falls asleep."""
        self._wanted, self._rests = name, rests
        self._turn(now)

    def use(self, now: float) -> None:
        """The car is in use: wake the face and restart the time until it sleeps."""
        self._used_at = now
        self._turn(now)

    def watch(self, place: Place | None, now: float) -> None:
        """A person is at this place (-1 to 1, as people see the face), or nobody is any more."""
        if place is None:
            self._gaze.release(now)
            return
        self.use(now)
        if self._shown not in FIXED_LOOK:
            self._gaze.watch(place, now)

    def speech(self, loudness: float, now: float) -> None:
        """The car speaks this loud, from 0 to 1."""
        self.use(now)
        self._mouth.level(loudness, now)

    # -- what is to be seen --------------------------------------------------------------------------------------

    def expression(self, now: float) -> str:
        """The expression that is shown, sleep included."""
        self._turn(now)
        return self._shown

    def pose(self, now: float) -> Pose:
        """The face at this moment."""
        self._turn(now)
        pose = self._transition(now)
        open_share = 1.0 - self._blinking.shut(now)
        x, y = self._gaze.look(now)
        opening = self._mouth.opening(now)
        return msgspec.structs.replace(
            pose,
            pupil_x=looking(pose.pupil_x, x * REACH_X),
            pupil_y=looking(pose.pupil_y, y * REACH_Y),
            eye_open_left=pose.eye_open_left * open_share,
            eye_open_right=pose.eye_open_right * open_share,
            mouth_open=pose.mouth_open + (opening - pose.mouth_open) * self._mouth.voice,
            highlight_angle=pose.highlight_angle + self._highlight.angle(now),
        )

    def settled(self, now: float) -> Pose:
        """The face without what passes by itself: blinks, glances, syllables, transitions."""
        self._turn(now)
        x, y = self._steady_person(now)
        pupil_x, pupil_y = looking(self._to.pupil_x, x * REACH_X), looking(self._to.pupil_y, y * REACH_Y)
        return msgspec.structs.replace(self._to, pupil_x=pupil_x, pupil_y=pupil_y)

    def next_change(self, now: float) -> float | None:
        """When the next pose is due, to be asked after `pose`; None: it stays until something is told."""
        moments = (
            self._blinking.next_change(now),
            self._gaze.next_change(now),
            self._mouth.next_change(now),
            self._used_at + self._sleep_after if self._may_fall_asleep else None,
            now if now < self._began + TRANSITION_S or self._highlight.moves else None,
        )
        due = min((moment for moment in moments if moment is not None), default=None)
        return now + self._frame_s if due is not None and due <= now else due

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _may_fall_asleep(self) -> bool:
        return self._rests and self._sleep_after > 0 and self._shown != SLEEP

    def _turn(self, now: float) -> None:
        """Begin a transition where another expression is due."""
        asleep = self._rests and self._sleep_after > 0 and now >= self._used_at + self._sleep_after
        name = SLEEP if asleep else self._wanted
        if name == self._shown:
            return
        self._from, self._to = self._transition(now), EXPRESSIONS[name]
        self._began = now
        self._shown = name
        self._blinking.allow(now, allowed=not closed(self._to))
        if name in FIXED_LOOK:
            self._gaze.release(now)
        self._gaze.wander(now, allowed=name == BASE)
        self._mouth.talk(now, talks=name == SPEAKING)
        self._highlight.spin(self._to.spin, now)

    def _transition(self, now: float) -> Pose:
        """The expression alone, on its way from the one before."""
        if now >= self._began + TRANSITION_S:
            return self._to
        share = max(0.0, (now - self._began) / TRANSITION_S)
        return between(self._from, self._to, share * share * (3 - 2 * share))

    def _steady_person(self, now: float) -> Place:
        """Where the person is who is looked at, as long as it is about the same place; ahead without one."""
        self._gaze.look(now)
        place = self._gaze.person or AHEAD
        if place == AHEAD or math.dist(place, self._steady) > ANOTHER_PLACE:
            self._steady = place
        return self._steady


def closed(pose: Pose) -> bool:
    """Whether the eyes are shut anyway."""
    return pose.eye_open_left == pose.eye_open_right == 0


def looking(own: float, gaze: float) -> float:
    """Where a pupil is that has a place of its own and a gaze: within the eye."""
    return min(FARTHEST, max(-FARTHEST, own + gaze))
