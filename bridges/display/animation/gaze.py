"""Where the pupils look: about in idleness, toward a person, or straight ahead.

Places are pairs from -1 (left, up) to 1 (right, down) as seen by whoever looks at the face. Pure: time and chance are
passed in.
"""

from __future__ import annotations

import math
import random

Place = tuple[float, float]
AHEAD: Place = (0.0, 0.0)

SACCADE_TAU_S = 0.04
"""Time constant of a glance: eyes jump, they do not glide."""
PURSUIT_TAU_S = 0.12
"""Time constant toward a person, whose place comes as a handful of jumps a second."""
SETTLED = 0.01
"""A distance below this counts as arrived: less than half a pixel on large panels."""
GLANCE_X, GLANCE_Y = 0.35, 0.2
"""How far glances go at most."""
SHORTEST_GLANCE_S, LONGEST_GLANCE_S = 0.6, 1.8
SHORTEST_REST_S, LONGEST_REST_S = 1.5, 5.0
ANOTHER_GLANCE = 0.35
"""Share of glances that lead on to another one instead of back to the middle."""
RELEASE_S = 1.0
"""How long a person is looked at who has not been seen again."""


class Follower:
    """A place that moves toward another one exponentially, however rarely it is looked at."""

    def __init__(self, now: float) -> None:
        self.place = AHEAD
        self._target = AHEAD
        self._tau_s = SACCADE_TAU_S
        self._at = now

    def go(self, target: Place, tau_s: float, now: float) -> None:
        """Head for another place from now on."""
        self.look(now)
        self._target, self._tau_s = target, tau_s

    def look(self, now: float) -> Place:
        """Where it is."""
        left = math.exp(-max(0.0, now - self._at) / self._tau_s)
        self._at = now
        (x, y), (to_x, to_y) = self.place, self._target
        off_x, off_y = (x - to_x) * left, (y - to_y) * left
        self.place = self._target if math.hypot(off_x, off_y) < SETTLED else (to_x + off_x, to_y + off_y)
        return self.place

    @property
    def moving(self) -> bool:
        """Whether it was still on its way when it was looked at last."""
        return self.place != self._target


class Gaze:
    """Decides where to look, and moves the pupils there.

    Args:
        chance: where glances go and how long they last.
        now: the moment from which times count.
    """

    def __init__(self, chance: random.Random, now: float) -> None:
        self._chance = chance
        self._follower = Follower(now)
        self._wandering = False
        self._glance: Place = AHEAD
        self._next_glance = now
        self._person: Place | None = None
        self._released = now

    def wander(self, now: float, *, allowed: bool) -> None:
        """Whether the pupils may look about when there is nobody to look at."""
        if allowed != self._wandering:
            self._wandering = allowed
            self._rest(now)
            self._aim(now)

    def watch(self, place: Place, now: float) -> None:
        """A person is there."""
        x, y = place
        self._person = (min(1.0, max(-1.0, x)), min(1.0, max(-1.0, y)))
        self._released = now + RELEASE_S
        self._aim(now)

    def release(self, now: float) -> None:
        """There is nobody to look at any more."""
        if self._person is not None:
            self._person = None
            self._rest(now)
            self._aim(now)

    @property
    def person(self) -> Place | None:
        """Who is looked at; None: nobody."""
        return self._person

    def look(self, now: float) -> Place:
        """Where the pupils are."""
        if self._person is not None:
            if now >= self._released:
                self.release(now)
        elif self._wandering and now >= self._next_glance:
            self._move_on(now)
        return self._follower.look(now)

    def next_change(self, now: float) -> float | None:
        """When to look next, after `look`: `now` while the pupils move; None: they stay where they are."""
        if self._follower.moving:
            return now
        if self._person is not None:
            return self._released
        return self._next_glance if self._wandering else None

    def _move_on(self, now: float) -> None:
        if self._glance != AHEAD and self._chance.random() > ANOTHER_GLANCE:
            self._rest(now)
        else:
            chance = self._chance
            self._glance = (chance.uniform(-GLANCE_X, GLANCE_X), chance.uniform(-GLANCE_Y, GLANCE_Y))
            self._next_glance = now + chance.uniform(SHORTEST_GLANCE_S, LONGEST_GLANCE_S)
        self._aim(now)

    def _rest(self, now: float) -> None:
        self._glance = AHEAD
        self._next_glance = now + self._chance.uniform(SHORTEST_REST_S, LONGEST_REST_S)

    def _aim(self, now: float) -> None:
        if self._person is not None:
            self._follower.go(self._person, PURSUIT_TAU_S, now)
        else:
            self._follower.go(self._glance, SACCADE_TAU_S, now)
