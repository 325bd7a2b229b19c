"""The motion bridge as a whole: entities, state, events, results, scan and speed, on broker, serial line and twin."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable

import pytest

from bridges.motion.bridge import Motion
from bridges.motion.chassis import NO_SPEED
from smartcar_mqtt.entities import CommandEntity
from smartcar_mqtt.simulator.world.wiring import CROSSED, DOCUMENTED, Wiring
from tests.motion.rig import BASE, FULL, HALT, WORDS, Rig, as_json
from tests.support.watched_world import ROOM

MakeRig = Callable[..., Rig]
COMMANDS = [key for key, entity in Motion.entities.items() if isinstance(entity, CommandEntity)]
DISCOVERY = "homeassistant/device/smartcar_car_motion/config"
STATE_HZ = 2.0


def component(rig: Rig, key: str) -> dict[str, object]:
    """What Home Assistant is told of an entity."""
    payload = rig.client.wait_topic(DISCOVERY).json()
    components = payload.get("cmps") or payload["components"]
    found: dict[str, object] = next(
        each for name, each in components.items() if name == key or name.endswith(f"_{key}") or key in name.split(".")
    )
    return found


class TestState:
    def test_it_is_one_retained_object_with_what_others_follow(self, rig: Rig) -> None:
        state = rig.state
        assert {key: state[key] for key in ("motion", "obstacle", "warning_zone", "emergency_stop", "link")} == {
            "motion": "stopped",
            "obstacle": False,
            "warning_zone": False,
            "emergency_stop": False,
            "link": True,
        }
        assert (state["control"], state["servo_angle"], state["gas_alarm"], state["bad_lines"]) == (
            "nobody",
            90,
            False,
            0,
        )
        with_new_eyes = rig.look_again(f"{BASE}/state")
        assert with_new_eyes.retained
        assert with_new_eyes.json()["motion"] == "stopped"
        assert rig.look_again(f"{BASE}/availability").payload == b"online"

    def test_numbers_come_at_most_state_hz_a_second(self, make_rig: MakeRig) -> None:
        rig = make_rig(settings={"MQTT__STATE_HZ": STATE_HZ})
        rig.obeyed("left", 5)  # every frame has other distances
        rig.wait_frames(5)
        since = rig.client.count
        frames = rig.wait_frames(20, since=since)
        window = frames[-1].time - frames[0].time
        states = [
            each
            for each in rig.client.messages(f"{BASE}/state", since=since)
            if frames[0].time <= each.time <= frames[-1].time
        ]
        assert len({frame.json()["left"] for frame in frames}) > 10, "there was something to tell"
        assert window * STATE_HZ - 2 <= len(states) <= window * STATE_HZ + 1

    def test_safety_values_come_at_once(self, make_rig: MakeRig) -> None:
        rig = make_rig(settings={"MQTT__STATE_HZ": 0.05}, start=False)  # regular messages only every 20 s
        rig.start_bridge(ready=False)
        rig.wait_state(link=True)
        since = rig.client.count
        rig.block_way(15)
        state = rig.wait_state(since=since, warning_zone=True, timeout=2)
        assert state["obstacle"] is False
        rig.block_way(5)
        rig.wait_state(since=since, obstacle=True, timeout=2)
        since = rig.client.count
        rig.clear_way()
        rig.wait_state(since=since, obstacle=False, warning_zone=False, timeout=2)
        rig.obeyed("left", 0.3)
        rig.wait_state(since=since, motion="left", timeout=2)
        rig.wait_state(since=rig.client.count, motion="stopped", timeout=2)
        rig.twin.silence()
        rig.wait_state(since=since, link=False, timeout=3)

    def test_every_frame_is_told_as_telemetry(self, rig: Rig) -> None:
        frames = [each.json() for each in rig.wait_frames(5)]
        assert set(frames[0]) == {
            "left",
            "center",
            "right",
            "gas",
            "servo",
            "left_motor",
            "right_motor",
            "obstacle",
            "warning",
            "time",
        }
        times = [frame["time"] for frame in frames]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert sorted(gaps)[2] < 0.2, "every one, not only now and then"
        assert frames[0]["center"] == pytest.approx(189, abs=2)
        assert not rig.client.newest(f"{BASE}/telemetry").retained  # type: ignore[union-attr]

    def test_events_are_told_once_and_not_retained(self, rig: Rig) -> None:
        since = rig.client.count
        rig.block_way(15)
        event = rig.wait_collision("warning_zone", since=since)
        assert next(iter(event.json())) == "event_type"
        assert 13 <= event.json()["nearest_cm"] <= 15
        rig.block_way(5)
        rig.wait_collision("emergency_stop", since=since)
        rig.clear_way()
        rig.wait_collision("clear", since=since)
        kinds = [each.json()["event_type"] for each in rig.client.messages(f"{BASE}/collision", since=since)]
        assert kinds == ["warning_zone", "emergency_stop", "clear"]
        assert rig.is_forgotten(f"{BASE}/collision")

    def test_gas_raises_an_alarm_and_clears_it_lower(self, rig: Rig) -> None:
        since = rig.client.count
        rig.change(lambda world: world.set_gas_raw(4000))
        rig.settle(gas_alarm=True)
        rig.change(lambda world: world.set_gas_raw(0))
        rig.settle(gas_alarm=False)
        kinds = [each.json()["event_type"] for each in rig.client.messages(f"{BASE}/gas_warning", since=since)]
        assert kinds == ["alarm", "clear"]


class TestDamagedLines:
    @pytest.mark.parametrize(
        "noise",
        [
            b"\x00\xff\x80" * 20 + b"\r\n",
            b"DATA:S1:5\r\n",
            b"DATA:S1:5,S2:5,S3:5\r\n",
            b"x" * 1000 + b"\r\n",
            b"ERROR:what\r\n",
        ],
    )
    def test_they_are_counted_and_change_nothing_else(self, rig: Rig, noise: bytes) -> None:
        before = rig.state["bad_lines"]
        rig.obeyed("left", 1)
        mark, since = rig.mark, rig.client.count
        rig.twin.raw(noise)
        rig.wait_state(since=since, bad_lines=before + 1)
        states = [each.json() for each in rig.client.messages(f"{BASE}/state", since=since)]
        assert {(each["motion"], each["obstacle"], each["warning_zone"], each["link"]) for each in states} == {
            ("left", False, False, True)
        }
        assert rig.lines(mark) == []

    def test_a_line_cut_on_the_way_is_not_a_shorter_one(self, rig: Rig) -> None:
        before = rig.state["bad_lines"]
        since = rig.client.count
        rig.twin.cut_next_line(11, keep_end=False)  # DATA:S1:105 becomes part of the line after it
        rig.twin.cut_next_line(75)
        rig.wait_state(since=since, bad_lines=before + 1)
        told = {frame.json()["center"] for frame in rig.wait_frames(4, since=since)}
        assert all(each == pytest.approx(189, abs=2) for each in told)


class TestResults:
    def test_every_command_is_answered_with_its_sender_and_mark(self, rig: Rig) -> None:
        since = rig.client.count
        rig.client.publish(f"{BASE}/drive/set", as_json(direction="left", duration=0.1, source="remote", id="a7"))
        result = rig.wait_result(since=since, id="a7")
        assert result == {
            "command": "drive",
            "status": "done",
            "reason": "",
            "source": "remote",
            "id": "a7",
            "value": "left",
        }
        rig.client.publish(f"{BASE}/left/set", '{"id": 5}')
        assert rig.wait_result(since=since, id=5)["command"] == "left"
        rig.client.publish(f"{BASE}/servo_angle/set", "400")
        result = rig.wait_result(since=since, command="servo_angle")
        assert (result["status"], result["source"]) == ("refused", "mqtt")
        assert "0 to 180" in result["reason"]
        assert rig.is_forgotten(f"{BASE}/result")

    def test_the_answer_comes_on_the_response_topic_with_its_correlation_data_too(self, rig: Rig) -> None:
        since = rig.client.count
        answer = rig.ask("drive", as_json(direction="left", duration=0.1, id=3))
        assert answer == rig.wait_result(since=since, id=3)

    def test_what_was_not_done_is_shown_to_home_assistant(self, rig: Rig) -> None:
        since = rig.client.count
        rig.ask("drive", "sideways")
        state = rig.client.wait(
            lambda each: each.topic == f"{BASE}/state" and "sideways" in each.json()["last_refused"], since=since
        ).json()
        assert state["attributes"]["last_refused"]["command"] == "drive"
        event = rig.client.wait_topic(f"{BASE}/command_refused", since=since).json()
        assert event["event_type"] == "refused"

    def test_what_the_board_does_not_confirm_expires(self, own_rig: Rig) -> None:
        own_rig.twin.deaf()
        answer = own_rig.drive("left", 5)
        assert (answer["status"], answer["reason"]) == ("expired", f"the ESP32 did not confirm {WORDS['left']} in time")
        own_rig.settle(motion="left", control="nobody", stop_unconfirmed=True)
        own_rig.wait_line("STOP", since=own_rig.wait_line(WORDS["left"]).number)

    def test_an_unknown_command_is_refused(self, rig: Rig) -> None:
        for entity in ("fly", "distance_center", "state"):
            answer = rig.ask(entity, "1")
            assert (answer["status"], answer["reason"]) == ("refused", f"there is no command '{entity}'")

    @pytest.mark.parametrize("entity", ["drive", "forward", "left", "scan"])
    def test_an_empty_payload_moves_nothing(self, rig: Rig, entity: str) -> None:
        mark = rig.mark
        assert rig.ask(entity, "")["status"] == "refused"
        assert rig.lines(mark) == []

    def test_mqtt_3_1_1_works_too(self, make_rig: MakeRig) -> None:
        rig = make_rig(settings={"MQTT__PROTOCOL": "3.1.1"})
        rig.client.publish(f"{BASE}/drive/set", as_json(direction="left", duration=0.2, id=1))
        assert rig.wait_result(id=1)["status"] == "done"
        rig.wait_line("STOP", since=rig.wait_line(WORDS["left"]).number)
        rig.client.publish(f"{BASE}/drive/set", "nonsense")
        assert rig.wait_result(command="drive", status="refused")["reason"]

    def test_random_payloads_for_every_command_never_move_the_car(self, rig: Rig) -> None:
        chance = random.Random(7)
        mark, since = rig.mark, rig.client.count
        for number in range(300):
            rig.client.post(f"{BASE}/{COMMANDS[number % len(COMMANDS)]}/set", nonsense(chance))
        results = rig.client.wait_many(
            lambda each: each.topic == f"{BASE}/result", 300, since=since, timeout=20, what="results"
        )
        done = [each.json() for each in results if each.json()["status"] == "done"]
        assert {each["command"] for each in done} <= {"stop"}, "a stop is obeyed whatever comes with it"
        rig.wait_frames(3)
        assert rig.motions(mark) == []
        assert rig.settle(motion="stopped", link=True)
        assert rig.bridge.running


def nonsense(chance: random.Random) -> bytes:
    """A payload that is no command, some of them only just not."""
    word = chance.choice(["forward", "backward", "left", "right", "PRESS", "ON"])
    payloads = [
        b"\xff" + chance.randbytes(chance.randrange(40)),
        f"{word}\0".encode(),
        f"{word} {word}".encode(),
        f"[{json.dumps(word)}]".encode(),
        json.dumps({"direction": word + "s", "value": word + "s"}).encode(),
        json.dumps({"direction": word, "value": None, "speed": 1e300, "x": word}).encode(),
        json.dumps({"direction": word, "value": word, "source": [word]}).encode(),
        json.dumps({"direction": word, "value": word})[:-1].encode(),
        b'{"value": {"a": 1}, "duration": NaN}',
        b'{"value": 1%b}' % (b"0" * 400),
        b"{" * 5000,
        b"",
    ]
    return chance.choice(payloads)


class TestDriving:
    @pytest.mark.parametrize("direction", ["forward", "backward", "left", "right"])
    def test_the_buttons_drive_for_the_drive_duration(self, rig: Rig, direction: str) -> None:
        assert rig.ask("drive_duration", "0.3")["status"] == "done"
        mark = rig.mark
        assert rig.ask(direction)["status"] == "done"
        begin = rig.wait_line(WORDS[direction], since=mark)
        assert 0.29 <= rig.wait_line("STOP", since=mark).time - begin.time <= 0.7
        assert rig.settle(drive_duration=0.3)

    def test_a_drive_duration_over_the_longest_lease_is_refused(self, make_rig: MakeRig) -> None:
        rig = make_rig(settings={"MOTION__MAX_LEASE": 2})
        assert "max_lease" in rig.ask("drive_duration", "3")["reason"]
        assert rig.state["drive_duration"] == 1.0

    def test_forward_goes_forward_and_left_turns_left(self, rig: Rig) -> None:
        rig.obeyed("forward", 0.5)
        rig.settle(motion="stopped")
        rig.world.let_pass(0.5)
        x, y, heading = rig.world.pose
        assert abs(x) < 0.01
        assert 0.1 < y < 0.4
        assert heading == pytest.approx(0)
        rig.obeyed("left", 0.3)
        rig.world.let_pass(0.8)
        assert 250 < rig.world.pose.heading_deg < 350

    @pytest.mark.parametrize(
        ("wiring", "settings", "word"),
        [
            (DOCUMENTED, {}, "RIGHT"),
            (CROSSED, {"MOTION__SWAP_LEFT_RIGHT": "false"}, "LEFT"),
        ],
        ids=["as documented, default setting", "sides exchanged, other setting"],
    )
    def test_left_is_left_and_right_is_right(
        self, make_rig: MakeRig, wiring: Wiring, settings: dict[str, object], word: str
    ) -> None:
        rig = make_rig(wiring=wiring, settings=settings)
        rig.obeyed("left", 0.3)
        assert rig.motions() == [word]
        rig.settle(motion="stopped")
        rig.world.let_pass(0.5)
        assert 250 < rig.world.pose.heading_deg < 350, "counter-clockwise, seen from above"
        before = rig.world.pose.heading_deg
        rig.obeyed("right", 0.3)
        rig.settle(motion="stopped")
        rig.world.let_pass(0.5)
        assert 10 < (rig.world.pose.heading_deg - before) % 360 < 180, "clockwise"

    def test_where_left_turns_right_the_other_setting_is_the_right_one(self, make_rig: MakeRig) -> None:
        rig = make_rig(wiring=CROSSED)
        rig.obeyed("left", 0.3)
        rig.settle(motion="stopped")
        rig.world.let_pass(0.5)
        assert 10 < rig.world.pose.heading_deg < 110

    def test_servo_status_reset_and_clear_block_reach_the_board(self, rig: Rig) -> None:
        mark = rig.mark
        assert rig.ask("servo_angle", "45")["status"] == "done"
        assert rig.settle(servo_angle=45)
        assert rig.ask("status")["status"] == "done"
        assert rig.ask("clear_block")["status"] == "done"
        rig.obeyed("left", 5)
        assert rig.ask("reset")["status"] == "done"
        rig.world.wait_wheels(HALT)
        rig.settle(servo_angle=90, motion="stopped")
        assert rig.lines(mark) == ["SERVO:45", "STATUS", "CLEARBLOCK", WORDS["left"], "STOP", "RESET"]


class TestSpeed:
    def test_the_seeds_firmware_has_none_and_the_entity_says_why(self, rig: Rig) -> None:
        state = rig.state
        assert state["speed_control"] is False
        assert state["attributes"]["speed_control"]["reason"] == NO_SPEED
        conditions = json.dumps(component(rig, "speed"))
        assert "value_json.speed_control" in conditions, "Home Assistant shows it as unavailable"
        assert "value_json.speed_control" not in json.dumps(component(rig, "servo_angle"))
        answer = rig.ask("speed", "40")
        assert (answer["status"], answer["reason"]) == ("blocked", NO_SPEED)
        answer = rig.drive("left", 0.2, speed=40)
        assert answer["status"] == "done"
        assert "speed is ignored" in answer["reason"]
        assert rig.world.wheels == (-255, 255)

    def test_a_newer_firmware_is_told_before_the_move(self, make_rig: MakeRig) -> None:
        rig = make_rig(speed_control=True)
        assert rig.state["speed_control"] is True
        mark = rig.mark
        answer = rig.drive("forward", 0.5, speed=60)
        assert (answer["status"], answer["reason"]) == ("done", "")
        assert rig.lines(mark)[:2] == ["SPEED:60", "FORWARD"]
        assert rig.world.wheels == (153, 153)
        rig.settle(motion="stopped")
        assert rig.ask("speed", "40")["status"] == "done"
        assert rig.settle(speed=40)
        rig.obeyed("backward", 0.2)
        assert rig.world.wheels == (-102, -102)

    def test_a_newer_firmware_that_restarts_is_told_again(self, make_rig: MakeRig) -> None:
        rig = make_rig(speed_control=True)
        rig.ask("speed", "40")
        mark, since = rig.mark, rig.client.count
        rig.twin.reboot()
        rig.wait_line("SPEED:40", since=mark)
        rig.wait_state(since=since, speed_control=True, link=True)
        rig.obeyed("left", 0.2)
        assert rig.world.wheels == (-102, 102)


def test_the_room_is_as_the_tests_take_it(rig: Rig) -> None:
    assert rig.world.room == ROOM
    assert math.isclose(rig.world.pose.heading_deg % 360, 0, abs_tol=0.1)
    assert FULL == (255, 255)
