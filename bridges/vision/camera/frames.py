"""One picture of the camera, and when it was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    """Height x width x 3: blue, green, red."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture with its number and its time. Several threads share it, so it must not be modified."""

    image: Picture
    number: int
    """Counts from 1 while the bridge runs, over all cameras that it has opened."""
    captured_at: float
    """Monotonic second at which the camera took it."""
    wall: float
    """The same moment in seconds since 1970 (UTC)."""


class Pace:
    """Selects from incoming frames those that keep a rate, without delaying any of them."""

    def __init__(self, fps: float) -> None:
        self._period = 1.0 / fps
        self._due = float("-inf")

    def takes(self, moment: float) -> bool:
        """Whether the frame of this moment is one of them: up to a quarter of the period early, as cameras vary."""
        if moment < self._due - 0.25 * self._period:
            return False
        late = moment - self._due > self._period
        self._due = (moment if late else self._due) + self._period
        return True
