"""Looking around: eight readings, an eighth of a turn apart, back to where it began. Pure: frames and times come in.

The Pi drives each step, so that a scan can be stopped at any moment: the firmware's own SCAN hears nothing for 3 s.

The firmware reads commands once in each loop, right after its DATA line, so a turn can begin and end only then: it
lasts a whole number of loops, of which a step takes about two. So that the car ends where it began all the same, a turn
ends with the loop that brings the sum of all turns nearest to where it should be; how long each of them really lasted
is told by the confirmations of its two commands.
"""

from __future__ import annotations

import enum

import msgspec

from bridges.motion.serial_line.protocol import Frame

STEPS = 8
STEP_DEGREES = 360 // STEPS
USUAL_LOOP_S = 0.1
SHORTEST_LOOP_S, LONGEST_LOOP_S = 0.05, 0.2
"""The firmware's loop lasts between these: 50 ms of rest, and three echoes of at most 30 ms each."""


class Reading(msgspec.Struct, frozen=True):
    """The distances at one heading; degrees clockwise from where the scan began, cm, None = no echo."""

    heading: int
    left: int | None
    center: int | None
    right: int | None

    @property
    def mean_cm(self) -> float | None:
        """Mean of the sensors that hear an echo; None where none does."""
        heard = [distance for distance in (self.left, self.center, self.right) if distance is not None]
        return sum(heard) / len(heard) if heard else None


class Phase(enum.Enum):
    """What a scan does now; each one leads to the next, the last one to the first."""

    STANDING = "waits for the step's reading"
    TURNING = "turns, or is about to"
    HALTING = "has been told to stop"


class Scan(msgspec.Struct):
    """One scan: reading, turn, settling, reading, ...; after the last reading one more turn, back to the start."""

    turn_s: float
    """How long the car turns for one step."""
    settle_s: float
    """How long it stands before a frame counts."""
    settled_at: float
    """Monotonic second from which on a frame counts."""
    phase: Phase = Phase.STANDING
    readings: list[Reading] = msgspec.field(default_factory=list)
    turned_s: float = 0.0
    """How long it has turned in all the turns that are over."""
    turning_since: float | None = None
    """When the ESP32 confirmed the present turn; None: it has not."""
    loop_s: float | None = None
    """How long a loop of the firmware lasts, as its frames tell; None: too few have come."""
    last_frame_at: float | None = None

    def frame(self, now: float, frame: Frame) -> Phase | None:
        """Take a frame; the phase that begins with it: TURNING (turn now), HALTING (stop now) or None."""
        if self.last_frame_at is not None:
            latest = min(max(now - self.last_frame_at, SHORTEST_LOOP_S), LONGEST_LOOP_S)
            self.loop_s = ((self.loop_s or latest) + latest) / 2
        self.last_frame_at = now
        if self.phase is Phase.STANDING and now >= self.settled_at:
            heading = len(self.readings) * STEP_DEGREES
            self.readings.append(Reading(heading, frame.left, frame.center, frame.right))
            self.phase = Phase.TURNING
            return Phase.TURNING
        return self._end_turn(now)

    def turn_confirmed(self, now: float) -> Phase | None:
        """The ESP32 has begun to turn; HALTING where it must be told to stop at once."""
        if self.phase is Phase.TURNING and self.turning_since is None:
            self.turning_since = now
        return self._end_turn(now)

    def _end_turn(self, now: float) -> Phase | None:
        """Whether a STOP written now, which is obeyed a loop later, ends the turn nearest to where it should end."""
        if self.phase is not Phase.TURNING or self.turning_since is None:
            return None
        loop_s = self.loop_s or USUAL_LOOP_S
        turned_then = self.turned_s + now - self.turning_since + loop_s
        if turned_then < len(self.readings) * self.turn_s - loop_s / 2:
            return None
        return self.halting()

    def halting(self) -> Phase:
        """STOP is written, by whoever."""
        self.phase = Phase.HALTING
        return self.phase

    def halt_confirmed(self, now: float) -> bool:
        """The ESP32 has stopped the wheels; True when that was the last turn and the scan is complete."""
        if self.phase is not Phase.HALTING:
            return False
        if self.turning_since is not None:
            self.turned_s += now - self.turning_since
            self.turning_since = None
        self.phase = Phase.STANDING
        self.settled_at = now + self.settle_s
        return len(self.readings) == STEPS

    def best(self) -> Reading | None:
        """The reading with the most room ahead; None where no heading had an echo at all."""
        heard = [reading for reading in self.readings if reading.mean_cm is not None]
        return max(heard, key=lambda reading: reading.mean_cm or 0.0, default=None)
