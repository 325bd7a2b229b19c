"""The chassis: what it writes, when, and what it answers, on a hand-moved clock."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridges.motion.chassis import NO_SPEED
from bridges.motion.safety import STOPPED, Control
from bridges.motion.serial_line.protocol import BadLineError, parse_line
from smartcar_mqtt.simulator.esp32.firmware import BANNER
from tests.motion.bench import Bench
from tests.motion.serial_line.test_protocol import LINES

WORDS = ["FORWARD", "BACKWARD", "LEFT", "RIGHT"]


class TestLease:
    def test_a_drive_is_written_confirmed_and_ended_by_stop(self, bench: Bench) -> None:
        bench.drive("forward", 0.5)
        assert bench.written() == ["FORWARD"]
        assert bench.answers == []
        bench.confirm()
        assert bench.last == ("done", "")
        bench.pass_time(0.4)
        assert bench.written() == []
        bench.pass_time(0.1)
        assert bench.written() == ["STOP"]
        assert bench.chassis.motion == STOPPED

    def test_a_refused_duration_writes_nothing(self, bench: Bench) -> None:
        bench.drive("forward", 5.1)
        assert bench.last[0] == "refused"
        assert bench.written() == []

    def test_every_move_ends_even_when_the_esp32_confirms_nothing(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.pass_time(1.0, confirming=False)
        assert bench.written() == ["LEFT", "STOP"]
        assert bench.last == ("expired", "the ESP32 did not confirm LEFT in time")
        assert bench.chassis.motion == STOPPED

    def test_a_blind_forward_is_shortened_by_the_timer_too(self, bench: Bench) -> None:
        bench.drive("forward", 5)
        bench.confirm()
        bench.frame(-1, -1, -1)
        for _ in range(5):
            bench.clock.advance(0.1)
            bench.scheduler.run_due()
            bench.frame(-1, -1, -1)
        assert bench.written() == ["FORWARD", "STOP"]


class TestStop:
    def test_it_is_written_at_once_and_confirmed(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.drive("stop")
        assert bench.written() == ["LEFT", "STOP"]
        bench.confirm()
        assert [(each.status, each.value) for each in bench.answers] == [("done", ""), ("done", "")]

    def test_one_that_is_not_confirmed_is_written_again_until_it_is(self, bench: Bench) -> None:
        bench.drive("left", 0.5)
        bench.pass_time(0.5)
        assert bench.written() == ["LEFT", "STOP"]
        bench.chassis._out.confirmations.take_all()
        bench.drive("stop")
        bench.pass_time(3.0, confirming=False)
        assert bench.written() == ["STOP"] * 11, "every 0.3 s"
        bench.pass_time(0.1)
        bench.pass_time(3.0)
        assert bench.written() == []

    def test_it_is_not_written_again_into_a_move_that_came_after_it(self, bench: Bench) -> None:
        bench.drive("stop")
        bench.drive("left", 5)
        bench.line(b"ACK:LEFT:OK")
        bench.pass_time(1.5, confirming=False)
        assert bench.written() == ["STOP", "LEFT"]

    def test_with_the_line_down_it_says_blocked(self, bench: Bench) -> None:
        bench.link.broken = True
        bench.drive("stop")
        assert bench.last == ("blocked", "no serial link")

    def test_a_write_that_fails_leaves_no_move_behind(self, bench: Bench) -> None:
        bench.link.broken = True
        bench.drive("left", 5)
        assert bench.last[0] == "blocked"
        assert bench.chassis.motion == STOPPED

    def test_the_end_of_the_bridge_ends_move_and_scan(self, bench: Bench) -> None:
        bench.scan()
        bench.chassis.close()
        assert bench.last == ("blocked", "the scan was interrupted: the motion bridge ends")
        assert bench.chassis.motion == STOPPED


class TestLosses:
    def test_silence_while_driving_writes_stop_and_blocks_until_data_comes(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.pass_time(0.4, talking=False)
        assert bench.written() == ["LEFT"]
        bench.pass_time(0.2, talking=False)
        assert bench.written() == ["STOP"]
        assert not bench.chassis.link_ok
        assert "0.5 s" in bench.chassis.down_reason
        bench.drive("left", 1)
        assert bench.last[0] == "blocked"
        bench.frame()
        assert bench.written() == ["STOP", "SPEED:100"], "first of all STOP: what was written before may be lost"
        bench.drive("left", 1)
        assert bench.written() == ["LEFT"]

    def test_a_lost_line_ends_the_move_and_answers_everybody(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.link.on_down("unplugged")
        assert bench.chassis.motion == STOPPED
        assert bench.last == ("blocked", "unplugged")
        assert bench.chassis.down_reason == "unplugged"

    def test_a_restart_of_the_esp32_ends_the_move_and_says_so(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.line(BANNER.encode())
        assert bench.written() == ["LEFT", "STOP", "SPEED:100"]
        assert bench.last == ("expired", "the ESP32 has restarted")
        assert bench.chassis.motion == STOPPED
        assert bench.chassis.firmware == BANNER

    def test_a_line_that_comes_back_counts(self, bench: Bench) -> None:
        assert bench.chassis.reconnects == 0
        bench.link.on_down("unplugged")
        bench.link.on_up()
        assert bench.chassis.reconnects == 1
        bench.drive("left", 1)
        assert bench.last[0] == "blocked", "nothing is known before the first data"


class TestKeeper:
    def test_it_is_told_before_the_move_is_written(self, bench: Bench) -> None:
        bench.link.told.clear()
        bench.drive("left", 0.5)
        assert bench.link.told == ["move 0.5", "LEFT"]

    def test_without_one_nothing_moves(self, bench: Bench) -> None:
        bench.link.on_keeper("the keeper has ended")
        for direction in ("forward", "backward", "left", "right"):
            bench.drive(direction, 1)
            assert bench.last == ("blocked", "the car does not move: the keeper has ended")
        bench.scan()
        assert bench.last[0] == "blocked"
        assert bench.written() == []
        bench.link.on_keeper("")
        bench.drive("left", 1)
        assert bench.written() == ["LEFT"]

    def test_one_that_is_found_lost_at_the_move_forbids_it(self, bench: Bench) -> None:
        bench.link.keeper_lost = "the keeper does not answer"
        bench.drive("left", 1)
        assert bench.last == ("blocked", "the keeper does not answer")
        assert bench.written() == []
        assert bench.chassis.motion == STOPPED

    def test_or_at_its_renewal_and_ends_it(self, bench: Bench) -> None:
        bench.drive("left", 1)
        bench.confirm()
        bench.link.keeper_lost = "the keeper does not answer"
        bench.drive("left", 1)
        assert bench.written() == ["LEFT", "STOP"]
        assert bench.chassis.motion == STOPPED

    def test_losing_it_ends_a_move(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.link.on_keeper("the keeper has ended")
        assert bench.written() == ["LEFT", "STOP"]
        assert (bench.chassis.keeper, bench.chassis.keepers_lost) == (False, 1)
        bench.link.on_keeper("")
        assert (bench.chassis.keeper, bench.chassis.keeper_reason) == (True, "")
        assert bench.chassis.motion == STOPPED, "it stands until somebody sends the next command"

    def test_its_own_stop_ends_a_move(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.link.on_keeper_stop("a message is missing")
        assert bench.written() == ["LEFT", "STOP"]
        assert bench.chassis.motion == STOPPED

    def test_a_move_that_was_held_up_between_the_two_is_not_written(self, bench: Bench) -> None:
        watch_move = bench.link.watch_move

        def held_up(seconds: float) -> None:
            watch_move(seconds)
            bench.clock.advance(0.25)

        bench.link.watch_move = held_up  # type: ignore[method-assign]
        bench.drive("left", 1)
        assert bench.written() == []
        assert bench.last == ("blocked", "this computer stood still for a moment: the command is too old")


class TestGap:
    def test_what_was_known_before_it_is_old(self, bench: Bench) -> None:
        bench.link.on_gap(3.0)
        bench.drive("left", 1)
        assert bench.last[0] == "blocked"
        assert "no data" in bench.last[1]
        assert "stood still for 3.0 s" in bench.chassis.down_reason
        bench.frame()
        bench.drive("left", 1)
        assert bench.written()[-1] == "LEFT"

    def test_it_ends_a_move(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.link.on_gap(0.5)
        assert bench.written() == ["LEFT", "STOP"]

    def test_a_frame_that_was_read_long_ago_is_old(self, bench: Bench) -> None:
        read_at = bench.clock.monotonic()
        bench.clock.advance(1.0)
        bench.link.on_line(parse_line(next(iter(LINES))), read_at)
        bench.drive("left", 1)
        assert bench.last[0] == "blocked"


class TestSilence:
    def reason(self, bench: Bench) -> str:
        bench.clock.advance(2.1)
        bench.scheduler.run_due()
        assert not bench.chassis.link_ok
        return bench.chassis.down_reason

    @pytest.fixture
    def open_line(self, bench: Bench) -> Bench:
        bench.link.on_down("unplugged")
        bench.link.on_up()
        return bench

    def test_an_open_line_that_is_silent(self, open_line: Bench, caplog: pytest.LogCaptureFixture) -> None:
        assert "is open; no data" in open_line.chassis.down_reason
        reason = self.reason(open_line)
        assert "is open, but nothing comes" in reason
        assert all(word in reason for word in ("power", "RX and TX", "baud"))
        for _ in range(5):
            assert self.reason(open_line) == reason
        assert caplog.text.count("is open, but nothing comes") == 1

    def test_one_that_sends_only_damage(self, open_line: Bench) -> None:
        open_line.link.received_bytes += 500
        reason = self.reason(open_line)
        assert "only damaged lines come" in reason
        assert "baud" in reason

    def test_one_that_falls_silent(self, bench: Bench) -> None:
        bench.clock.advance(0.6)
        bench.scheduler.run_due()
        assert bench.chassis.down_reason == "no data from the ESP32 for 0.5 s"
        assert "nothing comes" in self.reason(bench)

    def test_one_without_sensor_data(self, open_line: Bench) -> None:
        open_line.link.received_bytes += 500
        open_line.line(b"ACK:STOP:OK")
        assert "no sensor data" in self.reason(open_line)


class TestAnswers:
    @pytest.mark.parametrize("word", WORDS)
    def test_a_motion_that_nobody_asked_for_is_stopped(self, bench: Bench, word: str) -> None:
        bench.line(b"ACK:%b:OK" % word.encode())
        assert bench.written() == ["STOP"]

    def test_one_beside_the_present_move_ends_that_too(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.line(b"ACK:LEFT:OK")  # the same again is no harm
        assert bench.written() == ["LEFT"]
        bench.line(b"ACK:RIGHT:OK")
        assert bench.written() == ["STOP"]
        assert bench.chassis.motion == STOPPED

    def test_a_late_confirmation_is_stopped(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.pass_time(1.0, confirming=False)
        bench.written()
        bench.line(b"ACK:LEFT:OK")
        assert bench.written() == ["STOP"]

    def test_a_refusal_of_the_firmware_is_blocked_and_stopped(self, bench: Bench) -> None:
        bench.drive("forward", 5)
        bench.line(b"ACK:FORWARD:BLOCKED:WARNING_ZONE")
        assert bench.last == ("blocked", "the ESP32 refuses: warning zone")
        assert bench.written() == ["FORWARD", "STOP"]  # it refuses, yet keeps the motors as they were
        assert bench.chassis.motion == STOPPED

    def test_a_command_that_arrived_damaged_stops_the_car(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.line(b"ACK:STXP:UNKNOWN")
        assert bench.written() == ["LEFT", "STOP"]
        assert bench.chassis.motion == STOPPED

    def test_the_firmware_stops_every_move_at_an_obstacle(self, bench: Bench) -> None:
        bench.drive("backward", 5)
        bench.confirm()
        bench.line(b"ALERT:COLLISION:WARNING_ZONE,S1:18,S2:18,S3:18")
        assert bench.chassis.motion == "backward"
        bench.line(b"ALERT:COLLISION:EMERGENCY_STOP,S1:8,S2:8,S3:8")
        assert bench.chassis.motion == STOPPED
        assert bench.written() == ["BACKWARD", "STOP"]

    def test_too_many_unanswered_commands_expire(self, bench: Bench) -> None:
        for _ in range(105):
            bench.obey(lambda request: bench.chassis.turn_servo(10, request))
        assert bench.last == ("expired", "too many commands wait for the ESP32")

    def test_servo_status_and_words_are_answered(self, bench: Bench) -> None:
        bench.obey(lambda request: bench.chassis.turn_servo(45, request))
        bench.line(b"ACK:SERVO:OK:45")
        assert (bench.last, bench.chassis.servo) == (("done", ""), 45)
        bench.obey(lambda request: bench.chassis.send_word("status", request))
        bench.line(b"STATUS:SERVO:50,LMOTOR:0,RMOTOR:0")
        assert (bench.last, bench.chassis.servo) == (("done", ""), 50)
        bench.obey(lambda request: bench.chassis.send_word("clearblock", request))
        bench.line(b"ACK:CLEARBLOCK:OK")
        assert bench.last == ("done", "")
        assert bench.written() == ["SERVO:45", "STATUS", "CLEARBLOCK"]

    def test_a_reset_ends_move_and_scan(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.confirm()
        bench.obey(lambda request: bench.chassis.send_word("reset", request))
        assert bench.chassis.motion == STOPPED
        assert bench.written() == ["LEFT", "STOP", "RESET"], "a RESET that is lost would leave the wheels on"

    @given(st.lists(st.sampled_from([*LINES]) | st.binary(max_size=40), max_size=30))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_line_whatsoever_moves_the_car_or_raises(self, bench: Bench, lines: list[bytes]) -> None:
        bench.link.on_up()
        bench.written()
        for line in lines:
            try:
                bench.line(line)
            except BadLineError:
                continue
            bench.clock.advance(0.05)
            bench.scheduler.run_due()
        assert [line for line in bench.written() if line in WORDS] == []
        assert bench.chassis.motion == STOPPED


class TestAssistant:
    def test_a_hand_ends_its_move_even_when_refused(self, bench: Bench) -> None:
        bench.drive("backward", 5, source="voice")
        bench.confirm()
        bench.frame(center=15)
        bench.drive("forward", 1, source="remote")
        assert bench.last[0] == "blocked"
        assert bench.written() == ["BACKWARD", "STOP"]

    def test_its_stop_is_always_obeyed(self, bench: Bench) -> None:
        bench.drive("left", 5, source="remote")
        bench.drive("stop", source="llm")
        assert bench.written() == ["LEFT", "STOP"]
        assert bench.chassis.control is Control.NOBODY

    def test_it_cannot_release_the_emergency_stop(self, bench: Bench) -> None:
        bench.obey(lambda request: bench.chassis.set_emergency_stop(on=True, request=request), "voice")
        assert bench.written() == ["STOP"]
        bench.obey(lambda request: bench.chassis.set_emergency_stop(on=False, request=request), "voice")
        assert bench.last == ("blocked", "the emergency stop is released by hand only")
        assert bench.chassis.control is Control.EMERGENCY_STOP
        bench.obey(lambda request: bench.chassis.set_emergency_stop(on=False, request=request), "remote")
        assert bench.chassis.control is Control.NOBODY

    def test_emergency_stop_latches_with_the_line_down(self, bench: Bench) -> None:
        bench.link.broken = True
        bench.obey(lambda request: bench.chassis.set_emergency_stop(on=True, request=request))
        assert bench.guard.emergency_stop


class TestSpeed:
    def speeds(self, bench: Bench) -> list[str]:
        return [line for line in bench.written() if line.startswith("SPEED")]

    def test_the_seeds_firmware_is_never_told_a_speed(self, bench: Bench) -> None:
        assert bench.chassis.speed_control is False
        bench.drive("left", 1, speed=30)
        bench.confirm()
        assert bench.last == ("done", f"speed is ignored: {NO_SPEED}")
        assert bench.written() == ["LEFT"]
        bench.obey(lambda request: bench.chassis.choose_speed(30, request))
        assert bench.last == ("blocked", NO_SPEED)

    def test_a_newer_one_is_told_before_the_move_and_only_when_it_changes(self, bench: Bench) -> None:
        bench.make(speed_control=True)
        bench.drive("left", 1, speed=30)
        bench.drive("left", 1, speed=30)
        assert bench.written() == ["SPEED:30", "LEFT"], "and a renewal that is still unread is not written again"
        bench.pass_time(0.3)
        bench.drive("left", 1)
        assert bench.written() == ["SPEED:100", "LEFT"], "a move that names no speed has the chosen one again"
        bench.confirm()
        assert bench.last == ("done", "")

    def test_the_chosen_speed_serves_from_then_on(self, bench: Bench) -> None:
        bench.make(speed_control=True)
        bench.obey(lambda request: bench.chassis.choose_speed(40, request))
        bench.line(b"ACK:SPEED:OK:40")
        assert bench.last == ("done", "")
        bench.drive("left", 1)
        assert bench.written() == ["SPEED:40", "LEFT"]

    def test_after_a_restart_the_firmware_is_asked_and_told_again(self, bench: Bench) -> None:
        bench.make(speed_control=True)
        bench.obey(lambda request: bench.chassis.choose_speed(40, request))
        bench.written()
        bench.line(BANNER.encode())
        assert bench.chassis.speed_control is None
        assert self.speeds(bench) == ["SPEED:40"]
        bench.line(b"ACK:SPEED:40:UNKNOWN")
        assert bench.chassis.speed_control is False

    def test_it_is_asked_until_it_answers(self, bench: Bench) -> None:
        bench.line(BANNER.encode())
        bench.written()
        bench.pass_time(2.1)
        assert self.speeds(bench) == ["SPEED:100"] * 2


def test_the_threads_watch_each_other(bench: Bench) -> None:
    assert bench.chassis.problem() is None
    bench.link.alive = False
    assert bench.chassis.problem() == "the serial thread has ended"
    bench.link.alive, bench.link.keeper_watched = True, False
    assert bench.chassis.problem() == "the keeper's thread has ended"


def test_damaged_lines_are_counted_and_change_nothing(bench: Bench) -> None:
    before = bench.notes.changes
    bench.link.on_bad_line(b"DATA:S1:")
    assert bench.notes.bad_lines == 1
    assert bench.notes.changes == before
    with pytest.raises(BadLineError):
        parse_line(b"DATA:S1:")
