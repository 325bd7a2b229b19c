"""Lines and commands of the firmware twin are those of the robot's own (seed facts, sections 2.1 to 2.5)."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smartcar_mqtt.simulator.esp32.board import KEPT_USB_LINES
from smartcar_mqtt.simulator.esp32.firmware import BANNER, Firmware
from smartcar_mqtt.simulator.world.room import Room, Start
from smartcar_mqtt.simulator.world.wiring import CROSSED, DOCUMENTED, Wiring
from smartcar_mqtt.simulator.world.world import World
from tests.support.board import FULL, HALT, Bench

BYTE_S = 10 / 115200


def loop_s(bench: Bench) -> float:
    """How long a loop lasts; the bench stands where a DATA line has just left."""
    bench.run_until("DATA:")
    first = bench.now
    bench.run_until("DATA:")
    return bench.now - first


class TestBoot:
    def test_the_first_line_is_a_banner_that_names_the_board_and_says_no_ota(self) -> None:
        first = Bench().lines[0][1]
        assert first == BANNER
        assert "ESP32" in first
        assert "no OTA" in first
        assert first.endswith(".")

    def test_a_reboot_stops_the_motors_forgets_everything_and_sends_the_banner_again(self) -> None:
        bench = Bench()
        bench.ask("SERVO:10")
        bench.ask("FORWARD")
        bench.board.reboot()
        assert bench.board.motors == HALT
        assert bench.run(0.32)[0] == BANNER
        assert "SERVO:90" in bench.data()

    def test_noise_stands_before_the_banner_on_its_line(self) -> None:
        board = Firmware(World(Room(start=Start(at=(0, 0)))), boot_noise=b"\x00\xff")
        assert board.advance(0.32) == b"\x00\xff" + BANNER.encode() + b"\r\n"

    def test_a_reboot_cuts_off_the_line_that_is_leaving(self) -> None:
        bench = Bench()
        line = bench.data()
        period_s = loop_s(bench)
        bench.now += period_s - 0.0035
        assert bench.board.advance(bench.now) == b""
        bench.board.reboot()
        assert bench.board.advance(bench.now) == line.encode()[: len(line) + 2 - 41], "3.5 ms are 41 bytes"
        assert bench.board.advance(bench.now + 0.32) == BANNER.encode() + b"\r\n"

    def test_a_board_without_power_is_silent_and_still(self) -> None:
        bench = Bench()
        bench.ask("FORWARD")
        bench.board.power_off()
        assert bench.run(5.0, b"FORWARD\n") == []
        assert bench.board.motors == HALT


class TestLines:
    def test_lines_end_with_cr_lf(self) -> None:
        board = Firmware(World(Room(start=Start(at=(0, 0)))))
        sent = board.advance(3.0)
        assert sent.count(b"\r\n") == sent.count(b"\n") == sent.count(b"\r") > 10

    @pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r\n\n"])
    def test_a_command_ends_with_cr_or_lf_and_empty_lines_are_nothing(self, end: bytes) -> None:
        lines = Bench().run(0.4, b"STOP" + end)
        assert [line for line in lines if line.startswith("ACK")] == ["ACK:STOP:OK"]

    def test_without_an_end_of_line_nothing_happens_until_it_comes(self) -> None:
        bench = Bench()
        bench.run(1.0, b"FORW")
        assert bench.board.motors == HALT
        assert bench.ask("ARD") == ["ACK:FORWARD:OK"]

    def test_the_data_line_has_all_fields_in_order(self) -> None:
        assert Bench().data() == ("DATA:S1:105,S2:100,S3:105,MQ2:321,SERVO:90,LMOTOR:0,RMOTOR:0,OBSTACLE:0,WARNING:0")

    def test_no_echo_is_minus_1(self) -> None:
        assert Bench(None).data().startswith("DATA:S1:-1,S2:-1,S3:-1,")

    def test_several_commands_in_one_burst_are_answered_in_order(self) -> None:
        assert Bench().ask("SERVO:1\nSTATUS\nSTOP") == [
            "ACK:SERVO:OK:1",
            "STATUS:SERVO:1,LMOTOR:0,RMOTOR:0",
            "ACK:STOP:OK",
        ]

    def test_data_is_sent_before_the_commands_are_read(self) -> None:
        bench = Bench()
        bench.run_until("DATA:")
        bench.run(0.03)  # at rest between two loops
        assert bench.board.motors == HALT
        lines = bench.run(0.2, b"FORWARD\n")
        assert lines[0].startswith("DATA:")
        assert lines[1] == "ACK:FORWARD:OK"

    def test_127_characters_are_kept_and_the_rest_is_lost_without_a_word(self) -> None:
        assert Bench().ask("x" * 200) == [f"ACK:{'x' * 127}:UNKNOWN"]
        assert Bench().ask("FORWARD" + "!" * 200) == ["ACK:FORWARD:OK"]
        assert Bench().ask("!" * 127 + "\nSTOP") == [f"ACK:{'!' * 127}:UNKNOWN", "ACK:STOP:OK"]


class TestUsb:
    def test_commands_are_obeyed_and_answered_to_the_pi_alone(self) -> None:
        bench = Bench(300)
        bench.board.read_usb()
        bench.board.type_on_usb(b"LEFT\n")
        assert [line for line in bench.run(0.3) if line.startswith("ACK")] == ["ACK:LEFT:OK"]
        assert str(bench.board.pins) == "1001"
        told = bench.board.read_usb()
        assert b"Command from USB: LEFT." in told
        assert b"ACK" not in told
        assert b"DATA" not in told

    def test_each_loop_tells_people_what_it_measured(self) -> None:
        bench = Bench(50)
        bench.board.read_usb()
        bench.run(1.0)
        lines = bench.board.read_usb().split(b"\r\n")[:-1]
        assert len(lines) == pytest.approx(17, abs=1)
        assert set(lines) == {b"left 53 cm, centre 50 cm, right 53 cm, gas 321, obstacle 0, warning 0, fwd 1"}

    def test_of_lines_that_nobody_reads_the_newest_are_kept(self) -> None:
        bench = Bench(50)
        bench.run(60)
        assert bench.board.read_usb().count(b"\r\n") == KEPT_USB_LINES

    def test_the_ports_share_one_buffer_of_127_characters(self) -> None:
        bench = Bench(300)
        bench.board.type_on_usb(b"x" * 100)
        bench.run(0.2)
        assert bench.ask("STOP" + "y" * 100) == [f"ACK:{'x' * 100}STOP{'y' * 23}:UNKNOWN"]

    def test_half_a_line_on_usb_spoils_the_pis_stop_and_its_repetition_is_obeyed(self) -> None:
        bench = Bench(300)
        bench.ask("FORWARD")
        bench.board.type_on_usb(b"hello")
        bench.run(0.2)
        assert bench.ask("STOP") == ["ACK:helloSTOP:UNKNOWN"]
        assert bench.board.motors == FULL
        assert bench.ask("STOP") == ["ACK:STOP:OK"]


class TestPace:
    def test_a_line_is_not_heard_before_its_last_byte_has_arrived(self) -> None:
        bench = Bench(300)
        period_s = loop_s(bench)
        reads_at = bench.now + period_s - len(bench.lines[-1][1] + "\r\n") * BYTE_S  # right after it has printed
        bench.run(reads_at - 0.005 - bench.now)
        bench.run(0.0, b"FORWARD" + b"." * 100 + b"\n")  # 9.4 ms
        assert not any(line.startswith("ACK") for line in bench.run(period_s))
        assert "ACK:FORWARD:OK" in bench.run(0.02)

    def test_answers_leave_at_the_lines_pace(self) -> None:
        bench = Bench(300)
        bench.run(0.2, b"STATUS\n" * 30)
        bench.run(1.0)
        times = [when for when, line in bench.lines if line.startswith("STATUS")]
        length = len("STATUS:SERVO:90,LMOTOR:0,RMOTOR:0\r\n")
        assert len(times) == 30
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= length * BYTE_S - 1e-9

    def test_many_bytes_at_once_are_not_lost_when_the_loop_reads_in_time(self) -> None:
        bench = Bench(300)
        bench.run(2.0, b"STOP\n" * 40)
        assert sum(line == "ACK:STOP:OK" for _, line in bench.lines) == 40
        assert bench.board.lost_bytes == 0


class TestCommands:
    @pytest.mark.parametrize(
        ("command", "reply", "motors"),
        [
            ("FORWARD", "ACK:FORWARD:OK", (255, 255)),
            ("BACKWARD", "ACK:BACKWARD:OK", (-255, -255)),
            ("LEFT", "ACK:LEFT:OK", (255, -255)),
            ("RIGHT", "ACK:RIGHT:OK", (-255, 255)),
            ("forward", "ACK:FORWARD:OK", (255, 255)),
            ("  Left  ", "ACK:LEFT:OK", (255, -255)),
        ],
    )
    def test_moves_at_full_power(self, command: str, reply: str, motors: tuple[int, int]) -> None:
        bench = Bench(300)
        assert bench.ask(command) == [reply]
        assert bench.board.motors == motors

    @pytest.mark.parametrize("command", ["FORWARD:60:500", "FORWARDS", "BACKWARD 1", "LEFTOVER", "RIGHT!"])
    def test_moves_are_recognised_by_their_beginning_and_the_rest_is_ignored(self, command: str) -> None:
        bench = Bench(300)
        token = re.match("FORWARD|BACKWARD|LEFT|RIGHT", command)
        assert token
        assert bench.ask(command) == [f"ACK:{token[0]}:OK"]
        assert bench.board.motors != HALT

    @pytest.mark.parametrize(
        "command", ["STOP:1", "STOPP", "STATUS?", "RESET1", "SCANS", "CLEARBLOCKS", "FWD", "SERVO"]
    )
    def test_the_others_must_match_exactly_and_come_back_as_received_if_not(self, command: str) -> None:
        bench = Bench(300)
        bench.ask("FORWARD")
        assert bench.ask(command) == [f"ACK:{command}:UNKNOWN"]
        assert bench.board.motors == FULL

    def test_an_unknown_text_keeps_its_case_and_its_colons(self) -> None:
        assert Bench().ask("  Dance:Now ") == ["ACK:Dance:Now:UNKNOWN"]

    def test_bytes_that_are_no_text_come_back_too(self) -> None:
        assert Bench().ask(b"\xff\xfe") == ["ACK:\xff\xfe:UNKNOWN"]

    @pytest.mark.parametrize("command", ["SPEED:50", "SPEED:101"])
    def test_the_old_firmware_knows_no_speed(self, command: str) -> None:
        assert Bench().ask(command) == [f"ACK:{command}:UNKNOWN"]

    @pytest.mark.parametrize(
        ("number", "angle"),
        [("0", 0), ("45", 45), ("180", 180), ("181", 180), ("-5", 0), ("99999999999999", 180), ("wide", 0), ("", 0),
         (" 30", 30), ("30.9", 30), ("12abc", 12)],
    )  # fmt: skip
    def test_the_servo_angle_is_clamped_and_a_non_number_is_0(self, number: str, angle: int) -> None:
        bench = Bench()
        assert bench.ask(f"SERVO:{number}") == [f"ACK:SERVO:OK:{angle}"]
        assert f"SERVO:{angle}," in bench.data()

    def test_status_tells_servo_and_motors_and_nothing_else(self) -> None:
        assert Bench().ask("STATUS") == ["STATUS:SERVO:90,LMOTOR:0,RMOTOR:0"]

    def test_the_motors_are_reported_as_0_even_while_they_run(self) -> None:
        bench = Bench(300)
        bench.ask("FORWARD")
        assert bench.ask("STATUS") == ["STATUS:SERVO:90,LMOTOR:0,RMOTOR:0"]
        assert "LMOTOR:0,RMOTOR:0" in bench.data()

    def test_reset_centres_the_servo_and_stops(self) -> None:
        bench = Bench(300)
        bench.ask("SERVO:10")
        bench.ask("BACKWARD")
        assert bench.ask("RESET") == ["ACK:RESET:OK"]
        assert bench.board.motors == HALT
        assert "SERVO:90" in bench.data()

    def test_there_is_no_time_out_the_last_motion_goes_on(self) -> None:
        bench = Bench(None)
        bench.ask("FORWARD")
        bench.run(60.0)
        assert bench.board.motors == FULL
        assert bench.world.travelled_m > 25

    @pytest.mark.parametrize(
        ("command", "pins"),
        [("FORWARD", "1010"), ("BACKWARD", "0101"), ("LEFT", "1001"), ("RIGHT", "0110"), ("STOP", "0000")],
    )
    def test_it_sets_the_pins_of_the_motor_driver(self, command: str, pins: str) -> None:
        bench = Bench(300)
        bench.ask(command)
        assert str(bench.board.pins) == pins

    @pytest.mark.parametrize(
        ("wiring", "command", "lowest_deg", "highest_deg"),
        [
            (DOCUMENTED, "LEFT", 45, 135),
            (DOCUMENTED, "RIGHT", 225, 315),
            (CROSSED, "LEFT", 225, 315),
            (CROSSED, "RIGHT", 45, 135),
        ],
    )
    def test_the_wiring_alone_decides_which_way_the_car_turns(
        self, wiring: Wiring, command: str, lowest_deg: float, highest_deg: float
    ) -> None:
        bench = Bench(None, wiring=wiring)
        bench.ask(command, 0.5)
        assert lowest_deg < bench.world.pose.heading_deg < highest_deg, "clockwise from north"


class TestSpeedControl:
    def test_speed_sets_the_power_of_the_motors_also_while_they_run(self) -> None:
        bench = Bench(None, speed_control=True)
        bench.ask("FORWARD")
        assert bench.ask("SPEED:40") == ["ACK:SPEED:OK:40"]
        assert bench.board.motors == (102, 102)
        bench.ask("BACKWARD")
        assert bench.board.motors == (-102, -102)
        bench.run(2.0)
        assert bench.world.speed_m_s == pytest.approx(-0.45 * 0.4, abs=0.001)

    @pytest.mark.parametrize("number", ["101", "-1", "fast", "", "1000", "5.5"])
    def test_what_is_not_0_to_100_is_refused_and_changes_nothing(self, number: str) -> None:
        bench = Bench(None, speed_control=True)
        bench.ask("FORWARD")
        assert bench.ask(f"SPEED:{number}") == ["ACK:SPEED:ERROR:RANGE"]
        assert bench.board.motors == FULL

    def test_the_motors_are_reported_truly(self) -> None:
        bench = Bench(None, speed_control=True)
        bench.ask("SPEED:50")
        bench.ask("LEFT")
        assert "LMOTOR:127,RMOTOR:-127" in bench.data()
        assert bench.ask("STATUS") == ["STATUS:SERVO:90,LMOTOR:127,RMOTOR:-127"]


MOTION = re.compile(rb"FORWARD|BACKWARD|LEFT|RIGHT|SCAN", re.IGNORECASE)
TOKENS = [
    b"FORWARD",
    b"STOP",
    b"left",
    b"SCAN",
    b"SERVO:",
    b"SPEED:",
    b"RESET",
    b"\n",
    b"\r",
    b"\0",
    b"FOR",
    b"WARD",
    b" ",
]


@given(st.lists(st.binary(max_size=40) | st.sampled_from(TOKENS), max_size=12), st.booleans())
@example([b"FOR", b"\n", b"WARD\n"], False)
@example([b"\0FORWARD\n"], False)
def test_whatever_arrives_nothing_is_raised_and_nothing_moves_without_a_motion_line(
    chunks: list[bytes], newer: bool
) -> None:
    bench = Bench(None, speed_control=newer)
    moved = False
    for chunk in [*chunks, b"\n"]:
        bench.run(0.2, chunk)
        moved = moved or bench.board.motors != HALT or bench.world.travelled_m > 0
    lines = re.split(rb"[\r\n]", b"".join(chunks) + b"\n")
    allowed = [line for line in lines if MOTION.match(line[:127].partition(b"\0")[0].strip())]
    if not allowed:
        assert not moved
        bench.run(1.0)
        assert bench.world.travelled_m == 0


def test_60_s_of_driving_are_the_same_for_the_same_seed() -> None:
    def drive(seed: int) -> bytes:
        board = Firmware(World.load("living_room", seed=seed))
        commands = [b"FORWARD\n", b"LEFT\n", b"BACKWARD\n", b"RIGHT\n", b"SCAN\n", b"STOP\n"]
        sent = []
        for tick in range(6000):
            command = commands[tick // 75 % len(commands)] if tick % 75 == 0 else b""
            sent.append(board.advance(tick / 100, command))
        return b"".join(sent)

    first = drive(7)
    assert first == drive(7)
    assert first != drive(8)
    assert first.count(b"DATA:") > 300
