"""Who is told what happens to the car."""

from __future__ import annotations

from typing import Protocol

from bridges.motion.scan.scan import Reading
from bridges.motion.serial_line.protocol import Frame


class Listener(Protocol):
    """Called by the chassis, with its lock held: must not wait for another thread."""

    def frame(self, frame: Frame) -> None:
        """A DATA line has come."""

    def changed(self) -> None:
        """Motion, control, zone, link, servo, speed control or firmware may be other ones now."""

    def scanned(self, readings: list[Reading], best: Reading | None) -> None:
        """A scan is complete."""

    def bad_line(self) -> None:
        """A damaged line has come."""
