"""Zones, scan and timing of the firmware twin, flaw by flaw (seed facts, sections 2.4 to 2.8)."""

from __future__ import annotations

import re

import pytest

from smartcar_mqtt.simulator.esp32.firmware import Firmware
from smartcar_mqtt.simulator.world.room import BoxObstacle, RoundObstacle
from smartcar_mqtt.simulator.world.world import World
from tests.support.board import FULL, HALT, RADIUS_M, Bench


class TestZones:
    @pytest.mark.parametrize(
        ("ahead_cm", "reply"),
        [
            (21, "ACK:FORWARD:OK"),
            (20.5, "ACK:FORWARD:BLOCKED:WARNING_ZONE"),  # cut off to 20
            (20, "ACK:FORWARD:BLOCKED:WARNING_ZONE"),
            (11, "ACK:FORWARD:BLOCKED:WARNING_ZONE"),
            (10, "ACK:FORWARD:BLOCKED:OBSTACLE"),
            (3, "ACK:FORWARD:BLOCKED:OBSTACLE"),
        ],
    )
    def test_forward_is_refused_up_to_20_cm_and_named_obstacle_up_to_10(self, ahead_cm: float, reply: str) -> None:
        bench = Bench(ahead_cm)
        assert bench.ask("FORWARD")[0] == reply

    @pytest.mark.parametrize(("ahead_cm", "flags"), [(21, "0,WARNING:0"), (20, "0,WARNING:1"), (10, "1,WARNING:1")])
    def test_the_warning_flag_is_set_in_the_stop_zone_too(self, ahead_cm: float, flags: str) -> None:
        assert Bench(ahead_cm).data().endswith(f"OBSTACLE:{flags}")

    @pytest.mark.parametrize("command", ["BACKWARD", "LEFT", "RIGHT"])
    def test_the_other_moves_are_allowed_everywhere(self, command: str) -> None:
        bench = Bench(3)
        assert bench.ask(command, 0.15)[-1] == f"ACK:{command}:OK"
        assert bench.board.motors != HALT

    def test_a_refused_forward_does_not_stop_motors_that_run(self) -> None:
        bench = Bench(300)
        bench.ask("FORWARD")
        bench.look_at(19)
        bench.run_until("ALERT:COLLISION:WARNING_ZONE")
        bench.board.advance(bench.now, b"FORWARD\n")
        assert bench.run_until("ACK:") == "ACK:FORWARD:BLOCKED:WARNING_ZONE"
        assert bench.board.motors == FULL

    def test_the_warning_zone_does_not_stop_a_running_forward_the_stop_zone_does(self) -> None:
        bench = Bench(60)
        bench.ask("FORWARD")
        bench.run_until("ALERT:COLLISION:WARNING_ZONE")
        assert bench.board.motors == FULL
        bench.run_until("ALERT:COLLISION:EMERGENCY_STOP")
        assert bench.board.motors == HALT
        bench.run(1.0)
        assert bench.world.collisions == 0
        assert 0 < bench.world.clearance_m < 0.10

    def test_the_stop_zone_stops_once_on_entering_and_not_again(self) -> None:
        bench = Bench(None)
        for number, (x, y) in enumerate(((0, 1), (1, 0), (0, -1), (-1, 0))):
            wall = BoxObstacle(name=str(number), kind="wall", at=(0.66 * x, 0.66 * y), width_m=1, depth_m=1)
            bench.world.put_obstacle(wall)
        assert bench.ask("")[0].startswith("ALERT:COLLISION:EMERGENCY_STOP,")
        assert bench.ask("LEFT") == ["ACK:LEFT:OK"]
        assert bench.ask("", 3.0) == []
        assert bench.board.motors == (255, -255)

    def test_alerts_come_only_on_a_change_of_zone_with_the_distances(self) -> None:
        bench = Bench(300)
        bench.look_at(15)
        (alert,) = bench.ask("")
        assert re.fullmatch(r"ALERT:COLLISION:WARNING_ZONE,S1:\d+,S2:15,S3:\d+", alert)
        assert bench.ask("", 1.0) == []
        bench.look_at(8)
        (alert,) = bench.ask("")
        assert re.fullmatch(r"ALERT:COLLISION:EMERGENCY_STOP,S1:\d+,S2:8,S3:\d+", alert)
        assert bench.ask("", 1.0) == []

    def test_from_the_stop_zone_back_to_the_warning_zone_is_silent(self) -> None:
        bench = Bench(300)
        bench.look_at(8)
        bench.run(0.4)
        bench.look_at(15)
        assert bench.ask("", 1.0) == []
        assert bench.data().endswith("OBSTACLE:0,WARNING:1")

    @pytest.mark.parametrize("near_cm", [8, 15])
    def test_clear_is_told_once_and_nothing_is_latched(self, near_cm: int) -> None:
        bench = Bench(300)
        bench.look_at(near_cm)
        bench.run(0.4)
        bench.look_at(100)
        (alert,) = bench.ask("", 1.0)
        assert alert.startswith("ALERT:COLLISION:CLEAR,S1:")
        assert bench.ask("FORWARD") == ["ACK:FORWARD:OK"]

    def test_clear_stops_nothing(self) -> None:
        bench = Bench(300)
        bench.look_at(8)
        bench.run(0.4)
        bench.board.advance(bench.now, b"BACKWARD\n")
        bench.run_until("ALERT:COLLISION:CLEAR")
        assert bench.board.motors == (-255, -255)

    def test_the_alert_precedes_the_data_of_its_loop(self) -> None:
        bench = Bench(300)
        bench.look_at(8)
        lines = bench.run(0.2)
        index = next(number for number, line in enumerate(lines) if line.startswith("ALERT"))
        assert lines[index + 1].endswith("OBSTACLE:1,WARNING:1")

    def test_all_sensors_silent_means_clear_and_forward_is_accepted(self) -> None:
        bench = Bench(None)
        assert bench.ask("FORWARD") == ["ACK:FORWARD:OK"]

    def test_0_cm_is_ignored(self) -> None:
        bench = Bench(None)
        bench.world.put_obstacle(RoundObstacle(name="leg", kind="table", at=(0, RADIUS_M + 0.02), radius_m=0.02))
        assert bench.data().startswith("DATA:S1:-1,S2:0,S3:-1,")
        assert bench.data().endswith("OBSTACLE:0,WARNING:0")
        assert bench.ask("FORWARD") == ["ACK:FORWARD:OK"]

    def test_clearblock_is_undone_by_the_next_loop_which_repeats_the_alert(self) -> None:
        bench = Bench(5)
        replies = bench.ask("CLEARBLOCK")
        assert replies[0] == "ACK:CLEARBLOCK:OK"
        assert replies[1].startswith("ALERT:COLLISION:EMERGENCY_STOP,")
        assert bench.data().endswith("OBSTACLE:1,WARNING:1")

    def test_clearblock_leaves_the_warning_so_it_never_lets_a_forward_through(self) -> None:
        bench = Bench(5)
        assert bench.ask("CLEARBLOCK\nFORWARD")[:2] == ["ACK:CLEARBLOCK:OK", "ACK:FORWARD:BLOCKED:WARNING_ZONE"]

    def test_reset_clears_all_flags_until_the_next_measurement(self) -> None:
        bench = Bench(5)
        replies = bench.ask("RESET\nFORWARD")
        assert replies[:2] == ["ACK:RESET:OK", "ACK:FORWARD:OK"]
        assert replies[2].startswith("ALERT:COLLISION:EMERGENCY_STOP,")
        assert bench.board.motors == HALT

    def test_a_forced_block_refuses_forward_in_the_open(self) -> None:
        bench = Bench(300)
        bench.board.forward_blocked = True
        assert bench.ask("FORWARD") == ["ACK:FORWARD:BLOCKED:OBSTACLE"]


