"""Payloads of commands: a stop is understood whatever else is wrong, and nothing but a motion word is a motion."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridges.motion.bridge import Motion
from bridges.motion.drive import Drive, is_stop, parse_drive
from bridges.motion.serial_line.protocol import DIRECTIONS
from smartcar_mqtt.commands import CommandError, Refused
from smartcar_mqtt.entities import CommandEntity, Switch

WORDS = {*DIRECTIONS, "stop"}
COMMANDS = {key: entity for key, entity in Motion.entities.items() if isinstance(entity, CommandEntity)}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(sorted(WORDS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ENVELOPES = st.dictionaries(
    st.sampled_from(["direction", "speed", "duration", "source", "id", "value", "time", "expires", "x"]),
    JSON_VALUES,
    max_size=6,
).map(lambda fields: json.dumps(fields).encode())
PAYLOADS = st.binary(max_size=60) | st.text(max_size=30).map(str.encode) | ENVELOPES
HUGE = b"1" + b"0" * 400


def refused(payload: bytes) -> str:
    with pytest.raises(Refused) as caught:
        parse_drive(payload)
    return str(caught.value)


class TestWords:
    @pytest.mark.parametrize("word", sorted(WORDS))
    def test_a_word_is_a_direction_in_any_case(self, word: str) -> None:
        for payload in (word, word.upper(), f" {word.title()}\n"):
            assert parse_drive(payload.encode()).value == Drive(word)

    def test_json_tells_speed_duration_and_sender(self) -> None:
        parsed = parse_drive(b'{"direction": "Left", "speed": 60, "duration": 1.5, "source": "remote", "id": 7}')
        assert parsed.value == Drive("left", 60, 1.5)
        assert (parsed.source, parsed.id) == ("remote", 7)
        assert parse_drive(b'{"direction": "left", "speed": null, "duration": null}').value == Drive("left")

    @pytest.mark.parametrize(
        "payload",
        [b"", b" ", b"\xff\xfe", b"\0", b"forwards", b"f", b"FORWARD\0", b"stopper", b"unstop", b"[]", b"1", b"ON"],
    )
    def test_anything_else_is_refused(self, payload: bytes) -> None:
        assert refused(payload)

    @pytest.mark.parametrize(
        "payload",
        [b"{", b"{}", b'["forward"]', b'{"direction": 1}', b'{"direction": null}', b'{"direction": ["left"]}'],
    )
    def test_json_without_a_direction_is_refused(self, payload: bytes) -> None:
        assert refused(payload)

    def test_an_unknown_field_is_refused_by_name(self) -> None:
        assert "'durations'" in refused(b'{"direction": "left", "durations": 1}')

    @pytest.mark.parametrize("source", [b"1", b"true", b'["x"]', b'"' + b"x" * 65 + b'"', b'"a\\nb"'])
    def test_a_strange_sender_is_refused(self, source: bytes) -> None:
        assert "source" in refused(b'{"direction": "left", "source": %b}' % source)


class TestDuration:
    @pytest.mark.parametrize("duration", [b"0", b"0.0", b"-0.0", b"-1", b"-1e-9"])
    def test_zero_and_less_are_out_of_range(self, duration: bytes) -> None:
        assert "out of range" in refused(b'{"direction": "left", "duration": %b}' % duration)

    @pytest.mark.parametrize(
        "duration", [b"NaN", b"Infinity", b"1e999", b"true", b"false", b'"1"', b"[1]", b"{}", HUGE, b"-" + HUGE]
    )
    def test_what_is_no_number_is_refused(self, duration: bytes) -> None:
        assert refused(b'{"direction": "left", "duration": %b}' % duration)

    @pytest.mark.parametrize("speed", [b"0", b"0.4", b"-5", b"101", b"100.5", b"true", b'"50"', b"NaN", HUGE])
    def test_speed_is_a_number_from_1_to_100(self, speed: bytes) -> None:
        assert refused(b'{"direction": "left", "speed": %b}' % speed)

    @pytest.mark.parametrize(
        ("speed", "duration", "rounded"),
        [
            (b"50.5", b"1.5", (51, 1.5)),
            (b"100.0000001", b"5.000000000000001", (100, 5.0)),
            (b"0.9999999", b"4.9999999", (1, 5.0)),
            (b"60", b"0.0012", (60, 0.001)),
        ],
    )
    def test_numbers_are_rounded_to_their_step(self, speed: bytes, duration: bytes, rounded: tuple[int, float]) -> None:
        drive = parse_drive(b'{"direction": "left", "speed": %b, "duration": %b}' % (speed, duration)).value
        assert (drive.speed, drive.duration) == rounded


class TestStop:
    @pytest.mark.parametrize(
        "rest",
        [
            b'"speed": "fast"',
            b'"duration": -1',
            b'"duration": ' + HUGE,
            b'"nonsense": {"a": []}',
            b'"source": 5',
            b'"id": [1]',
            b'"source": "' + b"x" * 100 + b'"',
        ],
    )
    def test_a_stop_is_understood_whatever_else_is_wrong(self, rest: bytes) -> None:
        assert parse_drive(b'{"direction": "STOP", %b}' % rest).value == Drive("stop")

    @pytest.mark.parametrize(
        "payload",
        [
            b'{"direction":"stop",}',
            b'{"direction":"stop"',
            b"{'direction': 'stop'}",
            b'{"direction": "stop!"}',
            b'{"direction": ["stop"]}',
            b'{"dir": "stop"}',
            b'{"direction": "forward", "duration": "stop"}',
            b'["stop"]',
            b'"stop"',
            b"stop!",
            b"Stop now.",
            b"STOP STOP STOP",
            b"halt",
            b"HALT!",
            b"please stop",
            b"forward stop",
            b"\xef\xbb\xbfstop",
            b'\xef\xbb\xbf{"direction": "stop"}',
            b"stop\0\0",
            "stop".encode("utf-16"),
            b"stop\xff",
            b"stop " + b"x" * 100_000,
        ],
    )
    def test_what_is_recognisably_a_stop_is_one(self, payload: bytes) -> None:
        assert parse_drive(payload).value == Drive("stop")

    @pytest.mark.parametrize("payload", [b'{"direction": "left", "source": "stop-button"}', b'{"direction": "left"}'])
    def test_a_proper_move_is_a_move_whatever_its_sender_is_called(self, payload: bytes) -> None:
        assert parse_drive(payload).value == Drive("left")

    @pytest.mark.parametrize(
        "payload",
        [b"1", b"yes", b"YES!", b"on!", b'"ON"', b"\xef\xbb\xbfON", b"true.", b'{"value": 1}', b'{"value": "yes"}',
         b'{"value": true, "source": 5}', b'{"value": 1,}', b'{"state": "ON"}', b'{"value": "ON"', b"ON\0",
         b"{'value': 'on'}"],
    )  # fmt: skip
    def test_what_is_recognisably_on_latches_the_emergency_stop(self, payload: bytes) -> None:
        assert COMMANDS["emergency_stop"].parse(payload).value is True

    @pytest.mark.parametrize(
        "payload",
        [b"0", b"no", b"off!", b'"OFF"', b"\xef\xbb\xbfOFF", b'{"value": 0}', b'{"value": "OFF",}', b'{"state": "OFF"}',
         b"10", b"onward", b'{"value": 10}', b'{"value": 1.5}', b""],
    )  # fmt: skip
    def test_everything_else_changes_nothing_of_the_emergency_stop(self, payload: bytes) -> None:
        with pytest.raises(Refused):
            COMMANDS["emergency_stop"].parse(payload)

    @pytest.mark.parametrize("payload", [b"1", b"yes", b'{"value": 1}', b"on!"])
    def test_other_switches_are_read_strictly(self, payload: bytes) -> None:
        switch = Switch(immediate=True)
        with pytest.raises(Refused):
            switch.parse(payload)

    def test_a_stop_keeps_its_sender(self) -> None:
        parsed = parse_drive(b'{"direction": "stop", "source": "remote", "id": "a", "speed": "?"}')
        assert (parsed.source, parsed.id) == ("remote", "a")

    def test_only_a_stop_is_obeyed_when_retained_or_late(self) -> None:
        drive, stop, switch = COMMANDS["drive"], COMMANDS["stop"], COMMANDS["emergency_stop"]
        assert is_stop(Drive("stop"))
        assert drive.always_obeyed(Drive("stop"))
        assert stop.always_obeyed(None)
        assert switch.always_obeyed(True)
        assert not switch.always_obeyed(False)
        assert not any(drive.always_obeyed(Drive(direction)) for direction in DIRECTIONS)
        others = COMMANDS.keys() - {"drive", "stop", "emergency_stop"}
        assert not [key for key in others if COMMANDS[key].always_obeyed(None)]

    def test_whatever_moves_or_stops_the_car_never_waits_behind_another_command(self) -> None:
        assert [key for key, entity in COMMANDS.items() if not entity.immediate] == []


class TestAnyBytes:
    @given(PAYLOADS)
    @example(b"[" * 100_000)
    @example(b'{"direction": ' * 2000)
    @example(b'{"direction": "forward", "duration": %b}' % HUGE)
    def test_they_give_a_motion_only_with_a_motion_word(self, payload: bytes) -> None:
        try:
            drive = parse_drive(payload).value
        except CommandError:
            return
        assert drive.direction in WORDS
        if drive.direction == "stop":
            return
        text = payload.decode().strip()
        said = json.loads(text)["direction"] if text.startswith("{") else text
        assert said.strip().lower() == drive.direction
        assert drive.duration is None or drive.duration > 0
        assert drive.speed is None or 1 <= drive.speed <= 100

    @pytest.mark.parametrize("key", COMMANDS)
    @given(payload=PAYLOADS)
    @example(payload=b'{"value": %b}' % HUGE)
    @example(payload=b"[" * 100_000)
    def test_they_are_read_or_refused_by_every_command(self, key: str, payload: bytes) -> None:
        with contextlib.suppress(CommandError):
            COMMANDS[key].parse(payload)

    @pytest.mark.parametrize("key", ["forward", "backward", "left", "right", "scan"])
    @given(payload=st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
    def test_a_button_is_pressed_only_by_press_or_json(self, key: str, payload: bytes) -> None:
        try:
            COMMANDS[key].parse(payload)
        except CommandError:
            return
        text = payload.decode().strip()
        assert text.upper() == "PRESS" or isinstance(json.loads(text), dict)
