"""A scan by the chassis: what it writes for each step, how it ends, what interrupts it, on a hand-moved clock."""

from __future__ import annotations

import pytest

from bridges.motion.chassis import SCANNING
from bridges.motion.safety import STOPPED, Control
from smartcar_mqtt.simulator.esp32.firmware import BANNER
from tests.motion.bench import Bench


class TestScan:
    def run(self, bench: Bench, centers: tuple[int, ...] = (100,) * 8) -> None:
        """Let a scan go on to its end, the ESP32 obeying at each of its loops."""
        steps = iter((*centers, centers[-1]))
        center = next(steps)
        for _ in range(200):
            bench.clock.advance(0.1)
            bench.scheduler.run_due()
            bench.frame(100, center, 100)
            bench.confirm()
            if bench.chassis.motion != SCANNING:
                return
            if bench.guard.motion == "right":
                center = centers[min(len(bench.chassis._scanner._scan.readings), 7)]  # type: ignore[union-attr]

    def test_it_turns_eight_times_and_tells_the_best_heading(self, bench: Bench) -> None:
        bench.scan()
        assert bench.chassis.motion == SCANNING
        self.run(bench, (50, 60, 70, 200, 90, 80, 70, 60))
        assert bench.written() == ["RIGHT", "STOP"] * 8
        assert bench.last == ("done", "")
        ((readings, best),) = bench.notes.scans
        assert [each.heading for each in readings] == [0, 45, 90, 135, 180, 225, 270, 315]
        assert best is not None
        assert best.heading == 135
        assert bench.chassis.motion == STOPPED

    def test_where_left_is_right_it_turns_the_other_word(self, bench: Bench) -> None:
        bench.make(swap_left_right=True)
        bench.scan()
        self.run(bench)
        assert bench.written() == ["LEFT", "STOP"] * 8
        assert bench.last == ("done", "")

    @pytest.mark.parametrize(
        "interruption", ["stop", "drive", "emergency stop", "silence", "restart", "unplug", "reset"]
    )
    @pytest.mark.parametrize("turning", [True, False])
    def test_it_is_interrupted_at_once(self, bench: Bench, interruption: str, turning: bool) -> None:
        bench.scan()
        if turning:
            bench.pass_time(0.1)
            assert bench.guard.motion == "right"
        bench.written()
        if interruption == "stop":
            bench.drive("stop")
            assert bench.written() == ["STOP"]
        elif interruption == "drive":
            bench.drive("backward", 1)
            assert bench.written() == ["BACKWARD"]
        elif interruption == "emergency stop":
            bench.obey(lambda request: bench.chassis.set_emergency_stop(on=True, request=request))
            assert bench.written() == ["STOP"]
        elif interruption == "silence":
            bench.pass_time(0.7, talking=False)
            assert bench.written()[0] == "STOP"
        elif interruption == "restart":
            bench.line(BANNER.encode())
            assert bench.written() == ["STOP", "SPEED:100"]
        elif interruption == "unplug":
            bench.link.on_down("unplugged")
        else:
            bench.obey(lambda request: bench.chassis.send_word("reset", request))
            assert bench.written() == ["STOP", "RESET"]
        (answer,) = [each for each in bench.answers if each.command == "scan"]
        assert answer.status == "blocked"
        assert answer.reason.startswith("the scan was interrupted: ")
        assert bench.chassis.motion != SCANNING
        bench.pass_time(2.0)
        assert "RIGHT" not in bench.written()

    def test_a_turn_that_is_not_confirmed_ends_it(self, bench: Bench) -> None:
        bench.scan()
        bench.pass_time(1.5, confirming=False)
        assert bench.last == ("blocked", "the scan was interrupted: the ESP32 did not confirm RIGHT")
        assert bench.chassis.motion == STOPPED

    def test_a_stop_that_is_not_confirmed_ends_it_and_is_written_again(self, bench: Bench) -> None:
        bench.scan()
        bench.frame()
        bench.line(b"ACK:RIGHT:OK")
        bench.pass_time(1.6, confirming=False)
        assert bench.last[1].startswith("the scan was interrupted: the ESP32 did not confirm")
        assert bench.written().count("STOP") >= 2

    def test_near_an_obstacle_it_goes_on_turning(self, bench: Bench) -> None:
        bench.scan()
        bench.frame()
        bench.line(b"ACK:RIGHT:OK")
        bench.line(b"ALERT:COLLISION:EMERGENCY_STOP,S1:8,S2:8,S3:8")
        assert bench.written() == ["RIGHT", "RIGHT"], "the firmware stops the wheels once, on entering the zone"
        assert bench.chassis.motion == SCANNING

    def test_there_is_one_at_a_time(self, bench: Bench) -> None:
        bench.scan()
        bench.scan()
        assert bench.last == ("blocked", "a scan is under way")
        assert bench.chassis.motion == SCANNING

    def test_the_assistant_does_not_interrupt_a_persons_scan(self, bench: Bench) -> None:
        bench.scan("remote")
        bench.drive("forward", 1, source="voice")
        assert bench.last[0] == "blocked"
        assert bench.chassis.motion == SCANNING
        assert bench.chassis.control is Control.MANUAL

    def test_a_hand_interrupts_the_assistants_scan_even_when_refused(self, bench: Bench) -> None:
        bench.scan("voice")
        assert bench.chassis.control is Control.ASSISTANT
        bench.frame(center=15)
        bench.drive("forward", 1, source="remote")
        assert bench.chassis.motion == STOPPED

    def test_from_a_move_it_stops_first(self, bench: Bench) -> None:
        bench.drive("backward", 5)
        bench.confirm()
        bench.scan()
        assert bench.written() == ["BACKWARD", "STOP"]
