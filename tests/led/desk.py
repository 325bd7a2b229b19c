"""The LED bridge on a hand-moved clock and without a network, its SPI bus a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridges.led.bridge import Led
from bridges.led.settings import LedSettings
from tests.led.bus import FakeBus
from tests.support.bridge_desk import CAR, BridgeDesk, desk_config

BASE = f"{CAR}/led"
PIXELS = 8
# As the colours are wanted, so they arrive at the pixels: what the output makes of them has tests of its own.
PLAIN: dict[str, Any] = {"pixels": PIXELS, "brightness": 1.0, "gamma": 1.0, "max_milliamps": 20_000, "picture": "off"}


class LedDesk(BridgeDesk):
    """One LED bridge, opened.

    Args:
        folder: for what is to survive a restart.
        bus: the SPI bus.
        settings: of section `led`.
    """

    def __init__(self, folder: Path, bus: FakeBus, **settings: Any) -> None:
        self.bus = bus
        config = desk_config(folder, "led", LedSettings(**{**PLAIN, **settings}))
        super().__init__(config, "led")
        self.led = Led(config, self.scheduler, self.broker)
        self.paused_s = 0.0
        self._closed = False
        self.led.pause = self._pause
        self.led.open()

    def _pause(self, seconds: float) -> None:
        self.paused_s += seconds
        self.clock.advance(seconds)

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

    def light(self, state: str = "ON", **fields: Any) -> dict[str, Any]:
        """Set the light."""
        return self.command("ring", {"state": state, **fields})

    def phase(self, phase: str) -> None:
        """The assistant is in this phase."""
        self.hear("orchestrator/availability", b"online")
        self.hear("orchestrator/state", {"phase": phase})

    @property
    def lamp(self) -> dict[str, Any]:
        """The light's newest state, as Home Assistant gets it."""
        found: dict[str, Any] = self.broker.on(f"{BASE}/ring/state")[-1].json
        return found
