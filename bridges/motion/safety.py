"""What the wheels may do: leases, the wall, the latch and who holds control. Pure: time and readings are passed in.

The guard decides and the bridge writes: a method that grants a move has changed the guard's state already, and one that
returns a reason wants STOP on the serial line now.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from bridges.motion.serial_line.protocol import Frame
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.commands import Blocked, Refused

STOPPED = "stopped"
LEASE_ENDED = "lease ended"
TURN_ENDED = "a turn of the scan ends"
ROUTINE = frozenset({LEASE_ENDED, TURN_ENDED})
"""Reasons to stop that nobody needs to hear of."""
ASSISTANT_SOURCES = frozenset({"assistant", "voice", "llm", "orchestrator"})
"""Senders that move the car on behalf of the voice assistant; everybody else counts as a hand on the controls."""


class Control(enum.StrEnum):
    """Who holds control."""

    NOBODY = "nobody"
    ASSISTANT = "assistant"
    MANUAL = "manual"
    EMERGENCY_STOP = "emergency_stop"


class Zone(enum.IntEnum):
    """How near the nearest thing ahead is."""

    CLEAR = 0
    WARNING = 1
    OBSTACLE = 2


ZONE_OF_ALERT = {"CLEAR": Zone.CLEAR, "WARNING_ZONE": Zone.WARNING, "EMERGENCY_STOP": Zone.OBSTACLE}


def control_of(source: str) -> Control:
    """Whether a sender is the assistant or a person."""
    return Control.ASSISTANT if source in ASSISTANT_SOURCES else Control.MANUAL


class Grant(msgspec.Struct, frozen=True):
    """A move that may begin."""

    seconds: float
    note: str = ""
    """What the sender should know of it; empty when it is just as asked for."""


class Guard:
    """Decides over every move. All times are monotonic seconds."""

    def __init__(self, settings: MotionSettings, *, emergency_stop: bool = False) -> None:
        self.settings = settings
        self.emergency_stop = emergency_stop
        self.motion = STOPPED
        self.holder = Control.NOBODY
        self.source = ""
        self.lease_ends = 0.0
        self.zone = Zone.CLEAR
        self.blind = False
        self.last_frame_at: float | None = None
        """When the newest DATA line came; None = none since the link came up."""
        self.hindrance: Callable[[], str] = lambda: ""
        """Why no move at all may begin although the ESP32 talks; empty = nothing stands against it."""
        self._manual_until = float("-inf")

    # -- moving --------------------------------------------------------------------------------------------------

    def drive(
        self, now: float, direction: str, source: str, seconds: float | None = None, default_s: float | None = None
    ) -> Grant:
        """Begin or renew a move; a newer one replaces an older one.

        Args:
            now: the time.
            direction: forward, backward, left or right.
            source: who wants it.
            seconds: how long, where the command says so.
            default_s: how long, where it does not.

        Raises:
            Refused: the duration is out of range.
            Blocked: the move is not allowed now; the text says why.
        """
        if seconds is not None and not 0 < seconds <= self.settings.max_lease:
            raise Refused(f"duration {seconds:g} s is out of range (allowed: above 0 to {self.settings.max_lease:g} s)")
        control = control_of(source)
        note = ""
        if control is Control.MANUAL:
            self._manual_until = max(self._manual_until, now + self.settings.manual_hold)
            if self.holder is Control.ASSISTANT:
                self._release()  # even a refused command by hand ends what the assistant does
        self.check_allowed(now, direction, source)
        asked = seconds
        seconds = seconds or default_s or self.settings.default_lease
        if direction == "forward" and self.blind and seconds > self.settings.blind_lease:
            if asked is not None:
                raise Blocked(
                    f"no distance sensor hears an echo: forward goes for {self.settings.blind_lease:g} s at a time"
                )
            seconds = self.settings.blind_lease
            note = f"no distance sensor hears an echo: {seconds:g} s at a time"
        self.motion, self.holder, self.source = direction, control, source
        self.lease_ends = now + seconds
        if control is Control.MANUAL:
            self._manual_until = self.lease_ends + self.settings.manual_hold
        return Grant(seconds, note)

    def check_allowed(self, now: float, direction: str, source: str) -> None:
        """Raise Blocked, with the reason, where this move is not allowed now."""
        if self.emergency_stop:
            raise Blocked("emergency stop is on; switch it off by hand first")
        if not self.fresh(now):
            raise Blocked("no data from the ESP32: the car does not move without its sensors")
        if hindrance := self.hindrance():
            raise Blocked(hindrance)
        if control_of(source) is Control.ASSISTANT and now < self._manual_until:
            wait = self._manual_until - now
            raise Blocked(f"somebody drives by hand; the assistant may move again in {wait:.1f} s")
        if direction == "forward" and self.zone is not Zone.CLEAR:
            what = "an obstacle" if self.zone is Zone.OBSTACLE else "something in the warning zone"
            raise Blocked(f"there is {what} ahead; move backward or turn first")

    def halt(self, now: float, source: str = "") -> None:
        """The wheels are told to stop; with a person as source, the assistant keeps its hands off for a while."""
        if source and control_of(source) is Control.MANUAL:
            self._manual_until = now + self.settings.manual_hold
        self._release()

    def _release(self) -> None:
        self.motion, self.holder, self.source = STOPPED, Control.NOBODY, ""

    def set_emergency_stop(self, *, on: bool) -> None:
        """Latch or release the emergency stop; latching ends every move."""
        self.emergency_stop = on
        if on:
            self._release()

    @property
    def control(self) -> Control:
        """Who holds control now."""
        return Control.EMERGENCY_STOP if self.emergency_stop else self.holder

    # -- what the car tells --------------------------------------------------------------------------------------

    def frame(self, now: float, frame: Frame) -> str | None:
        """Take new readings; the reason where a move must end because of them."""
        self.last_frame_at = now
        nearest = frame.nearest
        self.blind = nearest is None
        self.zone = self._zone_of(frame, nearest)
        if self.blind and self.motion == "forward":
            self.lease_ends = min(self.lease_ends, now + self.settings.blind_lease)
        return self._wall()

    def _zone_of(self, frame: Frame, nearest: int | None) -> Zone:
        """The zone of a frame; a zone is left only with some distance to spare, so that noise does not flap."""
        settings = self.settings
        spare = settings.hysteresis_cm
        if nearest is None:
            nearest = 10_000
        if frame.obstacle or nearest <= settings.obstacle_cm + (spare if self.zone is Zone.OBSTACLE else 0):
            return Zone.OBSTACLE
        if frame.warning or nearest <= settings.warning_cm + (spare if self.zone is not Zone.CLEAR else 0):
            return Zone.WARNING
        return Zone.CLEAR

    def alert(self, zone: str) -> str | None:
        """Take an ALERT of the firmware; the reason where a move must end because of it. CLEAR ends none."""
        self.zone = max(self.zone, ZONE_OF_ALERT[zone])
        return self._wall()

    def _wall(self) -> str | None:
        if self.motion != "forward" or self.zone is Zone.CLEAR:
            return None
        self._release()
        return "obstacle ahead" if self.zone is Zone.OBSTACLE else "warning zone entered"

    def link_lost(self) -> None:
        """The serial line is gone: nothing is known any more."""
        self.last_frame_at = None
        self._release()

    def fresh(self, now: float) -> bool:
        """Whether the newest readings are young enough to move by."""
        return self.last_frame_at is not None and now - self.last_frame_at <= self.settings.stale_after

    # -- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> str | None:
        """Look at the clock; the reason where a move must end now."""
        if self.motion == STOPPED:
            return None
        if not self.fresh(now):
            self._release()
            return "no data from the ESP32"
        if now >= self.lease_ends:
            self._release()
            return LEASE_ENDED
        return None

    def next_tick(self) -> float | None:
        """When to look at the clock again; None = nothing can happen by time alone."""
        if self.last_frame_at is None:
            return None
        stale = self.last_frame_at + self.settings.stale_after
        return stale if self.motion == STOPPED else min(stale, self.lease_ends)
