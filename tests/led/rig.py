"""The LED bridge as a real process between a real broker and an SPI bus that is a file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.led.bus import FakeBus
from tests.support.environment import SMARTCAR, car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer, Seen
from tests.support.program import Output, Program


class LedRig:
    """Broker, observer and bridge; `with` starts all of them.

    Args:
        folder: for the bridge's state.
        bus: where the ring is.
        broker: somebody else's that runs already; None: one of its own.
        settings: configuration of the bridge, `SECTION__KEY` to value.
    """

    def __init__(self, folder: Path, bus: FakeBus, *, broker: Mosquitto | None = None, **settings: object) -> None:
        self.bus = bus
        self.broker = broker or Mosquitto()
        self.base = f"smartcar/{settings.get('CAR__ID', 'car')}/led"
        self._own_broker = broker is None
        self.output = Output()
        self.observer: Observer
        self.bridge: Program
        self._folder = folder
        self._settings = settings

    def __enter__(self) -> Self:
        if self._own_broker:
            self.broker.start()
        self.observer = Observer(self.broker.port)
        self.start_bridge()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bridge.stop()
        self.observer.__exit__(None, None, None)
        if self._own_broker:
            self.broker.close()
        if kind is not None:
            print("\n".join(self.output.lines[-40:]))

    @property
    def environment(self) -> dict[str, str]:
        """What the bridge is started with: our broker, nothing of this user's settings."""
        own = {
            "MQTT__HOST": self.broker.host,
            "MQTT__PORT": self.broker.port,
            "CAR__STATE_DIRECTORY": self._folder / "state",
            "LOGGING__DIRECTORY": "",
            "LED__GAMMA": 1,
            "LED__BRIGHTNESS": 1,
            "LED__PICTURE": "off",
            "LED__MAX_MILLIAMPS": 20_000,
            **self._settings,
        }
        return car_environment(own, self._folder)

    def start_bridge(self) -> None:
        """Start it and wait until it is online."""
        mark = self.observer.mark()
        self.bridge = Program("led", [SMARTCAR, "run", "led"], output=self.output, environment=self.environment)
        self.observer.wait(f"{self.base}/availability", lambda seen: seen.payload == b"online", since=mark, timeout=20)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `smartcar` with these words and the bridge's configuration."""
        return subprocess.run([SMARTCAR, *words], capture_output=True, text=True, env=self.environment, check=False)

    def light(self, **fields: Any) -> None:
        """Set the light, and wait until the ring shows it."""
        mark = self.observer.mark()
        self.observer.send(f"{self.base}/ring/set", json.dumps({"state": "ON", **fields}))
        self.observer.wait(f"{self.base}/ring/state", lambda seen: shows(seen, fields), since=mark)

    def state(self, **values: object) -> dict[str, Any]:
        """The first state that has these values."""
        seen = self.observer.wait(
            f"{self.base}/state", lambda seen: bool(seen.payload) and values.items() <= seen.json.items()
        )
        found: dict[str, Any] = seen.json
        return found

    def wait_frames(self, count: int) -> None:
        """Wait until the ring has been written so many more times."""
        wanted = self.bus.count + count
        while self.bus.count < wanted:
            self.ask()

    def ask(self) -> None:
        """Ask the bridge something and wait for its answer: time for it to go on with what it does."""
        mark = self.observer.mark()
        self.observer.send(f"{self.base}/log_level/set", "INFO")
        self.observer.wait(f"{self.base}/result", since=mark)


def shows(seen: Seen, fields: dict[str, Any]) -> bool:
    """Whether a state of the light has these fields."""
    wanted = {key: value for key, value in fields.items() if key != "transition"}
    return bool(wanted.items() <= seen.json.items())
