"""Looking around: eight readings, an eighth of a turn apart, back to where it began. Pure: frames and times come in.

The Pi drives each step, so that a scan can be stopped at any moment: the firmware's own SCAN hears nothing for 3 s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from bridges.motion.protocol import Frame

STEPS = 8
STEP_DEGREES = 360 // STEPS


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


@dataclass
class Scan:
    """One scan: reading, turn, settling, reading, ...; after the last reading one more turn, back to the start."""

    settle_s: float
    settled_at: float
    """Monotonic second from which on a frame counts."""
    turning: bool = False
    readings: list[Reading] = field(default_factory=list)

    def frame(self, now: float, frame: Frame) -> bool:
        """Take a frame; True when it is this step's reading, so that the next turn may begin."""
        if self.turning or now < self.settled_at or len(self.readings) == STEPS:
            return False
        heading = len(self.readings) * STEP_DEGREES
        self.readings.append(Reading(heading, frame.left, frame.center, frame.right))
        self.turning = True
        return True

    def turned(self, now: float) -> bool:
        """A turn has ended; True when it was the last one and the scan is complete."""
        self.turning = False
        self.settled_at = now + self.settle_s
        return len(self.readings) == STEPS

    def best(self) -> Reading | None:
        """The reading with the most room ahead; None where no heading had an echo at all."""
        heard = [reading for reading in self.readings if reading.mean_cm is not None]
        return max(heard, key=lambda reading: reading.mean_cm or 0.0, default=None)
