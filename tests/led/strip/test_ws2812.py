"""What leaves the SPI controller is what WS2812 pixels read: times, order, pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.led.strip.ws2812 import SPI_HZ, encode, encoded_size
from tests.led.strip import waveform


def test_the_oscilloscope_of_these_tests_runs_at_the_same_speed() -> None:
    assert waveform.SPI_HZ == SPI_HZ


@given(st.binary(max_size=900))
def test_pixels_read_back_every_byte(data: bytes) -> None:
    assert waveform.bytes_of(encode(data)) == data


@given(st.binary(max_size=90), st.integers(1, 8))
def test_they_do_so_where_the_controller_rests_after_each_byte(data: bytes, clocks: int) -> None:
    assert waveform.bytes_of(encode(data), rest_clocks=clocks) == data


def test_every_byte_of_spi_ends_low_so_that_it_does_not_matter_how_the_controller_rests() -> None:
    assert not any(byte & 1 for byte in encode(bytes(range(256))))


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), max_size=60))
def test_pixels_show_the_colours_in_their_places(colours: list[tuple[int, int, int]]) -> None:
    data = bytes(level for red, green, blue in colours for level in (green, red, blue))
    assert waveform.pixels_of(encode(data), order="GRB") == colours


def test_the_highest_bit_leaves_first() -> None:
    pause = len(encode(b"")) // 2
    assert encode(b"\x81")[pause : pause + 4] == bytes.fromhex("c888888c")  # 1100, six times 1000, 1100


@pytest.mark.parametrize("pixels", [0, 1, 16, 300])
def test_the_size_is_known_beforehand(pixels: int) -> None:
    assert len(encode(bytes(3 * pixels))) == encoded_size(pixels)


def test_sixteen_pixels_take_a_small_part_of_a_frame_at_sixty_a_second() -> None:
    assert encoded_size(16) * 8 / SPI_HZ < 1 / 60 / 10


@pytest.mark.parametrize(
    "stream",
    [
        bytes(80) + b"\x88" * 4 + bytes(120),  # too short a pause before
        bytes(120) + b"\x88" * 4 + bytes(80),  # and after
        bytes(120) + b"\xff" + bytes(120),  # high for too long
        bytes(120) + b"\x80" + bytes(3) + b"\x88" * 4 + bytes(120),  # low for too long
    ],
)
def test_the_oscilloscope_sees_a_wrong_time(stream: bytes) -> None:
    with pytest.raises(AssertionError):
        waveform.bytes_of(stream)


def test_it_would_see_that_three_bits_of_spi_for_one_fail_where_the_controller_rests() -> None:
    three = {"0": "100", "1": "110"}
    bits = "".join(three[bit] for bit in f"{0x24:08b}")
    stream = bytes(120) + int(bits, 2).to_bytes(3, "big") + bytes(120)
    with pytest.raises(AssertionError):
        waveform.bytes_of(stream, rest_clocks=1)
