"""Which process serves a bridge: told with its availability, so that two of one bridge find out about each other.

Two clients with one id are never connected at the same time: the broker ends the older connection, each time. But the
availability is retained, and so is who has published it last (an MQTT 5 user property of the message and of the last
will). A process that comes back and finds another one's there was thrown out by it.
"""

from __future__ import annotations

import os
import socket
import time
from typing import NamedTuple, Self

PROPERTY = "smartcar-process"


class Instance(NamedTuple):
    """One process."""

    started: float
    """Wall clock, in seconds since 1970."""
    host: str
    pid: int
    mark: str

    @classmethod
    def own(cls) -> Self:
        """This process; another one at each call."""
        host = "".join(character for character in socket.gethostname() if not character.isspace())
        return cls(round(time.time(), 3), host or "?", os.getpid(), os.urandom(4).hex())

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The process that a property names; None for what nobody of us has written."""
        started, *rest = text.split(" ")
        try:
            host, pid, mark = rest
            found = cls(float(started), host[:64], int(pid), mark[:16])
        except ValueError:
            return None
        return found if text.isprintable() else None

    def __str__(self) -> str:
        return f"{self.started} {self.host} {self.pid} {self.mark}"

    @property
    def words(self) -> str:
        """For people."""
        return f"process {self.pid} on {self.host}"

    def is_newer_than(self, other: Instance) -> bool:
        """Whether it has been started later; of two processes exactly one is newer than the other."""
        return (self.started, self.mark) > (other.started, other.mark)
