"""Why nothing is known although the serial line is open, in words for people. Pure: times and counts are passed in."""

from __future__ import annotations

TELL_S = 2.0
"""So long the line may be open without sensor data before it is a reason to look at the wiring."""


class Silence:
    """What has come on one serial line since the last sensor data.

    Args:
        device: its name.
        baud: its speed.
    """

    def __init__(self, device: str, baud: int) -> None:
        self._device = device
        self._baud = baud
        self._since: float | None = None
        self._bytes = 0
        self._lines = 0
        self._told: set[str] = set()

    def begin(self, now: float, received_bytes: int) -> None:
        """The line is open and tells nothing from now on; `received_bytes` have come in all until now."""
        self._since = now
        self._bytes = received_bytes
        self._lines = 0

    def end(self) -> None:
        """Sensor data has come, or the line is closed."""
        self._since = None
        self._told.clear()

    def line(self) -> None:
        """An intact line has come that is no sensor data."""
        self._lines += 1

    def is_news(self, reason: str) -> bool:
        """Whether this reason has not been asked for in the present silence: it is said once in the log."""
        known = reason in self._told
        self._told.add(reason)
        return not known

    @property
    def next_look(self) -> float | None:
        """When to ask for the reason; None: there is no silence."""
        return None if self._since is None else self._since + TELL_S

    def reason(self, now: float, received_bytes: int) -> str | None:
        """What it is and what to look at; None while it is too soon to say. Asked again only after a while."""
        if self._since is None or now < self._since + TELL_S:
            return None
        came, lines = received_bytes - self._bytes, self._lines
        self.begin(now, received_bytes)
        where = f"serial device {self._device} is open, but"
        if not came:
            return (
                f"{where} nothing comes from the ESP32: look at its power, at RX and TX (crossed, with a common "
                f"ground) and at the speed (motion.baud is {self._baud})"
            )
        if not lines:
            return (
                f"{where} only damaged lines come: look at the speed (motion.baud is {self._baud}; the firmware's is "
                "115200), at the ground wire and at RX and TX, and whether another program talks on the line"
            )
        return f"{where} the ESP32 sends no sensor data: look at its firmware and sensors"