class TestScan:
    def test_it_sends_8_readings_45_degrees_apart_then_best_complete_and_ack(self) -> None:
        lines = Bench(None).ask("SCAN", 4.0)
        positions = [f"SCAN:POS:{angle},S1:-1,S2:-1,S3:-1" for angle in range(0, 360, 45)]
        assert lines == ["SCAN:START", *positions, "SCAN:BEST:0,DIST:0", "SCAN:COMPLETE", "ACK:SCAN:OK"]

    def test_best_is_the_highest_mean_of_what_was_heard(self) -> None:
        lines = Bench(50).ask("SCAN", 4.0)
        heard = {}
        for line in lines:
            if found := re.fullmatch(r"SCAN:POS:(\d+),S1:(-?\d+),S2:(-?\d+),S3:(-?\d+)", line):
                valid = [int(each) for each in found.groups()[1:] if int(each) > 0]
                heard[int(found[1])] = sum(valid) / len(valid) if valid else 0
        best = max(heard, key=lambda angle: heard[angle])
        assert f"SCAN:BEST:{best},DIST:{int(heard[best])}" in lines

    def test_it_turns_the_car_7_times_45_degrees_and_does_not_come_back(self) -> None:
        bench = Bench(None)
        bench.ask("SCAN", 4.0)
        assert bench.board.motors == HALT
        turned = -bench.world.pose.heading_deg % 360
        assert turned == pytest.approx(315, abs=1), "counter-clockwise: with the documented wiring that is its RIGHT"

    @pytest.mark.parametrize(("ahead_cm", "least_s", "most_s"), [(None, 2.75, 3.05), (100, 2.3, 2.9)])
    def test_it_takes_2_3_to_3_seconds(self, ahead_cm: float | None, least_s: float, most_s: float) -> None:
        bench = Bench(ahead_cm)
        bench.ask("SCAN", 4.0)
        times = {line: when for when, line in bench.lines}
        assert least_s <= times["ACK:SCAN:OK"] - times["SCAN:START"] <= most_s

    def test_nothing_is_heard_or_checked_while_it_runs_not_even_stop(self) -> None:
        bench = Bench(None)
        bench.board.advance(bench.now, b"SCAN\n")
        bench.run_until("SCAN:START")
        lines = bench.run(2.7, b"STOP\nLEFT\n")
        assert not [line for line in lines if line.startswith(("ACK", "DATA", "ALERT"))]
        assert bench.run_until("ACK:SCAN") == "ACK:SCAN:OK"
        assert bench.run(0.1)[:2] == ["ACK:STOP:OK", "ACK:LEFT:OK"]

    def test_what_waits_meanwhile_is_limited_to_256_bytes(self) -> None:
        bench = Bench(None)
        bench.board.advance(bench.now, b"SCAN\n")
        bench.run_until("SCAN:START")
        bench.board.advance(bench.now, b"SERVO:1\n" * 100)
        bench.run_until("ACK:SCAN")
        assert bench.run(0.3).count("ACK:SERVO:OK:1") == 256 // len(b"SERVO:1\n")


