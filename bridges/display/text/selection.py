"""Which text stands below the face: a message of people's, a line about the car, or none.

Pure: time is passed in.
"""

from __future__ import annotations

import math


class Words:
    """At most one message, for a while, and what the car has to say by itself."""

    def __init__(self) -> None:
        self.message = ""
        """What people have sent; empty: nothing, or it has been shown for long enough."""
        self._ends = math.inf
        self._status = ""
        self._urgent = False

    def say(self, message: str, ends: float) -> None:
        """People have sent a message; an empty one takes the last one back."""
        self.message, self._ends = message, ends

    def tell(self, status: str, *, urgent: bool) -> None:
        """The car's own line; an urgent one stands above messages."""
        self._status, self._urgent = status, urgent

    def text(self, now: float) -> str:
        """What is shown; empty: nothing."""
        if now >= self._ends:
            self.say("", math.inf)
        if self._urgent or not self.message:
            return self._status
        return self.message

    def next_change(self) -> float:
        """When the message has been shown for long enough; infinite without one."""
        return self._ends
