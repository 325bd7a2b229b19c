"""A bridge on a hand-moved clock and without a network: what the desks of all bridges have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from smartcar_mqtt.clock import ManualClock, Scheduler
from smartcar_mqtt.config import Car, Config, Logging, Mqtt, Section
from tests.support.noting_broker import TIMEOUT_S, NotingBroker

CAR = "smartcar/car"


def desk_config(folder: Path, name: str, settings: Section, *, port: int = 1883) -> Config:
    """A configuration that looks at nothing of the machine that it runs on.

    Args:
        folder: for what is to survive a restart.
        name: of the bridge.
        settings: its section.
        port: of a broker on this machine, where there is one.
    """
    sections = {
        "car": Car(state_directory=str(folder)),
        "mqtt": Mqtt(host="127.0.0.1", port=port, birth_delay=0.0),
        "logging": Logging(directory=""),
        name: settings,
    }
    return Config(sections, {}, "a test")


class BridgeDesk:
    """Clock, scheduler and a broker that takes notes; who inherits makes the bridge.

    Args:
        config: of the bridge.
        name: the bridge's level in topics.
    """

    def __init__(self, config: Config, name: str) -> None:
        self.base = f"{CAR}/{name}"
        self.config = config
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.broker = NotingBroker(config)

    def connect(self) -> None:
        """The broker is there, nothing was left by earlier versions, and what is due is done."""
        self.broker.connect()
        self.broker.receive(f"{self.base}/sync", b"sync")
        self.scheduler.run_due()

    def pass_time(self, seconds: float, step: float = 0.01) -> None:
        """Move the clock in small steps and do what is due."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end - 1e-9:
            self.clock.advance(min(step, end - self.clock.monotonic()))
            self.scheduler.run_due()

    def jump(self, seconds: float) -> None:
        """Move the clock at once and do what is due."""
        self.clock.advance(seconds)
        self.scheduler.run_due()

    def hear(self, source: str, message: object) -> None:
        """Another bridge says something: bytes as they are, everything else as JSON."""
        payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self.broker.receive(f"{CAR}/{source}", payload, retained=True)
        self.scheduler.run_due()

    def command(self, key: str, payload: str | bytes | dict[str, Any]) -> dict[str, Any]:
        """Send a command, wait until it is answered, do what is due; the answer."""
        before = len(self.broker.on(f"{self.base}/result"))
        encoded = msgspec.json.encode(payload) if isinstance(payload, dict) else payload
        self.broker.receive(f"{self.base}/{key}/set", encoded.encode() if isinstance(encoded, str) else encoded)
        with self.broker.changed:
            answered = self.broker.changed.wait_for(
                lambda: len(self.broker.on(f"{self.base}/result")) > before, TIMEOUT_S
            )
            assert answered, f"{key} {payload!r} is not answered"
        self.scheduler.run_due()
        answer: dict[str, Any] = self.broker.on(f"{self.base}/result")[-1].json
        return answer

    @property
    def state(self) -> dict[str, Any]:
        """The newest state."""
        found: dict[str, Any] = self.broker.on(f"{self.base}/state")[-1].json
        return found
