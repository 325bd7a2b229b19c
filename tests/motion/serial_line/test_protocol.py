"""Lines of the ESP32: what is exactly one is read, whatever else is damaged and changes nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.motion.serial_line.protocol import (
    MAX_LINE_BYTES,
    Ack,
    Alert,
    BadLineError,
    Banner,
    Frame,
    LineSplitter,
    Scanned,
    Status,
    parse_line,
    servo_line,
    speed_line,
    tells_of_damage,
    word_line,
)
from smartcar_mqtt.simulator.esp32.firmware import BANNER

DATA = b"DATA:S1:80,S2:120,S3:-1,MQ2:150,SERVO:90,LMOTOR:-255,RMOTOR:255,OBSTACLE:0,WARNING:1"
LINES = {
    DATA: Frame(80, 120, None, 150, 90, -255, 255, obstacle=False, warning=True),
    b"ACK:FORWARD:OK": Ack("FORWARD", "OK"),
    b"ACK:STOP:OK": Ack("STOP", "OK"),
    b"ACK:SERVO:OK:180": Ack("SERVO", "OK", "180"),
    b"ACK:SPEED:OK:60": Ack("SPEED", "OK", "60"),
    b"ACK:SPEED:ERROR:RANGE": Ack("SPEED", "ERROR", "RANGE"),
    b"ACK:FORWARD:BLOCKED:OBSTACLE": Ack("FORWARD", "BLOCKED", "OBSTACLE"),
    b"ACK:FORWARD:BLOCKED:WARNING_ZONE": Ack("FORWARD", "BLOCKED", "WARNING_ZONE"),
    b"ACK:SPEED:100:UNKNOWN": Ack("SPEED:100", "UNKNOWN"),
    b"ACK::UNKNOWN": Ack("", "UNKNOWN"),
    b"STATUS:SERVO:90,LMOTOR:0,RMOTOR:-255": Status(90, 0, -255),
    b"ALERT:COLLISION:EMERGENCY_STOP,S1:8,S2:-1,S3:-1": Alert("EMERGENCY_STOP", 8),
    b"ALERT:COLLISION:WARNING_ZONE,S1:18,S2:-1,S3:120": Alert("WARNING_ZONE", 18),
    b"ALERT:COLLISION:CLEAR,S1:28,S2:-1,S3:120": Alert("CLEAR", 28),
    b"SCAN:START": Scanned("SCAN:START"),
    b"SCAN:POS:315,S1:80,S2:-1,S3:120": Scanned("SCAN:POS:315,S1:80,S2:-1,S3:120"),
    b"SCAN:BEST:90,DIST:120": Scanned("SCAN:BEST:90,DIST:120"),
    b"SCAN:COMPLETE": Scanned("SCAN:COMPLETE"),
    BANNER.encode(): Banner(BANNER),
}
END = b"\r\n"
NUMBER = r"(?:0|-?[1-9]\d*)"
EXACT_DATA = re.compile(
    f"DATA:S1:{NUMBER},S2:{NUMBER},S3:{NUMBER},MQ2:{NUMBER},SERVO:{NUMBER},LMOTOR:{NUMBER},RMOTOR:{NUMBER},"
    "OBSTACLE:[01],WARNING:[01]"
)


def read(received: bytes, splitter: LineSplitter | None = None) -> tuple[list[object], int]:
    """What the serial thread makes of bytes: values, and the number of damaged lines."""
    values: list[object] = []
    bad = 0
    for line in (splitter or LineSplitter()).feed(received):
        if line is None:
            bad += 1
            continue
        try:
            values.append(parse_line(line))
        except BadLineError:
            bad += 1
    return values, bad


class TestLines:
    @pytest.mark.parametrize(("line", "value"), LINES.items())
    def test_each_kind_of_line_is_read(self, line: bytes, value: object) -> None:
        assert parse_line(line) == value
        assert read(line + END) == ([value], 0)

    def test_zero_is_the_nearest_distance_and_minus_one_is_none(self) -> None:
        assert Frame(80, 0, None, 0, 0, 0, 0, obstacle=False, warning=False).nearest == 0
        assert Frame(None, None, None, 0, 0, 0, 0, obstacle=False, warning=False).nearest is None
        assert Frame(30, 40, 20, 0, 0, 0, 0, obstacle=False, warning=False).nearest == 20

    @pytest.mark.parametrize(
        ("was", "becomes"),
        [
            (b"S1:80", b"S1:-2"),
            (b"S1:80", b"S1:601"),
            (b"S2:120", b"S2:9999"),
            (b"MQ2:150", b"MQ2:4096"),
            (b"MQ2:150", b"MQ2:-1"),
            (b"SERVO:90", b"SERVO:181"),
            (b"LMOTOR:-255", b"LMOTOR:-256"),
            (b"RMOTOR:255", b"RMOTOR:256"),
            (b"WARNING:1", b"WARNING:2"),
        ],
    )
    def test_a_number_out_of_its_range_spoils_the_line(self, was: bytes, becomes: bytes) -> None:
        damaged = DATA.replace(was, becomes)
        assert damaged != DATA
        with pytest.raises(BadLineError):
            parse_line(damaged)

    @pytest.mark.parametrize(
        "becomes", [b"S2:020", b"S2:00", b"S2:-0", b"S2:+20", b"S2: 20", b"S2:", b"S2:2O", b"S2:1e1"]
    )
    def test_a_number_that_the_firmware_would_not_print_spoils_the_line(self, becomes: bytes) -> None:
        with pytest.raises(BadLineError):
            parse_line(DATA.replace(b"S2:120", becomes))

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b" " + DATA,
            DATA + b" ",
            DATA + b"\n",
            DATA.lower(),
            DATA + b",X:1",
            b"DATA:S1:80",
            b"ACK:FORWARD:OK:1",
            b"ACK:forward:OK",
            b"ACK:SERVO:OK:181",
            b"ACK:SERVO:OK:999",
            b"ACK:SERVO:OK:09",
            b"ACK:SPEED:OK:101",
            b"ACK:JUMP:OK",
            b"ACK:caf\xc3\xa9:UNKNOWN",
            b"ALERT:COLLISION:SOON,S1:8,S2:8,S3:8",
            b"STATUS:SERVO:181,LMOTOR:0,RMOTOR:0",
            b"ERROR:nobody knows",
            b'{"type": "data"}',
        ],
    )
    def test_whatever_is_not_exactly_a_known_line_is_damaged(self, line: bytes) -> None:
        with pytest.raises(BadLineError):
            parse_line(line)

    @pytest.mark.parametrize("stray", [b"\0", b"\xff", b"\xff\0\xfe\n\x80", b"DATA:S1:8", bytes(range(127, 256)) * 5])
    def test_a_banner_is_recognised_behind_whatever_bytes(self, stray: bytes) -> None:
        lines = [parse_line(line) for line in LineSplitter().feed(stray + BANNER.encode() + b"\r\n") if line]
        assert [line.text[-len(BANNER) :] for line in lines if isinstance(line, Banner)] == [BANNER]

    @pytest.mark.parametrize("line", [b"ACK:ST\xffP:UNKNOWN", b"ACK:\x80\x00:UNKNOWN", b"\x13CK:LEFT:UNKNOWN"])
    def test_an_unknown_with_odd_bytes_tells_of_damage(self, line: bytes) -> None:
        with pytest.raises(BadLineError):
            parse_line(line)
        assert tells_of_damage(line)

    def test_commands_are_words_with_an_end_of_line(self) -> None:
        assert word_line("forward") == b"FORWARD\n"
        assert servo_line(45) == b"SERVO:45\n"
        assert speed_line(60) == b"SPEED:60\n"


class TestCutLines:
    """A line that lost its end sticks to the one that follows; one whose CR was lost has no end of ours."""

    @pytest.mark.parametrize("line", LINES)
    def test_cut_anywhere_it_spoils_the_next_line_and_says_nothing(self, line: bytes) -> None:
        for follower, value in LINES.items():
            for at in range(1, len(line)):
                values, bad = read(line[:at] + follower + END + DATA + END)
                assert values[-1] == LINES[DATA], (line[:at], follower)  # the line after is whole again
                if isinstance(value, Banner):
                    assert [type(each) for each in values[:-1]] in ([Banner], []), "a restart may still be seen"
                else:
                    assert (values[:-1], bad) == ([], 1), (line[:at], follower)

    @pytest.mark.parametrize("line", LINES)
    @pytest.mark.parametrize("end", [b"\n", b"\r", b""])
    def test_without_both_ends_nothing_is_a_line(self, line: bytes, end: bytes) -> None:
        for at in range(1, len(line) + 1):
            assert read(line[:at] + end)[0] == []

    @pytest.mark.parametrize("line", [line for line in LINES if b"DATA:" in line or b"ALERT" not in line])
    def test_bytes_lost_before_the_end_never_give_other_readings_or_another_answer(self, line: bytes) -> None:
        for at in range(1, len(line)):
            values, _ = read(line[:at] + END)
            for value in values:
                # Only a number at the very end can get shorter unseen: of no use to anything that moves the car.
                assert isinstance(value, Status | Scanned) or (isinstance(value, Ack) and value.detail), line[:at]

    @pytest.mark.parametrize("line", LINES)
    def test_a_line_that_lost_its_beginning_says_nothing(self, line: bytes) -> None:
        for at in range(1, len(line)):
            values, _ = read(line[at:] + END)
            assert all(isinstance(value, Banner) for value in values), line[at:]


class TestSplitter:
    def test_over_long_lines_are_counted_once_and_the_next_is_whole(self) -> None:
        assert read(b"x" * 5000 + END + DATA + END) == ([LINES[DATA]], 1)

    @pytest.mark.parametrize("size", [MAX_LINE_BYTES - 2, MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 700])
    @pytest.mark.parametrize("chunk", [1, 7, 256, 257, 258, 5000])
    def test_how_the_bytes_arrive_does_not_matter_to_a_long_line(self, size: int, chunk: int) -> None:
        received = b"x" * size + END + DATA + END
        splitter = LineSplitter()
        found = [line for at in range(0, len(received), chunk) for line in splitter.feed(received[at : at + chunk])]
        assert found == [b"x" * size if size < MAX_LINE_BYTES else None, DATA]

    def test_an_unfinished_line_is_forgotten_when_told_so(self) -> None:
        splitter = LineSplitter()
        assert read(DATA[:20], splitter) == ([], 0)
        splitter.clear()
        assert read(DATA + END, splitter) == ([LINES[DATA]], 0)

    def test_empty_lines_are_nothing(self) -> None:
        assert read(END + END + DATA + END + END) == ([LINES[DATA]], 0)

    @given(
        lines=st.lists(st.sampled_from([*LINES, b"noise", b"x" * 300, b""]), max_size=8),
        cuts=st.lists(st.integers(0, 400), max_size=12),
    )
    def test_how_the_bytes_arrive_does_not_matter(self, lines: list[bytes], cuts: list[int]) -> None:
        received = b"".join(line + END for line in lines)
        splitter = LineSplitter()
        found = []
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(received)], strict=True):
            found += list(splitter.feed(received[start:end]))
        assert found == list(LineSplitter().feed(received))

    @given(st.lists(st.binary(max_size=64) | st.sampled_from([*LINES, END, b"DATA:S1:", b"ACK:"]), max_size=20))
    def test_any_bytes_give_known_values_or_are_damaged(self, chunks: list[bytes]) -> None:
        splitter = LineSplitter()
        for chunk in chunks:
            for line in splitter.feed(chunk):
                try:
                    value = parse_line(line) if line is not None else None
                except BadLineError:
                    continue
                if isinstance(value, Frame):
                    assert EXACT_DATA.fullmatch(line.decode())
                    assert all(-1 <= int(each) <= 600 for each in re.findall(r"S\d:(-?\d+)", line.decode()))

    @given(st.from_regex(EXACT_DATA, fullmatch=True))
    def test_a_line_of_the_right_form_is_read_back_or_out_of_range(self, line: str) -> None:
        try:
            frame = parse_line(line.encode())
        except BadLineError:
            return
        assert isinstance(frame, Frame)
        distances = [-1 if each is None else each for each in (frame.left, frame.center, frame.right)]
        again = "DATA:S1:{},S2:{},S3:{},MQ2:{},SERVO:{},LMOTOR:{},RMOTOR:{},OBSTACLE:{:d},WARNING:{:d}".format(
            *distances, frame.gas, frame.servo, frame.left_motor, frame.right_motor, frame.obstacle, frame.warning
        )
        assert again == line
