"""The vision bridge with a real broker, the simulated room and a real network, as other programs meet it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from bridges.vision.bridge import Vision
from bridges.vision.captures import Capture
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.config import load
from smartcar_mqtt.config.file import ConfigError
from tests.support.observer import Observer
from tests.vision.detection.colour_model import RED, TEAL, write_model
from tests.vision.rig import BASE, Rig
from tests.vision.viewer import Viewer


@pytest.fixture(scope="module")
def lasting_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all tests that leave it whole."""
    with Rig(
        tmp_path_factory.mktemp("vision"), settings={"VISION__OCCUPANCY": '["ball"]', "VISION__MQTT_FPS": 5}
    ) as rig:
        yield rig


@pytest.fixture
def rig(lasting_rig: Rig) -> Rig:
    """That one, switched off, before an empty room."""
    lasting_rig.mode("off")
    if lasting_rig.state()["pause"]:
        lasting_rig.ask("pause", "OFF")
    lasting_rig.put()
    lasting_rig.settle(mode="off", pause=False, link=None)
    return lasting_rig


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found  # type: ignore[return-value]


def test_off_means_that_nothing_is_looked_at(rig: Rig) -> None:
    rig.observer.flush()
    since = rig.observer.mark()
    assert rig.get("/snapshot.jpg").status == 503
    assert rig.get("/stream").body == b"the mode is off; set it to on_with_stream\n"
    state = rig.state()
    assert (state["person"], state["object_count"], state["link"]) == (None, None, None)
    rig.observer.flush()
    assert not rig.observer.seen(f"{BASE}/image", since=since)
    assert not rig.observer.seen(f"{BASE}/objects", since=since)


def test_what_stands_before_the_camera_is_told_on_every_channel(rig: Rig) -> None:
    rig.put("ball", "person")
    since = rig.observer.mark()
    rig.mode("on_with_stream")
    ball = rig.wait_event("sighting", "object_appeared", since=since, label="ball")
    person = rig.wait_event("sighting", "object_appeared", since=since, label="person")
    assert ball["id"] != person["id"]
    assert (ball["position"], person["position"]) == ("left", "right")
    state = rig.wait_state(since=since, person=True, sees_ball=True, link=True)
    assert state["last_object"] in {"ball", "person"}
    attributes = rig.wait(
        "state", lambda seen: len(seen.json["attributes"]["object_count"]["objects"]) >= 2, since
    ).json["attributes"]
    labels = {each["label"] for each in attributes["object_count"]["objects"]}
    assert labels == {"ball", "person"}
    objects = rig.wait("objects", lambda seen: len(seen.json["objects"]) >= 2, since).json
    assert objects.keys() == {"objects", "frame", "age_ms", "time"}
    assert 0 <= objects["age_ms"] < 1000
    for each in objects["objects"]:
        assert each.keys() == {"id", "label", "score", "box", "position"}
        left, top, right, bottom = each["box"]
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
    assert decoded(rig.wait("image", since=since).payload).shape == (480, 640, 3)
    portrait = rig.wait("last_person", since=since)
    assert decoded(portrait.payload).shape == (480, 640, 3)
    assert portrait.retained


def test_what_is_taken_away_is_gone(rig: Rig) -> None:
    rig.put("ball", "person")
    rig.mode("on_no_stream")
    rig.settle(person=True, sees_ball=True)
    since = rig.observer.mark()
    rig.put("ball")
    gone = rig.wait_event("sighting", "object_gone", since=since)
    assert gone["label"] == "person"
    rig.wait_state(since=since, person=False, sees_ball=True)
    rig.put()
    rig.wait_state(since=since, person=False, sees_ball=False, object_count=0)


def test_without_stream_there_is_detection_alone(rig: Rig) -> None:
    rig.put("ball")
    since = rig.observer.mark()
    rig.mode("on_no_stream")
    rig.wait_event("sighting", "object_appeared", since=since)
    assert rig.get("/stream").body == b"the mode is on_no_stream; set it to on_with_stream\n"
    rig.observer.flush()
    assert not rig.observer.seen(f"{BASE}/image", since=since)


def test_switching_off_makes_everything_unknown(rig: Rig) -> None:
    rig.put("person")
    rig.mode("on_with_stream")
    rig.settle(person=True)
    since = rig.observer.mark()
    rig.mode("off")
    rig.wait_state(since=since, person=None, object_count=None, link=None, mode="off")
    assert rig.wait_event("sighting", "object_gone", since=since)["label"] == "person"


