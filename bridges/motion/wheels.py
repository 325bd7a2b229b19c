"""What the wheels do as far as the ESP32 has said. Pure: times and lines are passed in.

The guard knows what was decided; this knows what was heard of it. A car whose STOP nobody has confirmed may be moving,
whatever was decided: its firmware goes on with the last command for ever.
"""

from __future__ import annotations

from bridges.motion.safety import STOPPED

SETTLED_FRAMES = 3
"""A frame may have been on its way when a line was written, and tells what was before the line was read; the third one
after it certainly tells what was after."""


class Wheels:
    """The wheels of one car. Lines are numbered in the order in which they were written."""

    def __init__(self) -> None:
        self.motion: str | None = STOPPED
        """The move that they may be making; STOPPED when the ESP32 has said so; None: unknown."""
        self.fault = ""
        """Why the car counts as moving although it was told to stop; empty while all is well."""
        self._move_number = 0
        self._reports = False
        """The firmware's frames tell what the motors do: the old one always says 0."""
        self._frames = 0

    @property
    def stopped(self) -> bool:
        """Whether the ESP32 has said that they stand."""
        return self.motion == STOPPED

    def moved(self, direction: str, number: int) -> None:
        """A move was written."""
        self.motion, self._move_number = direction, number
        self._frames = 0

    def stop_written(self) -> None:
        """STOP was written: the frames before it tell nothing any more."""
        self._frames = 0

    def turning(self) -> None:
        """They turn, and nobody knows why."""
        self.motion = None

    def stop_confirmed(self, number: int | None, *, move_pending: bool) -> bool:
        """The ESP32 confirms STOP or RESET; whether that means that the wheels stand.

        Args:
            number: the line that it confirms; None: one that nobody here has written, such as the keeper's.
            move_pending: whether a move has been written that is not confirmed.
        """
        if number is None and move_pending:
            return False  # it may be from before that move
        if number is not None and number < self._move_number:
            return False
        self.stand()
        return True

    def stop_overdue(self, reason: str, *, talks: bool) -> bool:
        """Nothing has confirmed a STOP; whether that is a fault which was not known before."""
        if self.fault or not (talks or not self.stopped):
            return False
        if self.stopped:
            self.motion = None
        self.fault = reason
        return True

    def stand(self) -> None:
        """The wheels stand: the ESP32 has confirmed it, or has started anew."""
        self.motion, self.fault = STOPPED, ""

    def forget_firmware(self) -> None:
        """Another firmware may be there now."""
        self._reports = False
        self._frames = 0

    def frame(self, left_motor: int, right_motor: int) -> bool:
        """A frame tells of the motors; True where they turn although the ESP32 has said that they stand."""
        if (left_motor, right_motor) != (0, 0):
            self._reports = True
            self._frames = 0
            return self.stopped
        self._frames += 1
        return False

    @property
    def at_rest(self) -> bool:
        """Whether the frames since the last line show motors at rest, with a firmware that tells."""
        return self._reports and self._frames >= SETTLED_FRAMES
