"""The safety rules of the motion bridge, one test for each rule and each loss, from the MQTT message to the wheels.

Real broker, real bridge process, real serial code; the board at the other end is the twin. A rule's pure form is in
test_safety.py, its form on a hand-moved clock in test_chassis.py; rule 3, the losses, is in test_losses.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.motion.rig import BASE, FULL, HALT, WORDS, Rig, as_json
from tests.support.watched_world import NARROW_SIGHT, OPEN_FIELD

MakeRig = Callable[..., Rig]
SLACK_S = 0.35
"""How much later than its moment something may come on a busy machine."""
SPIN = (-255, 255)


def seconds_between(rig: Rig, first: str, then: str, *, since: int) -> float:
    """Time from one line to another after it."""
    begin = rig.wait_line(first, since=since)
    return rig.wait_line(then, since=begin.number).time - begin.time


class TestRule1MotionIsALease:
    def test_a_drive_ends_with_stop_at_its_deadline(self, rig: Rig) -> None:
        mark = rig.mark
        rig.obeyed("forward", 0.6)
        assert rig.world.wheels == FULL
        assert 0.6 <= seconds_between(rig, "FORWARD", "STOP", since=mark) + 0.01 <= 0.6 + SLACK_S
        rig.world.wait_wheels(HALT)
        rig.settle(motion="stopped", control="nobody")

    def test_a_drive_without_a_duration_lasts_one_second(self, rig: Rig) -> None:
        mark = rig.mark
        assert rig.ask("drive", "left")["status"] == "done"
        assert 1.0 <= seconds_between(rig, WORDS["left"], "STOP", since=mark) + 0.01 <= 1.0 + SLACK_S

    def test_a_newer_command_renews_the_lease(self, rig: Rig) -> None:
        mark = rig.mark
        for _ in range(4):
            rig.obeyed("left", 0.5)
            rig.world.let_pass(0.2)
        assert rig.lines(mark) == [WORDS["left"]] * 4
        stop = rig.wait_line("STOP", since=mark)
        last = rig.twin.received_since(mark)[3]
        # The time counts from the command, and its line may have had to wait for its turn.
        assert 0.5 <= stop.time - last.time + 0.05 <= 0.5 + SLACK_S

    def test_a_newer_command_replaces_the_older_one(self, rig: Rig) -> None:
        mark = rig.mark
        rig.obeyed("left", 5)
        rig.obeyed("backward", 0.3)
        assert rig.world.wheels == (-255, -255)
        rig.wait_line("STOP", since=mark)
        assert rig.lines(mark) == [WORDS["left"], "BACKWARD", "STOP"]

    @pytest.mark.parametrize("duration", ["5.01", "3600", "0", "-1", "NaN", "Infinity", "true", '"1"', "1" + "0" * 400])
    def test_a_duration_out_of_range_is_refused_and_nothing_is_written(self, rig: Rig, duration: str) -> None:
        mark = rig.mark
        answer = rig.ask("drive", '{"direction": "forward", "duration": %s}' % duration)
        assert answer["status"] == "refused"
        assert answer["reason"]
        rig.wait_frames(2)
        assert rig.lines(mark) == []


class TestRule2StopIsAlwaysPossibleAndFirst:
    @pytest.mark.parametrize(
        "payload",
        ["stop", " STOP ", '{"direction": "stop", "duration": "x", "nonsense": [1], "source": 5}'],
    )
    def test_a_stop_with_whatever_else_stops_the_car(self, rig: Rig, payload: str) -> None:
        rig.obeyed("left", 5)
        mark = rig.mark
        assert rig.ask("drive", payload)["status"] == "done"
        assert rig.lines(mark) == ["STOP"]
        rig.world.wait_wheels(HALT)

    @pytest.mark.parametrize(("entity", "payload"), [("drive", "stop"), ("stop", "PRESS"), ("emergency_stop", "ON")])
    def test_a_retained_stop_stops_the_car(self, own_rig: Rig, entity: str, payload: str) -> None:
        own_rig.obeyed("left", 5)
        mark = own_rig.mark
        assert own_rig.ask(entity, payload, retain=True)["status"] == "done"
        own_rig.wait_line("STOP", since=mark)
        own_rig.world.wait_wheels(HALT)

    @pytest.mark.parametrize(
        ("entity", "payload"),
        [
            ("stop", "now!"),
            ("stop", '{"source": 5}'),
            ("emergency_stop", '{"value": "ON", "source": 5, "why": "fire"}'),
        ],
    )
    def test_a_damaged_stop_stops_the_car(self, own_rig: Rig, entity: str, payload: str) -> None:
        own_rig.obeyed("left", 5)
        mark = own_rig.mark
        assert own_rig.ask(entity, payload)["status"] == "done"
        own_rig.wait_line("STOP", since=mark)
        own_rig.world.wait_wheels(HALT)

    def test_a_scan_is_stopped_within_one_step(self, rig: Rig) -> None:
        mark = rig.mark
        scan = rig.ask_later("scan")
        rig.wait_line(WORDS["right"], since=rig.wait_line(WORDS["right"], since=mark).number + 1)  # its second turn
        rig.world.wait_until(lambda world: world.wheels != HALT)
        mark = rig.mark
        assert rig.ask("stop")["status"] == "done"
        rig.world.wait_wheels(HALT)
        answer = rig.client.answer(scan)
        assert answer["status"] == "blocked"
        assert "interrupted" in answer["reason"]
        rig.world.let_pass(0.6)
        assert rig.lines(mark) == ["STOP"]
        rig.settle(motion="stopped")

    def test_with_the_link_down_a_stop_says_blocked(self, own_rig: Rig) -> None:
        own_rig.twin.unplug()
        own_rig.settle(link=False)
        answer = own_rig.ask("stop")
        assert answer["status"] == "blocked"
        assert "no serial link" in answer["reason"]

    def test_a_stop_that_the_board_does_not_hear_is_written_until_it_does(self, rig: Rig) -> None:
        rig.obeyed("left", 0.5)
        rig.twin.deaf()
        mark = rig.mark
        first = rig.wait_line("STOP", since=mark)
        rig.wait_line("STOP", since=first.number + 1)
        assert rig.world.wheels == SPIN
        rig.twin.deaf(False)
        rig.world.wait_wheels(HALT)


class TestRule4TheWarningZoneIsAWall:
    def test_forward_is_refused_in_it_and_the_way_out_is_free(self, rig: Rig) -> None:
        rig.block_way(15)
        rig.settle(warning_zone=True, obstacle=False)
        mark = rig.mark
        for answer in (rig.drive("forward", 0.3), rig.ask("forward"), rig.ask("drive", "forward")):
            assert answer["status"] == "blocked"
            assert "warning zone" in answer["reason"]
        assert rig.motions(mark) == []
        for direction in ("left", "right", "backward"):
            rig.obeyed(direction, 0.2)

    def test_a_forward_move_that_enters_it_is_stopped_by_the_pi(self, rig: Rig) -> None:
        rig.block_way(50)
        mark = rig.mark
        rig.obeyed("forward", 5)
        stop = rig.wait_line("STOP", since=mark)
        rig.world.wait_wheels(HALT)
        rig.settle(motion="stopped", warning_zone=True)
        assert stop.time <= rig.world.wheel_changes[-1].time, "it was the Pi's STOP that stopped the wheels"
        rig.world.let_pass(0.5)
        nearest, obstacle = rig.twin.look(lambda _, board: (min(board.distances_cm), board.obstacle))
        assert 10 < nearest <= 20
        assert not obstacle, "the firmware would have gone on down to 10 cm"

    def test_something_that_steps_into_the_way_stops_it(self, rig: Rig) -> None:
        rig.obeyed("forward", 5)
        mark = rig.mark
        rig.block_way(18)
        rig.wait_line("STOP", since=mark, timeout=1)
        rig.world.wait_wheels(HALT)

    def test_0_cm_is_an_obstacle(self, make_rig: MakeRig) -> None:
        rig = make_rig(room=NARROW_SIGHT)
        rig.block_way(0.5)
        state = rig.settle(obstacle=True, warning_zone=True)
        assert state["distance_center"] == 0 or rig.settle(distance_center=0)
        assert not rig.twin.look(lambda _, board: board.obstacle), "which the firmware does not see"
        answer = rig.drive("forward", 0.3)
        assert answer["status"] == "blocked"
        assert "an obstacle ahead" in answer["reason"]

    def test_with_all_sensors_silent_forward_goes_for_half_a_second_at_a_time(self, make_rig: MakeRig) -> None:
        rig = make_rig(room=OPEN_FIELD)
        rig.settle(sensors_blind=True, obstacle=False)
        answer = rig.drive("forward", 1.0)
        assert answer["status"] == "blocked"
        assert "0.5 s at a time" in answer["reason"]
        assert rig.motions() == []
        mark = rig.mark
        answer = rig.ask("drive", "forward")
        assert answer["status"] == "done"
        assert "0.5 s at a time" in answer["reason"]
        assert 0.5 <= seconds_between(rig, "FORWARD", "STOP", since=mark) + 0.01 <= 0.5 + SLACK_S
        assert rig.drive("forward", 0.5)["reason"] == ""
        rig.obeyed("backward", 1.0)

    def test_a_running_forward_that_becomes_blind_is_shortened(self, make_rig: MakeRig) -> None:
        rig = make_rig(room=OPEN_FIELD)
        rig.block_way(300)
        rig.settle(sensors_blind=False)
        rig.obeyed("forward", 5)
        mark = rig.mark
        rig.clear_way()
        passed = rig.world.passed_s
        rig.wait_line("STOP", since=mark)
        assert 0.4 <= rig.world.passed_s - passed <= 0.5 + 0.2 + SLACK_S  # a loop without echoes takes 0.16 s
        assert rig.state["sensors_blind"] is True

    def test_a_clear_alert_stops_nothing(self, rig: Rig) -> None:
        rig.block_way(15)
        rig.settle(warning_zone=True)
        mark, since = rig.mark, rig.client.count
        rig.obeyed("backward", 1.5)
        rig.client.wait(
            lambda each: each.topic == f"{BASE}/collision" and each.json()["event_type"] == "clear", since=since
        )
        rig.wait_frames(3)
        assert rig.lines(mark) == ["BACKWARD"]
        assert rig.world.wheels == (-255, -255)
        assert seconds_between(rig, "BACKWARD", "STOP", since=mark) >= 1.49

    def test_a_refusal_of_the_firmware_is_a_blocked_result_and_a_stop(self, rig: Rig) -> None:
        rig.twin.block()
        mark = rig.mark
        answer = rig.drive("forward", 5)
        rig.twin.block(False)
        assert answer["status"] == "blocked"
        assert "obstacle" in answer["reason"]
        rig.wait_line("STOP", since=mark)
        rig.settle(motion="stopped")


class TestRule5EmergencyStopIsALatch:
    def test_it_stops_and_blocks_until_released_by_hand(self, rig: Rig) -> None:
        rig.obeyed("left", 5)
        mark = rig.mark
        assert rig.ask("emergency_stop", "ON")["status"] == "done"
        assert rig.lines(mark) == ["STOP"]
        rig.world.wait_wheels(HALT)
        rig.settle(emergency_stop=True, control="emergency_stop", motion="stopped")
        mark = rig.mark
        attempts = [rig.drive(direction, 0.2) for direction in ("forward", "backward", "left", "right")]
        attempts += [rig.ask(button) for button in ("forward", "backward", "left", "right", "scan")]
        for answer in attempts:
            assert answer["status"] == "blocked"
            assert "emergency stop" in answer["reason"]
        rig.ask("stop")
        assert rig.motions(mark) == []
        assert rig.drive("left", 0.2, source="remote")["status"] == "blocked", "a stop does not release it"
        assert rig.ask("emergency_stop", "OFF")["status"] == "done"
        rig.settle(emergency_stop=False)
        rig.obeyed("left", 0.2)

    @pytest.mark.parametrize("end", ["stop", "kill"])
    def test_it_is_kept_over_a_restart(self, own_rig: Rig, end: str) -> None:
        own_rig.ask("emergency_stop", "ON")
        getattr(own_rig.bridge, end)()
        own_rig.start_bridge()
        own_rig.settle(emergency_stop=True)
        assert own_rig.drive("left", 0.2)["status"] == "blocked"
        own_rig.ask("emergency_stop", "OFF")
        getattr(own_rig.bridge, end)()
        own_rig.start_bridge()
        own_rig.obeyed("left", 0.2)

    def test_the_assistant_cannot_release_it(self, rig: Rig) -> None:
        assert rig.ask("emergency_stop", as_json(value=True, source="voice"))["status"] == "done"
        for source in ("voice", "llm", "assistant", "orchestrator"):
            answer = rig.ask("emergency_stop", as_json(value=False, source=source))
            assert answer["status"] == "blocked"
            assert "by hand only" in answer["reason"]
        assert rig.state["emergency_stop"] is True
        assert rig.latch_file.read_text() == '{"emergency_stop":true}'

    def test_a_retained_release_is_refused(self, own_rig: Rig) -> None:
        own_rig.ask("emergency_stop", "ON")
        assert own_rig.ask("emergency_stop", "OFF", retain=True)["status"] == "refused"
        assert own_rig.drive("left", 0.2)["status"] == "blocked"

    def test_a_latch_that_cannot_be_read_is_on(self, make_rig: MakeRig) -> None:
        rig = make_rig(start=False)
        rig.latch_file.parent.mkdir()
        rig.latch_file.write_bytes(b'{"emergency_sto')
        rig.start_bridge()
        rig.settle(emergency_stop=True)
        assert rig.drive("left", 0.2)["status"] == "blocked"


HOLD_S = 0.8
SHORT_HOLD = {"MOTION__MANUAL_HOLD": HOLD_S}


class TestRule6WhoMayMove:
    def test_a_person_takes_over_from_the_assistant(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5, source="voice")
        own_rig.settle(control="assistant")
        own_rig.obeyed("right", 1, source="remote")
        assert own_rig.world.wheels == (255, -255)
        state = own_rig.settle(control="manual", motion="right")
        assert state["attributes"]["control"]["source"] == "remote"

    def test_the_assistant_is_blocked_while_and_after_a_person_drives_then_allowed(self, make_rig: MakeRig) -> None:
        rig = make_rig(settings=SHORT_HOLD)
        rig.obeyed("left", 0.3)
        assert "by hand" in rig.drive("forward", 0.2, source="llm")["reason"]
        rig.settle(motion="stopped")
        assert "by hand" in rig.drive("forward", 0.2, source="llm")["reason"]
        assert rig.ask("scan", as_json(source="voice"))["status"] == "blocked"
        rig.world.let_pass(HOLD_S + 0.1)
        rig.obeyed("forward", 0.2, source="llm")

    def test_a_stop_by_hand_keeps_the_assistant_off_too(self, make_rig: MakeRig) -> None:
        rig = make_rig(settings=SHORT_HOLD)
        rig.obeyed("left", 5, source="voice")
        rig.ask("stop")
        assert rig.drive("left", 0.2, source="voice")["status"] == "blocked"
        rig.world.let_pass(HOLD_S + 0.1)
        rig.obeyed("left", 0.2, source="voice")

    def test_the_assistants_stop_is_always_obeyed(self, rig: Rig) -> None:
        rig.obeyed("left", 5, source="remote")
        assert rig.drive("stop", source="llm")["status"] == "done"
        rig.world.wait_wheels(HALT)

    def test_a_refused_command_by_hand_ends_the_assistants_move(self, own_rig: Rig) -> None:
        own_rig.block_way(15)
        own_rig.settle(warning_zone=True)
        own_rig.obeyed("left", 5, source="voice")
        assert own_rig.drive("forward", 1, source="remote")["status"] == "blocked"
        own_rig.world.wait_wheels(HALT)
        own_rig.settle(motion="stopped")

    def test_a_motion_that_nobody_asked_for_is_stopped(self, rig: Rig) -> None:
        rig.twin.usb(b"RIGHT\n")
        rig.world.wait_wheels(SPIN)
        rig.world.wait_wheels(HALT)
        assert rig.lines()[-1] == "STOP"
