"""The base of the bridges that show people what the car is doing: the LED ring and the face."""

from __future__ import annotations

from typing import Any, ClassVar

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.car_status import NAMES, CarStatus, Layer, car_status
from smartcar_mqtt.clock import Scheduler, Timer
from smartcar_mqtt.config import Config
from smartcar_mqtt.entities import Sensor, Switch
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.state_store import StateStore

BLOCKED_S = 5.0
"""How long an obstacle is news. A car may stand before a wall for hours, and has other things to show there."""


class StatusBridge(Bridge):
    """Follows the assistant, the motors, the microphone and the system; subclasses show what they say.

    Threads: `car_status_changed` is called on the network thread, for what others say and for the connection, and on
    the main thread when an obstacle is no news any more; never on both at once.
    """

    follows: ClassVar[tuple[str, ...]] = (
        *(f"{name}/{channel}" for name in NAMES for channel in ("availability", "state")),
        "motion/result",
    )

    shown_by = Sensor(
        about="On whose behalf it shows what it shows now; safety comes before all others.",
        options=tuple(str(layer) for layer in Layer),
        icon="mdi:layers-triple-outline",
        attributes=True,
    )

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        self.car_status = CarStatus()
        self.state_store = StateStore.of(config, self.name)
        self._heard: dict[str, Any] = {}
        self._not_heard_again: set[str] = set()
        self._online: bool | None = None
        self._blocked: Timer | None = None
        self.update(follow_assistant=self.state_store.get("follow_assistant", bool, True))

    # -- hook ----------------------------------------------------------------------------------------------------

    def car_status_changed(self, before: CarStatus) -> None:
        """`self.car_status` has changed; must be quick. Called with the bridge's lock held."""

    # -- commands ------------------------------------------------------------------------------------------------

    @Switch(icon="mdi:account-voice")
    def follow_assistant(self, on: bool) -> None:
        """Whether the assistant's phases are shown; safety always is."""
        self.update(follow_assistant=on)
        self.state_store.set(follow_assistant=on)
        self.following_changed()

    def following_changed(self) -> None:
        """`follow_assistant` has been switched; on the worker thread."""

    # -- what others say -----------------------------------------------------------------------------------------

    def connected(self) -> None:
        with self._lock:
            self._online = True
            self._not_heard_again = set(self._heard)
            self._assess()

    def lost(self, reason: str) -> None:
        with self._lock:
            self._online = False
            self._assess()

    def caught_up(self) -> None:
        with self._lock:
            for source in self._not_heard_again:
                self._heard.pop(source, None)  # nobody has said it since: it was forgotten, or its owner is gone
            self._not_heard_again = set()
            self._assess()

    def heard(self, source: str, message: Any) -> None:
        with self._lock:
            self._not_heard_again.discard(source)
            if source == "motion/result":
                if self._tells_of_obstacle(message):
                    self._begin_blocked()
            elif message is None:
                self._heard.pop(source, None)
            else:
                self._heard[source] = message
            self._assess()

    def _tells_of_obstacle(self, result: Any) -> bool:
        motion = self._heard.get("motion/state")
        near = isinstance(motion, dict) and (motion.get("obstacle") is True or motion.get("warning_zone") is True)
        return near and isinstance(result, dict) and result.get("status") == "blocked"

    def _begin_blocked(self) -> None:
        if self._blocked is not None:
            self._blocked.cancel()
        self._blocked = self.scheduler.call_later(BLOCKED_S, self._end_blocked)

    def _end_blocked(self) -> None:
        with self._lock:
            self._blocked = None
            self._assess()

    def _assess(self) -> None:
        before = self.car_status
        now = car_status(self._heard, blocked=self._blocked is not None, connected=self._online)
        if now.obstacle and not before.obstacle:
            self._begin_blocked()
            now = car_status(self._heard, blocked=True, connected=self._online)
        if now != before:
            self.car_status = now
            self.car_status_changed(before)