def test_a_pause_stops_eyes_and_pictures_and_keeps_the_camera(rig: Rig) -> None:
    rig.put("person")
    rig.mode("on_with_stream")
    rig.settle(person=True)
    assert rig.ask("pause", "ON")["status"] == "done"
    rig.settle(person=None, object_count=None, link=True)
    rig.observer.flush()
    since = rig.observer.mark()
    assert rig.get("/snapshot.jpg").body == b"paused\n"
    rig.observer.flush()
    assert not rig.observer.seen(f"{BASE}/objects", since=since)
    assert rig.ask("pause", "OFF")["status"] == "done"
    rig.wait_state(since=since, person=True)
    rig.wait("image", since=since)


def test_the_live_stream_shows_boxes_to_who_asks_for_them(rig: Rig) -> None:
    rig.put("person")
    rig.mode("on_with_stream")
    rig.settle(person=True)
    plain, boxed = decoded(rig.get("/snapshot.jpg").body), decoded(rig.get("/snapshot.jpg?boxes=1").body)
    changed = (np.abs(plain.astype(int) - boxed) > 60).any(axis=2).sum()
    assert changed > 200
    with Viewer(rig.socket) as viewer:
        numbers = [viewer.part().number for _ in range(8)]
    assert numbers[0] == numbers[1]
    assert sorted(set(numbers)) == numbers[1:]


def test_a_capture_is_fresh_stored_told_and_served(rig: Rig) -> None:
    rig.put("ball")
    rig.mode("on_no_stream")
    rig.settle(sees_ball=True)
    since = rig.observer.mark()
    rig.observer.send(f"{BASE}/capture/set", '{"id": "look-1", "source": "orchestrator"}')
    event = rig.wait_event("captured", "captured", since=since, id="look-1")
    assert event["source"] == "orchestrator"
    assert {found["label"] for found in event["detections"]} == {"ball"}
    assert {found["position"] for found in event["detections"]} == {"left"}
    assert rig.wait("result", since=since).json["status"] == "done"
    served = rig.get(f"/captures/{event['file']}")
    assert decoded(served.body).shape == (480, 640, 3)
    assert (rig.captures / event["file"]).read_bytes() == served.body
    listed = msgspec.json.decode(rig.get("/captures").body, type=list[Capture])
    assert listed[0].file == event["file"]
    assert listed[0].id == "look-1"
    shown = rig.wait("last_capture", since=since)
    assert shown.retained
    assert shown.payload != served.body, "with boxes"


def test_a_capture_shows_what_is_there_now_and_not_what_was(rig: Rig) -> None:
    rig.mode("on_no_stream")
    rig.settle(link=True)
    for things in (("ball",), (), ("person",), ()):
        rig.put(*things)
        since = rig.observer.mark()
        assert rig.ask("capture", "PRESS")["status"] == "done"
        detections = rig.wait_event("captured", "captured", since=since)["detections"]
        assert {found["label"] for found in detections} == set(things)


def test_a_capture_while_off_opens_the_camera_for_one_picture(rig: Rig) -> None:
    rig.put("person")
    since = rig.observer.mark()
    assert rig.ask("capture", "PRESS")["status"] == "done"
    event = rig.wait_event("captured", "captured", since=since)
    assert {found["label"] for found in event["detections"]} == {"person"}
    rig.wait_state(since=since, link=True)
    rig.settle(link=None, mode="off", person=None)


def test_home_assistant_presses_the_button_with_a_word(rig: Rig) -> None:
    rig.mode("on_no_stream")
    since = rig.observer.mark()
    rig.observer.send(f"{BASE}/capture/set", "PRESS")
    assert rig.wait_event("captured", "captured", since=since)["id"] is None


def test_a_camera_that_goes_makes_things_unknown_and_comes_back(rig: Rig) -> None:
    rig.put("person")
    rig.mode("on_with_stream")
    rig.settle(person=True)
    since = rig.observer.mark()
    rig.cable.pull()
    lost = rig.wait_state(since=since, link=False, person=None)
    assert "simulated camera" in lost["attributes"]["link"]["reason"]
    assert b"simulated camera" in rig.get("/stream").body
    failing = rig.observer.mark()
    answer = rig.ask("capture", "PRESS")
    assert answer["status"] == "blocked"
    assert "simulated camera" in rig.wait_event("captured", "failed", since=failing)["reason"]
    rig.cable.plug()
    rig.wait_state(since=since, link=True, person=True, timeout=40)


def test_the_discovery_has_the_configured_class_and_no_surprises(rig: Rig) -> None:
    found = next(seen for seen in rig.observer.seen("homeassistant/device/smartcar_car_vision/config") if seen.payload)
    components = found.json["components"]
    assert components["sees_ball"]["device_class"] == "occupancy"
    assert components["sees_ball"]["name"] == "Ball"
    assert components["image"]["platform"] == "camera"
    assert components["sighting_object_appeared"]["platform"] == "device_automation"
    assert "objects" not in components


