"""The whole car in a real Home Assistant: what a user sees there, presses there, and finds again after restarts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from smartcar_mqtt.simulator.world.world import World
from tests.e2e.car import Car
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.registry import State
from tests.e2e.websocket import HomeAssistantError
from tests.motion.rig import WORDS
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.homeassistant

# key: platform, device class, unit, category (None where there is none); written by hand, as the user wants it
EXPECTED = {
    "last_refused": ("sensor", None, None, "diagnostic"),
    "command_refused": ("event", None, None, None),
    "log_level": ("select", None, None, "config"),
    "distance_left": ("sensor", "distance", "cm", None),
    "distance_center": ("sensor", "distance", "cm", None),
    "distance_right": ("sensor", "distance", "cm", None),
    "distance_smallest": ("sensor", "distance", "cm", None),
    "gas": ("sensor", None, None, None),
    "motion": ("sensor", "enum", None, None),
    "control": ("sensor", "enum", None, None),
    "best_heading": ("sensor", None, "°", None),
    "obstacle": ("binary_sensor", "problem", None, None),
    "warning_zone": ("binary_sensor", "problem", None, None),
    "sensors_blind": ("binary_sensor", "problem", None, None),
    "gas_alarm": ("binary_sensor", "gas", None, None),
    "link": ("binary_sensor", "connectivity", None, "diagnostic"),
    "stop_unconfirmed": ("binary_sensor", "problem", None, None),
    "keeper": ("binary_sensor", "running", None, "diagnostic"),
    "speed_control": ("binary_sensor", None, None, "diagnostic"),
    "collision": ("event", None, None, None),
    "gas_warning": ("event", None, None, None),
    "frames_per_second": ("sensor", "frequency", None, "diagnostic"),
    "bad_lines": ("sensor", None, None, "diagnostic"),
    "reconnects": ("sensor", None, None, "diagnostic"),
    "firmware": ("sensor", None, None, "diagnostic"),
    "radar": ("image", None, None, None),
    "forward": ("button", None, None, None),
    "backward": ("button", None, None, None),
    "left": ("button", None, None, None),
    "right": ("button", None, None, None),
    "stop": ("button", None, None, None),
    "emergency_stop": ("switch", None, None, None),
    "scan": ("button", None, None, None),
    "reset": ("button", None, None, "config"),
    "clear_block": ("button", None, None, "config"),
    "status": ("button", None, None, "diagnostic"),
    "speed": ("number", None, "%", None),
    "drive_duration": ("number", "duration", "s", None),
    "servo_angle": ("number", None, "°", None),
}
DISABLED = {"frames_per_second", "bad_lines", "reconnects"}
UNAVAILABLE = {"speed"}
"""The seed's firmware has no speed control."""


@pytest.fixture(scope="module")
def car(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Car]:
    with Car(home_assistant_broker, tmp_path_factory.mktemp("car"), car_id="e2e", name="Robo") as car:
        home_assistant.wait_state("binary_sensor.robo_esp32_link", "on", timeout=20)
        home_assistant.wait_mqtt_settled()
        yield car


def drive_to_the_stove(world: World) -> None:
    """To where the room's gas comes from."""
    world.set_pose(3.6, 2.7, 180.0)


def is_available(state: State) -> bool:
    return state.state != "unavailable"


def test_every_entity_is_there_as_the_user_wants_it(home_assistant: HomeAssistant, car: Car) -> None:
    mark = home_assistant.log_mark()
    rows = [row for row in home_assistant.entity_registry() if row.unique_id.startswith("e2e_motion_")]
    found = {row.unique_id.removeprefix("e2e_motion_"): row for row in rows}
    assert found.keys() == EXPECTED.keys()
    for key, (platform, device_class, unit, category) in EXPECTED.items():
        row = found[key]
        assert (row.domain, row.device_class, row.unit, row.entity_category) == (
            platform,
            device_class,
            unit,
            category,
        ), key
        assert row.device == "Robo"
        assert row.disabled_by == ("integration" if key in DISABLED else None), key
        if key not in DISABLED:
            assert (row.state == "unavailable") == (key in UNAVAILABLE), key
    home_assistant.assert_no_warnings(mark)


