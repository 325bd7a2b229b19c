"""`smartcar forget`: the car is gone from Home Assistant and from the broker, and only that car."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.car import Car
from tests.e2e.home_assistant import HomeAssistant
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.homeassistant


def forget(broker: Mosquitto, car_id: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smartcar_mqtt.cli", "forget", "--yes", "--car", car_id]
    return subprocess.run(
        [*command, "--broker", f"{broker.host}:{broker.port}"], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_forgotten_car_is_gone_and_its_neighbour_stays(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto, tmp_path: Path
) -> None:
    mark = home_assistant.log_mark()
    neighbour = Car(home_assistant_broker, tmp_path, car_id="old_timer", name="Old timer")
    with neighbour, Car(home_assistant_broker, tmp_path, car_id="old", name="Old") as car:
        home_assistant.wait_device(car.identifier)
        home_assistant.wait_device(neighbour.identifier)
        home_assistant.wait_mqtt_settled()
        refused = forget(home_assistant_broker, "old")
        assert refused.returncode == 1
        assert refused.stderr == ("smartcar: still running: motion; end them first, or they announce the car again\n")
        car.stop_bridge()
        forgotten = forget(home_assistant_broker, "old")
        assert forgotten.returncode == 0, forgotten.stderr
        home_assistant.wait_device_gone(car.identifier)
        home_assistant.wait_state("button.old_timer_stop")
        assert "nothing is kept of car 'old'" in forget(home_assistant_broker, "old").stdout
    home_assistant.assert_no_warnings(mark)
