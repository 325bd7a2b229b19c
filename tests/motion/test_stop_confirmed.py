"""A STOP is over when the ESP32 has said so: until then it is repeated, and the car counts as moving."""

from __future__ import annotations

import pytest

from bridges.motion.safety import STOPPED
from bridges.motion.wheels import Wheels
from tests.motion.bench import Bench

FULL_TURN = (-255, 255)


def moving(bench: Bench) -> None:
    bench.drive("left", 5)
    bench.confirm()
    bench.written()


class TestTheCarCountsAsMoving:
    def test_until_stop_is_confirmed(self, bench: Bench) -> None:
        moving(bench)
        bench.drive("stop")
        assert bench.chassis.motion == STOPPED, "so it was decided"
        assert bench.chassis.apparent_motion == "left", "but nobody has said so"
        bench.confirm()
        assert bench.chassis.apparent_motion == STOPPED

    def test_while_the_board_talks_and_is_deaf(self, bench: Bench) -> None:
        moving(bench)
        bench.drive("stop")
        bench.pass_time(0.4, confirming=False)
        assert bench.chassis.apparent_motion == "left"
        assert bench.chassis.stop_unconfirmed == "the ESP32 does not confirm STOP"
        bench.drive("left", 1)
        assert bench.last == ("blocked", "the ESP32 does not confirm STOP: the car may still be moving")
        bench.confirm()
        assert bench.chassis.stop_unconfirmed == ""
        assert bench.chassis.apparent_motion == STOPPED
        bench.drive("left", 1)
        assert bench.written()[-1] == "LEFT"

    def test_when_the_line_is_lost_in_a_move(self, bench: Bench) -> None:
        moving(bench)
        bench.link.is_open = False
        bench.link.on_down("unplugged")
        assert bench.chassis.apparent_motion == "left"
        assert bench.chassis.stop_unconfirmed == "STOP cannot reach the ESP32: unplugged"
        bench.link.open()
        bench.frame()
        bench.confirm()
        assert (bench.chassis.apparent_motion, bench.chassis.stop_unconfirmed) == (STOPPED, "")

    def test_not_when_the_line_is_lost_while_it_stands(self, bench: Bench) -> None:
        bench.link.on_down("unplugged")
        assert (bench.chassis.apparent_motion, bench.chassis.stop_unconfirmed) == (STOPPED, "")

    def test_when_a_deaf_board_is_found_at_the_start(self, bench: Bench) -> None:
        bench.make()
        bench.line(b"ACK:STOP:OK")
        bench.drive("stop")
        bench.pass_time(0.4, confirming=False)
        assert bench.chassis.apparent_motion is None, "in whatever way"


class TestItIsRepeated:
    def test_every_three_tenths_of_a_second(self, bench: Bench) -> None:
        moving(bench)
        bench.drive("stop")
        for _ in range(65):
            bench.clock.advance(0.02)
            bench.scheduler.run_due()
            bench.frame()
        assert bench.written() == ["STOP"] * 5
        assert bench.answers[-1].status == "expired", "after a second, while STOP goes on being repeated"

    def test_also_while_nothing_comes_at_all(self, bench: Bench) -> None:
        moving(bench)
        bench.pass_time(3, talking=False, confirming=False)
        assert len(bench.written()) >= 8

    def test_a_damaged_stop_of_a_leases_end_is_written_again_after_three_tenths(self, bench: Bench) -> None:
        bench.drive("left", 0.5)
        bench.confirm()
        bench.pass_time(0.5)
        bench.chassis._out.confirmations.take_all()  # so the ESP32 does not confirm it
        bench.written()
        bench.drive("left", 0.5)
        bench.line(b"ACK:LEFT:OK")
        bench.pass_time(0.5, confirming=False)
        assert bench.written() == ["LEFT", "STOP"]
        bench.pass_time(0.3, confirming=False)
        assert bench.written() == ["STOP"]

    @pytest.mark.parametrize("damaged", [b"STXP", b"STOP:1", b"ST\xffP", b"\x80"])
    def test_an_unknown_command_is_our_own_that_was_damaged(self, bench: Bench, damaged: bytes) -> None:
        answer = b"ACK:%b:UNKNOWN" % damaged
        moving(bench)
        bench.drive("stop")
        bench.written()
        if answer.isascii():
            bench.line(answer)
        else:
            bench.link.on_bad_line(answer)
        assert bench.written() == ["STOP"], "at once"

    def test_the_keeper_watches_until_it_is_confirmed(self, bench: Bench) -> None:
        moving(bench)
        bench.drive("stop")
        assert bench.link.watched_s == 5
        bench.pass_time(0.3, confirming=False)
        assert bench.link.watched_s == 0.3, "should this process hang now, the keeper goes on"
        bench.confirm()
        assert bench.link.watched_s is None

    def test_the_request_of_a_repeated_stop_is_answered_by_the_repetition(self, bench: Bench) -> None:
        moving(bench)
        bench.drive("stop")
        bench.pass_time(0.4, confirming=False)
        bench.line(b"ACK:STOP:OK")
        assert bench.last == ("done", "")

    def test_an_unconfirmed_stop_is_no_reason_to_end_orderly(self, bench: Bench) -> None:
        moving(bench)
        bench.chassis.close()
        assert bench.link.standing is False, "the keeper stays until it is confirmed"

    def test_a_stop_that_stands_is(self, bench: Bench) -> None:
        bench.chassis.close()
        assert bench.link.standing is True


class TestWhatTheEsp32Says:
    def test_a_confirmation_from_before_the_move_does_not_count(self, bench: Bench) -> None:
        bench.drive("stop")
        bench.drive("left", 5)
        bench.drive("stop")
        bench.line(b"ACK:STOP:OK")
        assert bench.chassis.apparent_motion == "left"
        bench.line(b"ACK:LEFT:OK")
        bench.line(b"ACK:STOP:OK")
        assert bench.chassis.apparent_motion == STOPPED

    def test_neither_does_one_that_the_keeper_has_asked_for_before(self, bench: Bench) -> None:
        bench.drive("left", 5)
        bench.line(b"ACK:STOP:OK")
        assert bench.chassis.apparent_motion == "left"

    def test_a_stop_that_somebody_else_has_sent_ends_the_move(self, bench: Bench) -> None:
        moving(bench)
        bench.line(b"ACK:STOP:OK")
        assert bench.chassis.motion == STOPPED

    def test_motors_that_turn_after_a_confirmed_stop_are_stopped(self, bench: Bench) -> None:
        bench.make(speed_control=True)
        bench.frame(motors=FULL_TURN)
        assert bench.written() == ["STOP"]
        assert bench.chassis.apparent_motion is None
        bench.frame(motors=FULL_TURN)
        assert bench.written() == [], "once, then every 0.3 s"
        bench.confirm()
        assert bench.chassis.apparent_motion == STOPPED

    def test_telemetry_of_a_firmware_that_tells_confirms_a_stop(self, bench: Bench) -> None:
        bench.make(speed_control=True)
        bench.drive("left", 5)
        bench.confirm()
        bench.frame(motors=FULL_TURN)
        bench.drive("stop")
        for _ in range(2):
            bench.frame()
            assert bench.chassis.apparent_motion == "left", "it may have been on its way"
        bench.frame()
        assert bench.chassis.apparent_motion == STOPPED

    def test_that_of_the_old_firmware_does_not(self) -> None:
        wheels = Wheels()
        wheels.moved("left", 1)
        wheels.stop_written()
        for _ in range(10):
            wheels.frame(0, 0)
        assert not wheels.at_rest