def test_nothing_of_the_car_makes_home_assistant_warn(home_assistant: HomeAssistant, car: Car) -> None:
    home_assistant.assert_no_warnings()


@pytest.mark.parametrize("button", ["forward", "backward", "left", "right"])
def test_a_drive_button_moves_the_car(home_assistant: HomeAssistant, car: Car, button: str) -> None:
    home_assistant.call_service("number", "set_value", {"entity_id": "number.robo_drive_duration", "value": 0.3})
    home_assistant.wait_state("number.robo_drive_duration", "0.3")
    car.twin.change(lambda world: world.reset())
    before = car.twin.look(lambda world, _: world.pose)
    seen = car.twin.received_count
    with home_assistant.watch("sensor.robo_motion") as motion:
        home_assistant.call_service("button", "press", {"entity_id": f"button.robo_{button}"})
        motion.wait(button)
        motion.wait("stopped")
    car.twin.wait_for("STOP", since=seen)
    assert [line.line for line in car.twin.received_since(seen)][:2] == [WORDS[button], "STOP"]
    after = car.twin.look(lambda world, _: world.pose)
    ahead_m = after.y_m - before.y_m
    turned_deg = (after.heading_deg - before.heading_deg + 180) % 360 - 180
    moved = {"forward": ahead_m > 0.03, "backward": ahead_m < -0.03, "left": turned_deg < -20, "right": turned_deg > 20}
    assert moved[button]


def test_the_emergency_stop_switch_latches_and_says_why(home_assistant: HomeAssistant, car: Car) -> None:
    car.twin.change(lambda world: world.reset())
    switch = {"entity_id": "switch.robo_emergency_stop"}
    home_assistant.call_service("switch", "turn_on", switch)
    home_assistant.wait_state(switch["entity_id"], "on")
    home_assistant.wait_state("sensor.robo_who_holds_control", "emergency_stop")
    with home_assistant.watch("event.robo_command_refused") as refused:
        home_assistant.call_service("button", "press", {"entity_id": "button.robo_forward"})
        refused.wait(lambda state: state.attributes.get("event_type") == "blocked")
    state = home_assistant.wait_state("sensor.robo_last_refused_command", lambda state: "emergency stop" in state.state)
    assert state.attributes["command"] == "forward"
    assert car.twin.motors == (0, 0)
    home_assistant.call_service("switch", "turn_off", switch)
    home_assistant.wait_state(switch["entity_id"], "off")


def test_a_scan_gives_heading_and_picture(home_assistant: HomeAssistant, car: Car) -> None:
    car.twin.change(lambda world: world.reset())
    with home_assistant.watch("image.robo_radar") as radar:
        home_assistant.call_service("button", "press", {"entity_id": "button.robo_scan"})
        before = home_assistant.wait_state("sensor.robo_motion", "scanning")
        assert before.attributes["options"][-1] == "scanning"
        radar.wait(lambda state: state.state != "unknown", timeout=20)
    heading = home_assistant.wait_state("sensor.robo_best_heading", lambda state: state.state.isdigit())
    assert len(heading.attributes["readings"]) == 8
    content_type, encoded = home_assistant.image("image.robo_radar")
    assert content_type == "image/png"
    assert Image.open(io.BytesIO(encoded)).size == (480, 480)


def test_the_servo_turns(home_assistant: HomeAssistant, car: Car) -> None:
    home_assistant.call_service("number", "set_value", {"entity_id": "number.robo_servo_angle", "value": 45})
    home_assistant.wait_state("number.robo_servo_angle", "45")
    assert car.twin.look(lambda _, firmware: firmware.servo_deg) == 45


def test_home_assistant_refuses_a_duration_out_of_range(home_assistant: HomeAssistant, car: Car) -> None:
    with pytest.raises(HomeAssistantError, match="range"):
        home_assistant.call_service("number", "set_value", {"entity_id": "number.robo_drive_duration", "value": 99})


def test_gas_is_told(home_assistant: HomeAssistant, car: Car) -> None:
    car.twin.change(drive_to_the_stove)
    home_assistant.wait_state("binary_sensor.robo_gas_alarm", "on")
    car.twin.change(lambda world: world.reset())
    home_assistant.wait_state("binary_sensor.robo_gas_alarm", "off")


