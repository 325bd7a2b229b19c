"""The thermometer: a file with a number."""

from __future__ import annotations

from pathlib import Path

from bridges.thermometer.settings import ThermometerSettings

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.clock import Scheduler
from smartcar_mqtt.config import Config
from smartcar_mqtt.entities import BinarySensor, Sensor
from smartcar_mqtt.mqtt.broker import Broker


class Thermometer(Bridge):
    """The thermometer beside the battery."""

    name = "thermometer"
    title = "Thermometer"
    settings_type = ThermometerSettings

    warmth = Sensor(about="How warm it is.", unit="°C", device_class="temperature", precision=1, requires=("link",))
    link = BinarySensor(about="Whether the thermometer can be read.", device_class="connectivity", urgent=True)

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        self.settings = config.section("thermometer", ThermometerSettings)

    def open(self) -> None:
        try:
            self.update(warmth=float(Path(self.settings.device).read_text()), link=True)
        except (OSError, ValueError):
            self.update(warmth=None, link=False)
        self.scheduler.call_later(self.settings.interval, self.open)
