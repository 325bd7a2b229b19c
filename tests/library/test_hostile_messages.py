"""Real bridges at a real broker on which strangers have left what they could; and addresses that hold secrets."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.library.untrusted.test_decoding import HOSTILE
from tests.support.environment import SMARTCAR, car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer, Seen
from tests.support.program import Output, Program

PASSWORDS = ("secret", "se/cr@et:#1%20", "se cr'et\"", "s?cr=et&x", "sécrét\\$")


@pytest.fixture
def observer(broker: Mosquitto) -> Iterator[Observer]:
    with Observer(broker.port) as client:
        yield client


def start(name: str, broker: Mosquitto, folder: Path, **settings: object) -> Program:
    common = {"MQTT__PORT": broker.port, "CAR__STATE_DIRECTORY": folder, "LOGGING__DIRECTORY": folder / "logs"}
    environment = car_environment({**common, **settings}, folder)
    return Program(name, [SMARTCAR, "run", name], output=Output(), environment=environment)


def online(observer: Observer, name: str) -> None:
    observer.wait(f"smartcar/car/{name}/availability", lambda seen: seen.payload == b"online", timeout=20)


@pytest.mark.parametrize("discovery", ["device", "component"])
def test_what_strangers_have_left_keeps_no_bridge_offline(
    broker: Mosquitto, observer: Observer, tmp_path: Path, discovery: str
) -> None:
    prefix = "homeassistant"
    observer.send(f"{prefix}/device/smartcar_car_led/config", b"[" * 3000 + b"]" * 3000, retain=True)
    deep = b'{"components": {"x": ' + b'{"a": ' * 3000 + b"1" + b"}" * 3000 + b"}}"
    observer.send(f"{prefix}/switch/smartcar_car_led/deep/config", deep, retain=True)
    for number, payload in enumerate(HOSTILE.values()):
        observer.send(f"{prefix}/sensor/smartcar_car_led/x{number}/config", payload[:100_000], retain=True)
        observer.send(f"smartcar/car/led/x{number}/set", payload[:100_000])
    for source in ("motion/state", "motion/availability", "orchestrator/state", "tts/level", "vision/objects"):
        observer.send(f"smartcar/car/{source}", deep, retain=True)
    (tmp_path / "car-led.json").write_bytes(b'{"light": ' + b"[" * 5000 + b"]" * 5000 + b"}")
    bridge = start("led", broker, tmp_path, LED__DRIVER="none", MQTT__DISCOVERY=discovery)
    try:
        online(observer, "led")
        for payload in HOSTILE.values():
            observer.send("smartcar/car/led/ring/set", payload[:100_000])
        mark = observer.mark()
        observer.send("smartcar/car/led/ring/set", b'{"state": "ON", "effect": "fire", "id": "after"}')
        answer = observer.wait("smartcar/car/led/result", lambda seen: b'"after"' in seen.payload, since=mark)
        assert answer.json["status"] == "done"
        assert bridge.running
    finally:
        assert bridge.stop() == 0


@pytest.mark.parametrize(
    "shape",
    ["[]", "1", '"x"', '{"components": 3}', '{"components": {"x": 3, "y": {"platform": 4}}}',
     '{"components": {"z": {"platform": "switch"}}}'],
)  # fmt: skip
def test_what_was_left_may_have_any_shape(broker: Mosquitto, observer: Observer, tmp_path: Path, shape: str) -> None:
    observer.send("homeassistant/device/smartcar_car_led/config", shape, retain=True)
    bridge = start("led", broker, tmp_path, LED__DRIVER="none")
    try:
        online(observer, "led")
    finally:
        assert bridge.stop() == 0


def test_control_characters_enter_no_state_and_no_log(broker: Mosquitto, observer: Observer, tmp_path: Path) -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07 two\nlines \x9b31m\u202egnp \x7f end"
    bridge = start("display", broker, tmp_path, DISPLAY__DRIVER="none")
    try:
        online(observer, "display")
        observer.send("smartcar/car/display/message/set", nasty)
        shown = observer.wait("smartcar/car/display/state", lambda seen: b"owned" in seen.payload)
        assert shown.json["message"] == "[2J]0;owned two lines 31mgnp  end"
        observer.send("smartcar/car/display/expression/set", nasty)
        observer.send("smartcar/car/display/expression/set", json.dumps({"value": nasty, "source": "x"}))
        observer.send("smartcar/car/display/no\u202esuch/set", "x")
        observer.wait("smartcar/car/display/result", lambda seen: b"no such" in seen.payload or b"such" in seen.payload)
        observer.flush()
        for seen in observer.seen():
            if seen.topic.startswith("smartcar/car/display/") and not seen.topic.endswith("/set"):
                assert_clean(seen)
    finally:
        bridge.stop()
    for log in (bridge.output.tail(10_000), (tmp_path / "logs/display.log").read_text()):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", log)
        assert "\n31m" not in log


def assert_clean(seen: Seen) -> None:
    """No text of a message holds a hidden character."""
    waiting: list[Any] = [seen.json] if seen.payload[:1] in b"{[" else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", value), (seen.topic, value)


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_password_of_a_cameras_address_is_shown_nowhere(
    broker: Mosquitto, observer: Observer, tmp_path: Path, password: str
) -> None:
    device = f"rtsp://user:{password}@127.0.0.1:9/live?token={password}"
    settings = {"VISION__CAMERA": "v4l2", "VISION__DEVICE": device, "VISION__START_MODE": "on_no_stream"}
    bridge = start("vision", broker, tmp_path, **settings, LOGGING__LEVEL="DEBUG")
    try:
        online(observer, "vision")
        observer.wait("smartcar/car/vision/state", lambda seen: b"cannot be reached" in seen.payload, timeout=30)
        observer.flush()
    finally:
        bridge.stop()
    everything = [seen.payload.decode(errors="replace") for seen in observer.seen()]
    everything += [json.dumps(seen.json, ensure_ascii=False) for seen in observer.seen() if seen.payload[:1] == b"{"]
    everything += [bridge.output.tail(10_000), *(path.read_text() for path in (tmp_path / "logs").iterdir())]
    state = observer.seen("smartcar/car/vision/state")[-1].json
    assert state["attributes"]["link"]["device"] in {"rtsp://***@127.0.0.1:9/live?***", "rtsp://***"}
    for text in everything:
        assert password not in text
        assert password.encode().decode("latin-1") not in text


@pytest.mark.parametrize("password", PASSWORDS)
def test_config_check_shows_no_secret(tmp_path: Path, password: str) -> None:
    file = tmp_path / "car.yaml"
    file.write_text(
        f"vision: {{device: {json.dumps(f'rtsp://user:{password}@host/live')}}}\n"
        f"motion: {{device: {json.dumps(f'rfc2217://user:{password}@host:1')}}}\n"
    )
    environment = {**car_environment({}), "MQTT_PASSWORD": password, "HOME": str(tmp_path)}
    done = subprocess.run(
        [SMARTCAR, "config", "check", "--show", "--config", str(file)],
        capture_output=True, text=True, env=environment, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "device: rtsp://***@host/live" in done.stdout
    assert "device: rfc2217://***@host:1" in done.stdout
    assert password not in done.stdout + done.stderr


def test_a_wrong_value_is_told_without_the_secret_in_it(tmp_path: Path) -> None:
    file = tmp_path / "car.yaml"
    file.write_text("car: {id: 'mqtt://user:secret@host'}\n")
    done = subprocess.run(
        [SMARTCAR, "config", "check", "--config", str(file)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "car.id: 'mqtt://***@host' is not allowed" in done.stderr
    assert "secret" not in done.stderr


def test_lines_of_dotenv_that_say_nothing_are_told_and_fail_the_check(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\ufeffMQTT_USERNAME=me\nhunter2\nMQTT_PASSWORD='p # x'\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)
    began = time.monotonic()
    done = subprocess.run(
        [SMARTCAR, "config", "check", "--show"], capture_output=True, text=True, env=car_environment({}), check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert time.monotonic() - began < 60
    assert done.returncode == 1
    assert f"{tmp_path}/.env: line 2: is left out: it is not NAME=value" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "username: me" in done.stdout
    assert "password: (set)" in done.stdout
