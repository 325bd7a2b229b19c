"""Every platform that the library can declare, in a real Home Assistant: accepted without a warning, and at work."""

from __future__ import annotations

import io
import queue
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image as Picture

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.entities import (
    BinarySensor,
    Button,
    Camera,
    Event,
    Image,
    Light,
    Notify,
    Number,
    Select,
    Sensor,
    Siren,
    Switch,
    Text,
    Trigger,
    Update,
)
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.running import Running
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.homeassistant


class Everything(Bridge):
    """One entity of each platform."""

    name = "everything"
    title = "Everything"

    temperature = Sensor(
        unit="°C",
        device_class="temperature",
        state_class="measurement",
        precision=1,
        attributes=True,
        requires=("ready",),
    )
    mood = Sensor(options=("calm", "cross"))
    ready = BinarySensor(device_class="connectivity", category="diagnostic")
    knock = Event(types=("once", "twice"), trigger=True)
    gesture = Trigger(types=("wave",))
    sketch = Image()
    view = Camera()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.received: queue.Queue[tuple[str, Any]] = queue.Queue()

    @Button(device_class="restart")
    def again(self) -> None:
        self.received.put(("again", None))

    @Number(minimum=0, maximum=10, step=0.5, unit="s", device_class="duration", category="config")
    def pause(self, seconds: float) -> None:
        self.received.put(("pause", seconds))
        self.update(pause=seconds)

    @Select(options=("low", "high"))
    def gear(self, gear: str) -> None:
        self.received.put(("gear", gear))
        self.update(gear=gear)

    @Switch(immediate=True)
    def lamp(self, on: bool) -> None:
        self.received.put(("lamp", on))
        self.update(lamp=on)

    @Text(maximum=20)
    def label(self, text: str) -> None:
        self.received.put(("label", text))
        self.update(label=text)

    @Notify()
    def speech(self, message: str) -> None:
        self.received.put(("speech", message))

    @Light(effects=("rainbow", "comet"))
    def ring(self, wish: dict[str, Any]) -> None:
        self.received.put(("ring", wish))
        self.update(ring={**(self.ring or {}), **wish})

    @Siren(tones=("horn",))
    def horn(self, wish: dict[str, Any]) -> None:
        self.received.put(("horn", wish))
        self.update(horn={"state": wish["state"]})

    @Update(device_class="firmware")
    def software(self) -> None:
        self.received.put(("software", None))
        self.update(software={"installed_version": "2.0", "latest_version": "2.0"})


@pytest.fixture(scope="module")
def everything(home_assistant: HomeAssistant, home_assistant_broker: Mosquitto) -> Iterator[Everything]:
    mark = home_assistant.log_mark()
    with Running(Everything, home_assistant_broker) as running:
        bridge: Everything = running.bridge
        bridge.update(
            temperature=21.46,
            mood="calm",
            ready=True,
            ring={"state": False, "brightness": 128, "color": {"r": 255, "g": 0, "b": 0}, "effect": "comet"},
            horn={"state": False},
            software={"installed_version": "1.0", "latest_version": "2.0", "title": "Car"},
            pause=1,
            gear="low",
            lamp=False,
            label="hello",
        )
        home_assistant.wait_state("sensor.plat_everything_temperature", "21.5", timeout=20)
        home_assistant.wait_mqtt_settled()
        home_assistant.assert_no_warnings(mark)
        yield bridge


def test_every_platform_is_accepted(home_assistant: HomeAssistant, everything: Everything) -> None:
    rows = [row for row in home_assistant.entity_registry() if row.unique_id.startswith("plat_everything_")]
    expected = {key for key, entity in Everything.entities.items() if entity.platform not in {"", "device_automation"}}
    assert {row.unique_id.removeprefix("plat_everything_") for row in rows} == expected
    assert {row.domain for row in rows} == {
        *("sensor", "binary_sensor", "event", "image", "camera", "button", "number", "select", "switch", "text"),
        *("notify", "light", "siren", "update"),
    }
    triggers = home_assistant.device_triggers("smartcar_plat_everything")
    assert ("gesture", "wave") in {(row["type"], row["subtype"]) for row in triggers if row["domain"] == "mqtt"}