def test_device_triggers_are_listed_and_start_automations(home_assistant: HomeAssistant, car: Car) -> None:
    triggers = {
        (trigger["type"], trigger["subtype"])
        for trigger in home_assistant.device_triggers(car.identifier)
        if trigger["domain"] == "mqtt"
    }
    assert triggers == {
        *(("collision", kind) for kind in ("clear", "warning_zone", "emergency_stop")),
        *(("gas_warning", kind) for kind in ("alarm", "clear")),
        *(("command_refused", kind) for kind in ("refused", "blocked", "expired")),
    }
    chosen = next(
        trigger
        for trigger in home_assistant.device_triggers(car.identifier)
        if trigger["domain"] == "mqtt" and (trigger["type"], trigger["subtype"]) == ("gas_warning", "alarm")
    )
    home_assistant.add_automation(
        "gas_in_the_car", {"alias": "Gas in the car", "triggers": [chosen], "actions": [{"event": "car_smells_gas"}]}
    )
    with home_assistant.events("car_smells_gas") as smelled:
        car.twin.change(drive_to_the_stove)
        smelled.wait()
    car.twin.change(lambda world: world.reset())
    home_assistant.remove_automation("gas_in_the_car")


def test_an_unplugged_esp32_makes_its_entities_unavailable_and_comes_back(
    home_assistant: HomeAssistant, tmp_path: Path, home_assistant_broker: Mosquitto
) -> None:
    link = tmp_path / "esp32"
    with Car(home_assistant_broker, tmp_path, car_id="plug", name="Plug") as car:
        car.stop_bridge()
        link.symlink_to(car.twin.device)
        car.start_bridge(SMARTCAR__MOTION__DEVICE=str(link))
        home_assistant.wait_state("sensor.plug_distance_center", lambda state: state.state.isdigit(), timeout=20)
        car.twin.unplug()
        home_assistant.wait_state("binary_sensor.plug_esp32_link", "off")
        home_assistant.wait_state("button.plug_forward", "unavailable")
        assert home_assistant.wait_state("button.plug_stop").state != "unavailable"
        car.twin.replug()
        link.unlink()
        link.symlink_to(car.twin.device)
        home_assistant.wait_state("binary_sensor.plug_esp32_link", "on", timeout=20)
        home_assistant.wait_state("sensor.plug_distance_center", lambda state: state.state.isdigit())


def test_everything_is_back_after_a_restart_of_the_bridge(home_assistant: HomeAssistant, car: Car) -> None:
    assert car.stop_bridge() == 0
    home_assistant.wait_state("button.robo_stop", "unavailable")
    car.start_bridge()
    home_assistant.wait_state("button.robo_stop", is_available)
    home_assistant.wait_state("sensor.robo_distance_center", lambda state: state.state.isdigit())


def test_everything_is_back_after_a_restart_of_the_broker(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto, car: Car
) -> None:
    home_assistant_broker.restart()  # without persistence: nothing is retained any more
    home_assistant.wait_state("button.robo_stop", is_available, timeout=60)
    home_assistant.wait_state("sensor.robo_distance_center", lambda state: state.state.isdigit(), timeout=60)
    seen = car.twin.received_count
    home_assistant.wait_mqtt_settled()
    home_assistant.call_service("button", "press", {"entity_id": "button.robo_stop"})
    car.twin.wait_for("STOP", since=seen)


def test_everything_is_back_after_a_restart_of_home_assistant(home_assistant: HomeAssistant, car: Car) -> None:
    mark = home_assistant.log_mark()
    home_assistant.restart()
    home_assistant.wait_state("sensor.robo_distance_center", lambda state: state.state.isdigit(), timeout=30)
    home_assistant.wait_state("switch.robo_emergency_stop", "off")
    home_assistant.wait_mqtt_settled()
    home_assistant.assert_no_warnings(mark)
    seen = car.twin.received_count
    home_assistant.call_service("button", "press", {"entity_id": "button.robo_stop"})
    car.twin.wait_for("STOP", since=seen)
