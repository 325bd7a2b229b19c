"""The harness itself: what the other tests against Home Assistant rely on, shown with a hand-made device."""

from __future__ import annotations

import io
import json
import queue
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image

from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.screenshot import Chromium, home_assistant_page
from tests.e2e.websocket import HomeAssistantError
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.homeassistant


class HandMadeDevice:
    """A device discovery payload with one component of each kind that the harness has a method for."""

    def __init__(self, broker: Mosquitto) -> None:
        self.identifier = f"harness_{uuid.uuid4().hex[:8]}"
        self.base = f"harness/{self.identifier}"
        self.pressed: queue.Queue[str] = queue.Queue()
        self._subscribed = queue.Queue[None]()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _client, _data, message: self.pressed.put(message.payload.decode())
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._client.subscribe(f"{self.base}/horn/set", qos=1)
        self._subscribed.get(timeout=5)

    @property
    def discovery_topic(self) -> str:
        return f"homeassistant/device/{self.identifier}/config"

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish, and return when the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def announce(self) -> None:
        self.publish(self.discovery_topic, json.dumps(self.discovery()), retain=True)
        self.publish(f"{self.base}/state", '{"distance": 42}', retain=True)

    def discovery(self) -> dict[str, Any]:
        def unique(name: str) -> str:
            return f"{self.identifier}_{name}"

        distance = {
            "p": "sensor",
            "uniq_id": unique("distance"),
            "name": "Distance",
            "stat_t": f"{self.base}/state",
            "val_tpl": "{{ value_json.distance }}",
            "dev_cla": "distance",
            "unit_of_meas": "cm",
            "ent_cat": "diagnostic",
        }
        gas = {
            "p": "sensor",
            "uniq_id": unique("gas"),
            "name": "Gas",
            "stat_t": f"{self.base}/gas",
            "en": False,
        }
        horn = {"p": "button", "uniq_id": unique("horn"), "name": "Horn", "cmd_t": f"{self.base}/horn/set"}
        view = {"p": "camera", "uniq_id": unique("view"), "name": "View", "t": f"{self.base}/view"}
        bump = {
            "p": "device_automation",
            "atype": "trigger",
            "type": "collision",
            "stype": "front",
            "t": f"{self.base}/collision",
            "pl": "bump",
        }
        components = {"distance": distance, "gas": gas, "horn": horn, "view": view, "bump": bump}
        device = {"ids": [self.identifier], "name": f"Harness {self.identifier[-8:]}"}
        return {"dev": device, "o": {"name": "harness"}, "cmps": components}

    def remove(self) -> None:
        for topic in (self.discovery_topic, f"{self.base}/state"):
            self.publish(topic, b"", retain=True)
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def device(home_assistant: HomeAssistant, home_assistant_broker: Mosquitto) -> Iterator[HandMadeDevice]:
    made = HandMadeDevice(home_assistant_broker)
    made.announce()
    home_assistant.wait_device(made.identifier)
    yield made
    made.remove()
    home_assistant.wait_device_gone(made.identifier)


def entity_id(home_assistant: HomeAssistant, device: HandMadeDevice, name: str) -> str:
    home_assistant.wait_mqtt_settled()
    return home_assistant.entity(f"{device.identifier}_{name}").entity_id


def test_a_discovered_entity_appears_with_what_it_was_declared(
    home_assistant: HomeAssistant, device: HandMadeDevice
) -> None:
    home_assistant.wait_state(entity_id(home_assistant, device, "distance"), "42")
    distance = home_assistant.entity(f"{device.identifier}_distance")
    declared = (distance.domain, distance.device_class, distance.unit, distance.entity_category)
    assert declared == ("sensor", "distance", "cm", "diagnostic")
    assert (distance.original_name, distance.state) == ("Distance", "42")
    assert distance.device == device.discovery()["dev"]["name"]


def test_a_state_that_passes_by_is_seen(home_assistant: HomeAssistant, device: HandMadeDevice) -> None:
    distance = entity_id(home_assistant, device, "distance")
    home_assistant.wait_state(distance, "42")
    with home_assistant.watch(distance) as changes:
        for centimetres in (41, 7, 40):
            device.publish(f"{device.base}/state", json.dumps({"distance": centimetres}), retain=True)
        changes.wait(lambda state: float(state.state) < 10)
        changes.wait("40")
    assert [state.state for state in changes.seen] == ["42", "41", "7", "40"]


