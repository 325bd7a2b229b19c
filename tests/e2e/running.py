"""A bridge in the test's own process, with its main loop on a thread."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.clock import Scheduler, SystemClock
from smartcar_mqtt.config import load
from smartcar_mqtt.mqtt.broker import Broker
from tests.support.mosquitto import Mosquitto


class Running:
    """A bridge that runs while in the `with` block."""

    def __init__(self, kind: type[Bridge], broker: Mosquitto, **mqtt: str) -> None:
        environment = {
            "SMARTCAR__CAR__ID": "plat",
            "SMARTCAR__CAR__NAME": "Plat",
            "SMARTCAR__MQTT__HOST": broker.host,
            "SMARTCAR__MQTT__PORT": str(broker.port),
            **mqtt,
        }
        config = load(environment=environment)
        self.scheduler = Scheduler(SystemClock())
        connection = Broker(config.mqtt, f"test-{kind.name}", will=kind.will(config))
        self.bridge: Any = kind(config, self.scheduler, connection)
        self._thread = threading.Thread(target=self.scheduler.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.bridge.broker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bridge.goodbye()
        self.scheduler.stop()
        self._thread.join(5)