@pytest.mark.parametrize(
    ("service", "data", "expected", "state"),
    [
        ("button.press", {"entity_id": "again"}, ("again", None), None),
        ("number.set_value", {"entity_id": "pause", "value": 2.5}, ("pause", 2.5), "2.5"),
        ("select.select_option", {"entity_id": "gear", "option": "high"}, ("gear", "high"), "high"),
        ("switch.turn_on", {"entity_id": "lamp"}, ("lamp", True), "on"),
        ("text.set_value", {"entity_id": "label", "value": "Grüße"}, ("label", "Grüße"), "Grüße"),
        ("notify.send_message", {"entity_id": "speech", "message": "I am here"}, ("speech", "I am here"), None),
        (
            "light.turn_on",
            {"entity_id": "ring", "brightness": 200, "effect": "rainbow", "rgb_color": [1, 2, 3], "transition": 1},
            (
                "ring",
                {
                    "state": True,
                    "brightness": 200,
                    "color": {"r": 1, "g": 2, "b": 3},
                    "effect": "rainbow",
                    "transition": 1.0,
                },
            ),
            "on",
        ),
        ("siren.turn_on", {"entity_id": "horn", "tone": "horn", "duration": 2}, None, "on"),
        ("update.install", {"entity_id": "software"}, ("software", None), "off"),
    ],
)
def test_a_control_in_home_assistant_reaches_the_bridge_and_shows_its_state(
    home_assistant: HomeAssistant,
    everything: Everything,
    service: str,
    data: dict[str, Any],
    expected: tuple[str, Any] | None,
    state: str | None,
) -> None:
    domain, name = service.split(".")
    entity_id = f"{domain}.plat_everything_{data['entity_id']}"
    home_assistant.call_service(domain, name, {**data, "entity_id": entity_id})
    received = everything.received.get(timeout=5)
    assert expected is None or received == expected
    if state is not None:
        home_assistant.wait_state(entity_id, state)


def test_the_light_shows_what_the_ring_shows(home_assistant: HomeAssistant, everything: Everything) -> None:
    everything.update(ring={"state": True, "brightness": 77, "color": {"r": 9, "g": 8, "b": 7}, "effect": "comet"})
    light = home_assistant.wait_state(
        "light.plat_everything_ring", lambda state: state.attributes.get("brightness") == 77
    )
    assert light.attributes["effect"] == "comet"
    assert tuple(light.attributes["rgb_color"]) == (9, 8, 7)


def test_pictures_are_readable(home_assistant: HomeAssistant, everything: Everything) -> None:
    png, jpeg = io.BytesIO(), io.BytesIO()
    Picture.new("RGB", (8, 6)).save(png, "PNG")
    Picture.new("RGB", (10, 4)).save(jpeg, "JPEG")
    with home_assistant.watch("image.plat_everything_sketch") as sketch:
        everything.sketch.show(png.getvalue())
        sketch.wait(lambda state: state.state != "unknown")
    assert home_assistant.image("image.plat_everything_sketch") == ("image/png", png.getvalue())
    everything.view.show(jpeg.getvalue())
    home_assistant.wait_mqtt_settled()
    assert home_assistant.camera("camera.plat_everything_view")[1] == jpeg.getvalue()


def test_an_event_and_its_details_arrive(home_assistant: HomeAssistant, everything: Everything) -> None:
    with home_assistant.watch("event.plat_everything_knock") as knock:
        everything.knock.fire("twice", loud=True)
        state = knock.wait(lambda state: state.attributes.get("event_type") == "twice")
    assert state.attributes["loud"] is True


def test_missing_hardware_makes_its_entities_unavailable(home_assistant: HomeAssistant, everything: Everything) -> None:
    everything.update(ready=False)
    home_assistant.wait_state("sensor.plat_everything_temperature", "unavailable")
    assert home_assistant.wait_state("sensor.plat_everything_mood").state == "calm"
    everything.update(ready=True)
    home_assistant.wait_state("sensor.plat_everything_temperature", "21.5")


def test_attributes_are_shown(home_assistant: HomeAssistant, everything: Everything) -> None:
    everything.set_attributes("temperature", place="roof")
    home_assistant.wait_state(
        "sensor.plat_everything_temperature", lambda state: state.attributes.get("place") == "roof"
    )