def test_a_state_that_never_comes_is_told_with_those_that_came(
    home_assistant: HomeAssistant, device: HandMadeDevice
) -> None:
    distance = entity_id(home_assistant, device, "distance")
    home_assistant.wait_state(distance, "42")
    with pytest.raises(TimeoutError, match=r"did not get the state '43' .* its states until now: '42'"):
        home_assistant.wait_state(distance, "43", timeout=0.1)


def test_a_button_press_arrives_on_mqtt(home_assistant: HomeAssistant, device: HandMadeDevice) -> None:
    horn = entity_id(home_assistant, device, "horn")
    home_assistant.call_service("button", "press", {"entity_id": horn})
    assert device.pressed.get(timeout=5) == "PRESS"
    with pytest.raises(HomeAssistantError, match="call_service"):
        home_assistant.call_service("button", "press", {"nonsense": horn})


def test_a_disabled_entity_can_be_enabled_and_all_comes_back_after_a_restart(
    home_assistant: HomeAssistant, device: HandMadeDevice
) -> None:
    gas = entity_id(home_assistant, device, "gas")
    assert home_assistant.entity(f"{device.identifier}_gas").disabled_by == "integration"
    assert home_assistant.state(gas) is None
    home_assistant.enable_entity(gas)
    home_assistant.restart()  # also spares the later tests the reload that enabling has put on Home Assistant's list
    home_assistant.wait_state(entity_id(home_assistant, device, "distance"), "42")
    assert home_assistant.state(gas) is not None


def test_a_picture_can_be_read(home_assistant: HomeAssistant, device: HandMadeDevice) -> None:
    view = entity_id(home_assistant, device, "view")
    picture = io.BytesIO()
    Image.new("RGB", (16, 16), "green").save(picture, "JPEG")
    device.publish(f"{device.base}/view", picture.getvalue())
    home_assistant.wait_mqtt_settled()
    assert home_assistant.camera(view) == ("image/jpeg", picture.getvalue())


def test_a_device_trigger_is_listed_and_starts_an_automation(
    home_assistant: HomeAssistant, device: HandMadeDevice
) -> None:
    home_assistant.wait_mqtt_settled()
    triggers = home_assistant.device_triggers(device.identifier)
    [trigger] = [trigger for trigger in triggers if trigger["domain"] == "mqtt"]
    assert (trigger["type"], trigger["subtype"]) == ("collision", "front")
    horn = entity_id(home_assistant, device, "horn")
    actions = [{"action": "button.press", "target": {"entity_id": horn}}]
    config = {"alias": "Honk on a collision", "triggers": [trigger], "actions": actions}
    automation = home_assistant.add_automation("harness_honk", config)
    with home_assistant.events("automation_triggered") as triggered:
        device.publish(f"{device.base}/collision", "bump")
        triggered.wait(lambda data: bool(data["entity_id"] == automation))
    assert device.pressed.get(timeout=5) == "PRESS"
    home_assistant.remove_automation("harness_honk")
    assert home_assistant.state(automation) is None


def test_a_bad_payload_is_reported_and_a_good_one_is_not(home_assistant: HomeAssistant, device: HandMadeDevice) -> None:
    mark = home_assistant.log_mark()
    without_origin = {key: value for key, value in device.discovery().items() if key != "o"}
    device.publish("homeassistant/device/harness_bad/config", json.dumps(without_origin))
    device.publish(f"{device.base}/state", '{"speed": 1}', retain=True)
    with pytest.raises(AssertionError, match="warned") as failure:
        home_assistant.assert_no_warnings(mark)
    assert "harness_bad" in str(failure.value)
    assert "value_json.distance" in str(failure.value)
    allowed = ["harness_bad", "has no attribute 'distance'", re.escape(device.base)]
    home_assistant.assert_no_warnings(mark, allowed=allowed)
    home_assistant.assert_no_warnings(home_assistant.log_mark())


def test_a_page_can_be_looked_at(
    home_assistant: HomeAssistant, device: HandMadeDevice, chromium: Chromium, tmp_path: Path
) -> None:
    device_id = home_assistant.wait_device(device.identifier)["id"]
    picture = tmp_path / "device.png"
    text = home_assistant_page(
        chromium, home_assistant, f"/config/devices/device/{device_id}", picture, awaited="42 cm"
    )
    assert "Horn" in text
    assert Image.open(picture).size == (1280, 900)