class TestTiming:
    @pytest.mark.parametrize(("ahead_cm", "loop_ms"), [(11, 53.5), (100, 69.5), (400, 123.2), (None, 140.1)])
    def test_the_loop_takes_50_ms_and_the_echoes_since_printing_does_not_stop_it(
        self, ahead_cm: float | None, loop_ms: float
    ) -> None:
        bench = Bench(ahead_cm)
        bench.run(5.0)
        times = [when for when, line in bench.lines if line.startswith("DATA:")]
        assert (times[-1] - times[-21]) / 20 * 1000 == pytest.approx(loop_ms, abs=0.5)

    def test_nothing_is_sent_before_the_moment_that_it_promises(self) -> None:
        bench = Bench(40)
        bench.board.advance(bench.now, b"SCAN\nFORWARD\n")
        for _ in range(400):
            promised = bench.board.next_output
            sent = b""
            while not sent:
                bench.now = bench.board.next_event
                sent = bench.board.advance(bench.now)
            assert bench.now >= promised - 1e-9

    def test_sleeping_past_events_changes_nothing(self) -> None:
        def drive(fine: bool) -> list[bytes]:
            board = Firmware(World.load("living_room", seed=4))
            sent = [board.advance(2.0), board.advance(2.0, b"FORWARD\n")]
            if fine:
                sent += [board.advance(2 + tick / 500) for tick in range(1500)]
            sent += [board.advance(5.0)]
            return b"".join(sent).splitlines()

        fine, coarse = drive(True), drive(False)
        assert len(fine) == len(coarse)
        assert fine[:12] == coarse[:12]