@pytest.mark.parametrize("label", ["camera", "person "])
def test_a_class_that_cannot_have_a_sensor_is_a_mistake_in_the_configuration(label: str, tmp_path: Path) -> None:
    config = load(
        environment={"SMARTCAR__VISION__OCCUPANCY": f'["{label}"]', "SMARTCAR__CAR__STATE_DIRECTORY": str(tmp_path)},
        sections={"vision": VisionSettings},
    )
    with pytest.raises(ConfigError, match=r"vision\.occupancy: .*same name"):
        Vision.configured(config)


def test_how_sure_the_detector_must_be_is_kept(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        assert rig.state()["confidence"] == 40
        assert rig.ask("confidence", "70")["status"] == "done"
        rig.observer.send(f"{BASE}/confidence/set", "99")
        assert rig.wait("result", lambda seen: seen.json["status"] == "refused")
        assert rig.stop_bridge() == 0
        rig.start_bridge()
        rig.settle(confidence=70)


def test_the_mode_after_a_start_is_the_configured_one_or_the_last(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.mode("on_no_stream")
        for start_mode, expected in (("off", "off"), ("last", "on_no_stream"), ("on_with_stream", "on_with_stream")):
            rig.stop_bridge()
            mark = rig.observer.mark()
            rig.start_bridge(VISION__START_MODE=start_mode)
            rig.wait_state(since=mark, mode=expected)


def test_a_model_that_cannot_be_used_leaves_the_pictures(tmp_path: Path) -> None:
    with Rig(tmp_path, settings={"VISION__MODEL": tmp_path / "missing.onnx"}) as rig:
        rig.put("person")
        rig.mode("on_with_stream")
        rig.wait("image")
        state = rig.settle(model="none")
        assert "missing.onnx: there is no such model" in state["attributes"]["model"]["problem"]
        assert state["person"] is None
        assert rig.ask("capture", "PRESS")["status"] == "done"
        assert rig.wait_event("captured", "captured")["detections"] is None
        write_model(tmp_path / "missing.onnx")
        rig.mode("off")
        rig.mode("on_with_stream")
        assert "2 classes" in rig.settle(person=True)["model"]


def test_a_model_with_many_classes_publishes_no_more_than_home_assistant_stores(tmp_path: Path) -> None:
    colours = {f"kind of thing number {number}": (number % 256, number // 256, 99) for number in range(1201)}
    write_model(tmp_path / "many.onnx", {"ball": RED, "person": TEAL, **colours})
    with Rig(tmp_path, settings={"VISION__MODEL": tmp_path / "many.onnx"}) as rig:
        rig.put("person")
        rig.mode("on_no_stream")
        details = rig.settle(person=True)["attributes"]["model"]
        assert details["class_count"] == 1203
        assert 0 < len(details["classes"]) < 1203
        assert len(msgspec.json.encode(details)) <= 15_360


def test_a_second_bridge_does_not_take_the_socket_and_says_so(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig, Rig(tmp_path, broker=rig.broker, start=False) as rival:
        rival.launch(CAR__ID="rival")
        rival.output.wait("no live stream: .*another vision bridge serves there")
        rig.mode("on_with_stream")
        assert rig.get("/snapshot.jpg").status == 200
        rival.stop_bridge()
        assert rig.socket.exists()


def test_modes_may_change_under_load(rig: Rig) -> None:
    rig.put("ball", "person")
    chance = random.Random(4)
    for _ in range(25):
        rig.mode(chance.choice(("off", "on_no_stream", "on_with_stream")))
        if chance.random() < 0.3:
            rig.ask("pause", chance.choice(("ON", "OFF")))
        if chance.random() < 0.3:
            assert rig.ask("capture", "PRESS")["status"] == "done"
        rig.get("/snapshot.jpg")
    rig.ask("pause", "OFF")
    since = rig.observer.mark()
    rig.mode("on_with_stream")
    rig.settle(link=True, person=True, sees_ball=True)
    rig.wait("image", since=since)
    with Viewer(rig.socket) as viewer:
        for _ in range(4):
            viewer.part()


def test_everything_comes_back_after_a_restart_of_the_broker(tmp_path: Path) -> None:
    with Rig(tmp_path, settings={"VISION__START_MODE": "on_with_stream"}) as rig:
        rig.put("person")
        rig.settle(person=True)
        rig.wait("last_person")
        rig.broker.restart()
        with Observer(rig.broker.port, client_id="after") as after:
            after.wait(f"{BASE}/image", timeout=20)
            assert after.wait(f"{BASE}/last_person", timeout=20).payload
            after.wait(f"{BASE}/state", lambda seen: seen.json["person"] is True, timeout=20)
