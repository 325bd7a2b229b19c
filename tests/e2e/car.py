"""A whole car for the tests: the simulated ESP32 and the motion bridge as a process, at a given broker."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.subscribe
from paho.mqtt.enums import MQTTProtocolVersion

from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.world import World
from tests.support.mosquitto import Mosquitto
from tests.support.program import Output, Program


class Car:
    """A simulated car with its motion bridge; `with` starts both and ends them."""

    def __init__(
        self, broker: Mosquitto, folder: Path, *, car_id: str, name: str = "Smart car", **settings: str
    ) -> None:
        self.broker = broker
        self.car_id = car_id
        self.twin = SerialTwin(World.load("living_room"))
        self.output = Output()
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SMARTCAR")},
            "SMARTCAR__CAR__ID": car_id,
            "SMARTCAR__CAR__NAME": name,
            "SMARTCAR__CAR__STATE_DIRECTORY": str(folder),
            "SMARTCAR__MQTT__HOST": broker.host,
            "SMARTCAR__MQTT__PORT": str(broker.port),
            "SMARTCAR__MQTT__BIRTH_DELAY": "0.2",
            "SMARTCAR__LOGGING__DIRECTORY": "",
            **settings,
        }
        self.bridge: Program | None = None

    def __enter__(self) -> Self:
        self.twin.start()
        self.start_bridge()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_bridge()
        self.twin.close()

    @property
    def identifier(self) -> str:
        return f"smartcar_{self.car_id}_motion"

    def start_bridge(self, **settings: str) -> None:
        environment = {**self.environment, "SMARTCAR__MOTION__DEVICE": self.twin.device, **settings}
        command = [sys.executable, "-m", "smartcar_mqtt.cli", "run", "motion"]
        mark = self.output.mark()
        self.bridge = Program("motion bridge", command, output=self.output, environment=environment)
        self.output.wait("connected to the broker", since=mark)

    def stop_bridge(self) -> int:
        bridge, self.bridge = self.bridge, None
        return bridge.stop() if bridge is not None else 0

    def retained(self, topic: str) -> Any:
        """The retained JSON of a topic below the car's."""
        message = paho.mqtt.subscribe.simple(
            f"smartcar/{self.car_id}/{topic}",
            hostname=self.broker.host,
            port=self.broker.port,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        return json.loads(message.payload)
