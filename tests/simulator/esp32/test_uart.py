"""Bytes leave and arrive at the line's pace, and only what finds no room is lost or waited for."""

from __future__ import annotations

import pytest

from smartcar_mqtt.simulator.esp32.uart import RECEIVE_BYTES, TRANSMIT_BYTES, Receiver, Transmitter

BAUD = 10_000  # a byte takes a millisecond
BYTE_S = 0.001


class TestTransmitter:
    def test_the_writer_goes_on_while_the_bytes_leave_one_by_one(self) -> None:
        transmitter = Transmitter(BAUD)
        assert transmitter.write(5.0, 100) == (0.0, pytest.approx(5.1))
        assert transmitter.write(5.05, 20) == (0.0, pytest.approx(5.12)), "after those of before"
        assert transmitter.write(9.0, 1) == (0.0, pytest.approx(9.001))

    def test_the_writer_waits_for_what_has_no_room(self) -> None:
        transmitter = Transmitter(BAUD)
        wait_s, leaves_at = transmitter.write(0.0, TRANSMIT_BYTES + 7)
        assert wait_s == pytest.approx(7 * BYTE_S)
        assert leaves_at == pytest.approx((TRANSMIT_BYTES + 7) * BYTE_S)
        assert transmitter.write(wait_s, 3)[0] == pytest.approx(3 * BYTE_S), "it is still full then"


class TestReceiver:
    def test_bytes_that_are_written_at_once_arrive_one_by_one(self) -> None:
        receiver = Receiver(BAUD)
        receiver.send(1.0, b"STOP\n")
        assert receiver.read(1.0) == b""
        assert receiver.read(1.0035) == b"STO"
        assert receiver.busy_s(1.0035) == pytest.approx(0.0015)
        assert receiver.read(1.0051) == b"P\n"
        assert receiver.read(2.0) == b""

    def test_what_is_written_later_comes_after_it(self) -> None:
        receiver = Receiver(BAUD)
        receiver.send(0.0, b"abc")
        receiver.send(0.001, b"d")
        assert receiver.read(0.0035) == b"abc"
        assert receiver.read(0.0041) == b"d"

    def test_lines_are_handed_out_one_by_one(self) -> None:
        receiver = Receiver(BAUD)
        receiver.send(0.0, b"one\r\ntwo\nrest")
        assert [receiver.read(1.0) for _ in range(5)] == [b"one\r", b"\n", b"two\n", b"rest", b""]

    def test_only_what_finds_the_buffer_full_is_lost(self) -> None:
        receiver = Receiver(BAUD)
        data = bytes(number % 250 + 20 if number % 250 < 230 else 65 for number in range(1000)).replace(b"\n", b"x")
        receiver.send(0.0, data)
        assert receiver.read(0.2005) == data[:200], "read in time"
        assert receiver.read(0.5005) == data[200 : 200 + RECEIVE_BYTES], "44 of 300 have found it full"
        assert receiver.lost_bytes == 300 - RECEIVE_BYTES
        assert receiver.read(0.6005) == data[500:600]

    def test_clearing_forgets_what_is_on_its_way_too(self) -> None:
        receiver = Receiver(BAUD)
        receiver.send(0.0, b"STOP\n")
        receiver.clear()
        assert receiver.read(9.0) == b""
        assert receiver.busy_s(0.0) == 0
