"""The LED bridge on a hand-moved clock and without a network, its SPI bus a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from bridges.led.bridge import Led
from bridges.led.settings import LedSettings
from smartcar_mqtt.clock import ManualClock, Scheduler
from smartcar_mqtt.config import Car, Config, Logging, Mqtt
from tests.led.bus import FakeBus
from tests.library.example import NotingBroker

CAR = "smartcar/car"
BASE = f"{CAR}/led"
PIXELS = 8
# As the colours are wanted, so they arrive at the pixels: what the output makes of them has tests of its own.
PLAIN: dict[str, Any] = {"pixels": PIXELS, "brightness": 1.0, "gamma": 1.0, "max_milliamps": 20_000, "picture": "off"}


class LedDesk:
    """One LED bridge, opened.

    Args:
        folder: for what is to survive a restart.
        bus: the SPI bus.
        settings: of section `led`.
    """

    def __init__(self, folder: Path, bus: FakeBus, **settings: Any) -> None:
        self.bus = bus
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        config = Config(
            {
                "car": Car(state_directory=str(folder)),
                "mqtt": Mqtt(host="127.0.0.1", birth_delay=0.0),
                "logging": Logging(directory=""),
                "led": LedSettings(**{**PLAIN, **settings}),
            },
            {},
            "a test",
        )
        self.broker = NotingBroker(config)
        self.led = Led(config, self.scheduler, self.broker)
        self.paused_s = 0.0
        self._closed = False
        self.led.pause = self._pause
        self.led.open()

    def _pause(self, seconds: float) -> None:
        self.paused_s += seconds
        self.clock.advance(seconds)

    def connect(self) -> None:
        """The broker is there, nothing was left by earlier versions, and what is due is done."""
        self.broker.connect()
        self.broker.receive(f"{BASE}/sync", b"sync")
        self.scheduler.run_due()

    def pass_time(self, seconds: float, *, step: float = 0.01) -> None:
        """Move the clock in small steps and do what is due."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.scheduler.run_due()

    def jump(self, seconds: float) -> None:
        """Move the clock at once and do what is due."""
        self.clock.advance(seconds)
        self.scheduler.run_due()

    def close(self) -> None:
        """The bridge ends; once more does nothing."""
        if not self._closed:
            self._closed = True
            self.led.close()
            self.led._worker.stop()

    @property
    def idle(self) -> bool:
        """Whether no timer is waiting."""
        return self.scheduler.run_due() is None

    def command(self, key: str, payload: str | dict[str, Any]) -> dict[str, Any]:
        """Send a command, wait until the worker has carried it out, do what is due; its result."""
        before = len(self.broker.on(f"{BASE}/result"))
        self.broker.receive(
            f"{BASE}/{key}/set", (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        )
        self.broker.wait(f"{BASE}/result", lambda _: len(self.broker.on(f"{BASE}/result")) > before)
        self.scheduler.run_due()
        answer: dict[str, Any] = self.broker.on(f"{BASE}/result")[-1].json
        return answer

    def light(self, state: str = "ON", **fields: Any) -> dict[str, Any]:
        """Set the light."""
        return self.command("ring", {"state": state, **fields})

    def hear(self, source: str, message: Any) -> None:
        """Another bridge says something."""
        payload = message.encode() if isinstance(message, str) else msgspec.json.encode(message)
        self.broker.receive(f"{CAR}/{source}", payload, retained=True)
        self.scheduler.run_due()

    def phase(self, phase: str) -> None:
        """The assistant is in this phase."""
        self.hear("orchestrator/availability", "online")
        self.hear("orchestrator/state", {"phase": phase})

    @property
    def state(self) -> dict[str, Any]:
        """The newest state."""
        found: dict[str, Any] = self.broker.on(f"{BASE}/state")[-1].json
        return found

    @property
    def lamp(self) -> dict[str, Any]:
        """The light's newest state, as Home Assistant gets it."""
        found: dict[str, Any] = self.broker.on(f"{BASE}/ring/state")[-1].json
        return found
