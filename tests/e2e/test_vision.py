"""The camera in a real Home Assistant: what stands before it, its pictures, its modes and its captures."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.registry import State
from tests.support.mosquitto import Mosquitto
from tests.vision.rig import Rig

pytestmark = pytest.mark.homeassistant

NAME = "visi_camera"
MODE = f"select.{NAME}_mode"
# key: platform, device class, unit, category (None where there is none)
EXPECTED = {
    "last_refused": ("sensor", None, None, "diagnostic"),
    "broker_problem": ("sensor", None, None, "diagnostic"),
    "command_refused": ("event", None, None, None),
    "log_level": ("select", None, None, "config"),
    "image": ("camera", None, None, None),
    "last_capture": ("image", None, None, None),
    "last_person": ("image", None, None, None),
    "object_count": ("sensor", None, None, None),
    "last_object": ("sensor", None, None, None),
    "person": ("binary_sensor", "occupancy", None, None),
    "sees_ball": ("binary_sensor", "occupancy", None, None),
    "sighting": ("event", None, None, None),
    "captured": ("event", None, None, None),
    "link": ("binary_sensor", "connectivity", None, "diagnostic"),
    "frames_per_second": ("sensor", "frequency", "Hz", "diagnostic"),
    "detections_per_second": ("sensor", "frequency", None, "diagnostic"),  # disabled: its unit is not known yet
    "inference_time": ("sensor", "duration", "ms", "diagnostic"),
    "frame_age": ("sensor", "duration", "ms", "diagnostic"),
    "backend": ("sensor", None, None, "diagnostic"),
    "model": ("sensor", None, None, "diagnostic"),
    "drops": ("sensor", None, None, "diagnostic"),
    "stream_socket": ("sensor", None, None, "diagnostic"),
    "mode": ("select", None, None, None),
    "pause": ("switch", None, None, None),
    "capture": ("button", None, None, None),
    "confidence": ("number", None, "%", "config"),
}

DISABLED = {"detections_per_second", "drops", "stream_socket"}


@pytest.fixture(scope="module")
def rig(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    mark = home_assistant.log_mark()
    settings: dict[str, object] = {
        "CAR__ID": "visi",
        "CAR__NAME": "Visi",
        "MQTT__BIRTH_DELAY": 0.2,
        "VISION__OCCUPANCY": '["ball"]',
        "VISION__MODEL": "world",
        "VISION__START_MODE": "on_with_stream",
    }
    with Rig(tmp_path_factory.mktemp("vision"), settings=settings, broker=home_assistant_broker) as rig:
        home_assistant.wait_state(f"binary_sensor.{NAME}_camera", "on", timeout=20)
        home_assistant.wait_mqtt_settled()
        home_assistant.assert_no_warnings(mark)
        yield rig
    home_assistant.assert_no_warnings(mark)


def size_of(jpeg: bytes) -> tuple[int, ...]:
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found.shape


def test_every_entity_is_there_as_the_user_wants_it(home_assistant: HomeAssistant, rig: Rig) -> None:
    rows = [row for row in home_assistant.entity_registry() if row.unique_id.startswith("visi_vision_")]
    found = {row.unique_id.removeprefix("visi_vision_"): row for row in rows}
    assert found.keys() == EXPECTED.keys()
    for key, expected in EXPECTED.items():
        row = found[key]
        assert (row.domain, row.device_class, row.unit, row.entity_category) == expected, key
        assert row.device == "Visi Camera"
        assert row.disabled_by == ("integration" if key in DISABLED else None), key


def test_what_is_put_into_the_room_is_seen(home_assistant: HomeAssistant, rig: Rig) -> None:
    rig.put()
    home_assistant.wait_state(f"binary_sensor.{NAME}_person", "off")
    home_assistant.wait_state(f"sensor.{NAME}_objects_in_view", "0")
    with home_assistant.watch(f"event.{NAME}_object") as sightings:
        rig.put("ball")
        sighting = sightings.wait(lambda state: state.attributes.get("event_type") == "object_appeared")
    assert sighting.attributes["label"] == "ball"
    home_assistant.wait_state(f"binary_sensor.{NAME}_ball", "on")
    home_assistant.wait_state(f"sensor.{NAME}_last_object", "ball")
    assert home_assistant.wait_state(f"binary_sensor.{NAME}_person").state == "off"
    rig.put("ball", "person")
    home_assistant.wait_state(f"binary_sensor.{NAME}_person", "on")

    def tells_both(state: State) -> bool:
        return {each["label"] for each in state.attributes.get("objects", ())} == {"ball", "person"}

    state = home_assistant.wait_state(f"sensor.{NAME}_objects_in_view", tells_both)
    assert {each["position"] for each in state.attributes["objects"] if each["label"] == "ball"} == {"left"}
    home_assistant.wait_state(f"image.{NAME}_last_person", lambda state: state.state != "unknown")
    assert size_of(home_assistant.image(f"image.{NAME}_last_person")[1]) == (480, 640, 3)
    rig.put()
    home_assistant.wait_state(f"binary_sensor.{NAME}_person", "off")
    home_assistant.wait_state(f"binary_sensor.{NAME}_ball", "off")


def test_its_picture_can_be_read(home_assistant: HomeAssistant, rig: Rig) -> None:
    rig.put("ball")
    rig.wait("image", since=rig.observer.mark())
    home_assistant.wait_mqtt_settled()
    content_type, jpeg = home_assistant.camera(f"camera.{NAME}_snapshot")
    assert content_type == "image/jpeg"
    assert size_of(jpeg) == (480, 640, 3)


def test_the_mode_is_chosen_in_home_assistant(home_assistant: HomeAssistant, rig: Rig) -> None:
    home_assistant.call_service("select", "select_option", {"entity_id": MODE, "option": "Off"})
    home_assistant.wait_state(f"binary_sensor.{NAME}_camera", "unknown")
    home_assistant.wait_state(f"binary_sensor.{NAME}_person", "unknown")
    home_assistant.call_service("select", "select_option", {"entity_id": MODE, "option": "Detect and stream"})
    home_assistant.wait_state(f"binary_sensor.{NAME}_camera", "on")
    home_assistant.wait_state(f"binary_sensor.{NAME}_person", "off")


def test_a_pressed_capture_becomes_an_event_and_a_picture(home_assistant: HomeAssistant, rig: Rig) -> None:
    rig.put("ball")
    with home_assistant.watch(f"event.{NAME}_capture") as captures:
        home_assistant.call_service("button", "press", {"entity_id": f"button.{NAME}_capture"})
        capture = captures.wait(lambda state: state.attributes.get("event_type") == "captured")
    assert (rig.captures / capture.attributes["file"]).is_file()
    home_assistant.wait_state(f"image.{NAME}_last_capture", lambda state: state.state != "unknown")
    assert size_of(home_assistant.image(f"image.{NAME}_last_capture")[1]) == (480, 640, 3)


def test_device_triggers_are_listed(home_assistant: HomeAssistant, rig: Rig) -> None:
    triggers = {
        (trigger["type"], trigger["subtype"])
        for trigger in home_assistant.device_triggers("smartcar_visi_vision")
        if trigger["domain"] == "mqtt"
    }
    assert triggers >= {
        ("sighting", "object_appeared"),
        ("sighting", "object_gone"),
        ("captured", "captured"),
        ("captured", "failed"),
    }


def test_a_lost_camera_is_shown_with_its_reason(home_assistant: HomeAssistant, rig: Rig) -> None:
    rig.cable.pull()
    state = home_assistant.wait_state(f"binary_sensor.{NAME}_camera", "off")
    assert "simulated camera" in state.attributes["reason"]
    home_assistant.wait_state(f"binary_sensor.{NAME}_person", "unknown")
    rig.cable.plug()
    home_assistant.wait_state(f"binary_sensor.{NAME}_camera", "on", timeout=20)
