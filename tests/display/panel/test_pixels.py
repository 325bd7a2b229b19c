"""From pictures to bytes: each format is decoded again here, by its own description."""

from __future__ import annotations

import random
from itertools import pairwise

import cairocffi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.display.panel.geometry import Geometry
from bridges.display.panel.pixels import Converter, changed_rows
from tests.display.panel.framebuffer_folder import Colour, picture, plain

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
CORNERS = {(0, 0): RED, (1, 0): GREEN, (0, 1): BLUE}
"""What tells all rotations and reflections apart."""


def geometry(width: int, height: int, bits: int, stride: int | None = None, **more: bool) -> Geometry:
    return Geometry(width, height, bits, stride or (width * bits + 7) // 8, **more)


def decoded(data: memoryview, shape: Geometry) -> list[list[Colour]]:
    """The pixels of a framebuffer, with 5 and 6 bits stretched to 8."""
    rows = []
    for y in range(shape.height):
        row = data[y * shape.stride : (y + 1) * shape.stride]
        rows.append([pixel(row, x, shape.bits) for x in range(shape.width)])
    return rows


def pixel(row: memoryview, x: int, bits: int) -> Colour:
    if bits == 1:
        return WHITE if row[x // 8] >> (x % 8) & 1 else BLACK  # the kernel's ssd1307fb reads it so
    if bits == 16:
        value = row[2 * x] | row[2 * x + 1] << 8
        red, green, blue = value >> 11, value >> 5 & 63, value & 31
        return red * 255 // 31, green * 255 // 63, blue * 255 // 31
    start = x * bits // 8
    return row[start + 2], row[start + 1], row[start]


def shown(source: cairocffi.ImageSurface, shape: Geometry, **options: object) -> list[list[Colour]]:
    return decoded(Converter(shape, **options).convert(source), shape)  # type: ignore[arg-type]


def corner_picture(width: int, height: int) -> cairocffi.ImageSurface:
    return picture(width, height, lambda x, y: CORNERS.get((x, y), BLACK))


def at_corners(pixels: list[list[Colour]]) -> dict[tuple[int, int], Colour]:
    return {(x, y): colour for y, row in enumerate(pixels) for x, colour in enumerate(row) if colour != BLACK}


class TestFormats:
    @pytest.mark.parametrize("bits", [16, 24, 32])
    @pytest.mark.parametrize("width", [8, 7, 1])
    def test_pure_colours_are_exact(self, bits: int, width: int) -> None:
        colours = [RED, GREEN, BLUE, WHITE, BLACK, (255, 255, 0)]
        source = picture(width, 6, lambda x, y: colours[(x + y) % 6])
        expected = [[colours[(x + y) % 6] for x in range(width)] for y in range(6)]
        assert shown(source, geometry(width, 6, bits)) == expected

    @pytest.mark.parametrize(("bits", "error"), [(16, 9), (24, 0), (32, 0)])
    def test_any_colour_is_as_near_as_the_bits_allow(self, bits: int, error: int) -> None:
        chance = random.Random(5)
        colours = [(chance.randrange(256), chance.randrange(256), chance.randrange(256)) for _ in range(64)]
        found = shown(picture(8, 8, lambda x, y: colours[8 * y + x]), geometry(8, 8, bits))
        for y in range(8):
            for x in range(8):
                assert all(
                    abs(got - wanted) <= error for got, wanted in zip(found[y][x], colours[8 * y + x], strict=True)
                )

    def test_rgb565_is_little_endian(self) -> None:
        convert = Converter(geometry(1, 1, 16)).convert
        assert convert(plain(1, 1, RED)) == b"\x00\xf8"
        assert convert(plain(1, 1, GREEN)) == b"\xe0\x07"
        assert convert(plain(1, 1, BLUE)) == b"\x1f\x00"

    def test_the_fourth_byte_of_32_bits_is_always_the_same(self) -> None:
        """Or rows would seem to have changed that look the same."""
        assert Converter(geometry(1, 1, 32)).convert(plain(1, 1, (1, 2, 3))) == b"\x03\x02\x01\xff"

    @pytest.mark.parametrize("bits", [16, 24, 32])
    @pytest.mark.parametrize("rotation", [0, 180])
    def test_red_and_blue_are_exchanged(self, bits: int, rotation: int) -> None:
        source = plain(3, 2, (255, 255, 0))
        (first, *_), *_ = shown(source, geometry(3, 2, bits), swap_red_blue=True, rotation=rotation)
        assert first == (0, 255, 255)

    def test_two_exchanges_undo_each_other(self) -> None:
        """The wiring is the other way round, and the driver says so too."""
        shape = geometry(1, 1, 16, red_is_low=True)
        assert Converter(shape).convert(plain(1, 1, RED)) == b"\x1f\x00"
        assert Converter(shape, swap_red_blue=True).convert(plain(1, 1, RED)) == b"\x00\xf8"

    @pytest.mark.parametrize("bits", [1, 16, 24, 32])
    @pytest.mark.parametrize("padding", [1, 3, 4, 64])
    def test_rows_are_padded_to_the_stride(self, bits: int, padding: int) -> None:
        used = (10 * bits + 7) // 8
        shape = geometry(10, 3, bits, stride=used + padding)
        data = Converter(shape).convert(corner_picture(10, 3) if bits > 1 else plain(10, 3, WHITE))
        assert len(data) == 3 * shape.stride
        pixels = decoded(data, shape)
        if bits == 1:
            assert pixels == [[WHITE] * 10] * 3
        else:
            assert at_corners(pixels) == CORNERS

    def test_a_picture_of_another_size_is_refused(self) -> None:
        with pytest.raises(ValueError, match="10x9 for a panel of 9x10"):
            Converter(geometry(10, 9, 16), rotation=90).convert(plain(10, 9))

    def test_a_picture_of_another_format_is_refused(self) -> None:
        with pytest.raises(ValueError, match="RGB24 or ARGB32"):
            Converter(geometry(2, 2, 16)).convert(cairocffi.ImageSurface(cairocffi.FORMAT_A8, 2, 2))

    def test_another_rotation_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not by 45"):
            Converter(geometry(2, 2, 16), rotation=45)


class TestRotation:
    @pytest.mark.parametrize("bits", [16, 24, 32])
    @pytest.mark.parametrize(
        ("rotation", "expected"),
        [
            (0, {(0, 0): RED, (1, 0): GREEN, (0, 1): BLUE}),
            (90, {(4, 0): RED, (4, 1): GREEN, (3, 0): BLUE}),
            (180, {(4, 3): RED, (3, 3): GREEN, (4, 2): BLUE}),
            (270, {(0, 3): RED, (0, 2): GREEN, (1, 3): BLUE}),
        ],
    )
    def test_it_is_clockwise(self, bits: int, rotation: int, expected: dict[tuple[int, int], Colour]) -> None:
        converter = Converter(shape := geometry(5, 4, bits), rotation=rotation)
        assert (converter.width, converter.height) == ((4, 5) if rotation in {90, 270} else (5, 4))
        data = converter.convert(corner_picture(converter.width, converter.height))
        assert at_corners(decoded(data, shape)) == expected

    @pytest.mark.parametrize("rotation", [0, 90, 180, 270])
    def test_black_and_white_turns_the_same_way(self, rotation: int) -> None:
        def bright(x: int, y: int) -> Colour:
            return WHITE if (x, y) in CORNERS else BLACK

        size = (12, 16) if rotation in {90, 270} else (16, 12)
        coloured = shown(picture(*size, bright), geometry(16, 12, 32), rotation=rotation)
        assert shown(picture(*size, bright), geometry(16, 12, 1), rotation=rotation) == coloured

    @given(st.sampled_from([90, 180, 270]), st.integers(1, 20), st.integers(1, 20), st.randoms(use_true_random=False))
    def test_no_pixel_is_lost_or_doubled(self, rotation: int, width: int, height: int, chance: random.Random) -> None:
        converter = Converter(shape := geometry(width, height, 32), rotation=rotation)
        numbers = list(range(width * height))
        chance.shuffle(numbers)
        source = picture(
            converter.width, converter.height, lambda x, y: (*divmod(numbers[y * converter.width + x], 200), 0)
        )
        found = decoded(converter.convert(source), shape)
        assert sorted(200 * high + low for row in found for high, low, _ in row) == sorted(numbers)


class TestBlackAndWhite:
    def test_the_leftmost_pixel_is_the_lowest_bit(self) -> None:
        source = picture(16, 1, lambda x, y: WHITE if x in {0, 1, 9} else BLACK)
        assert Converter(geometry(16, 1, 1)).convert(source) == bytes([0b00000011, 0b00000010])

    def test_drivers_with_zero_for_white_get_it(self) -> None:
        source = picture(16, 1, lambda x, y: WHITE if x in {0, 1, 9} else BLACK)
        shape = geometry(16, 1, 1, white_is_zero=True)
        assert Converter(shape).convert(source) == bytes([0b11111100, 0b11111101])

    @pytest.mark.parametrize("bits", [1, 16, 24, 32])
    @pytest.mark.parametrize("size", [(128, 64), (122, 32), (13, 5)])
    def test_a_picture_of_black_and_white_stays_as_it_is(self, bits: int, size: tuple[int, int]) -> None:
        chance = random.Random(3)
        width, height = size
        dots = {(x, y): chance.choice((BLACK, WHITE)) for y in range(height) for x in range(width)}
        found = shown(picture(width, height, lambda x, y: dots[x, y]), geometry(width, height, bits), monochrome=True)
        assert found == [[dots[x, y] for x in range(width)] for y in range(height)]

    @pytest.mark.parametrize("grey", [0, 13, 60, 100, 128, 160, 188, 220, 242, 255])
    def test_as_much_light_comes_out_as_goes_in(self, grey: int) -> None:
        rows = shown(plain(64, 64, (grey, grey, grey)), geometry(64, 64, 1))
        share = sum(row.count(WHITE) for row in rows) / 64**2
        value = grey / 255
        light = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        assert share == pytest.approx(light, abs=0.035)

    def test_near_black_has_no_dots_and_near_white_no_holes(self) -> None:
        """Else a dark bar behind letters would be full of stars."""
        assert shown(plain(16, 16, (13, 13, 15)), geometry(16, 16, 1)) == [[BLACK] * 16] * 16
        assert shown(plain(16, 16, (252, 253, 252)), geometry(16, 16, 1)) == [[WHITE] * 16] * 16

    def test_a_brighter_picture_never_loses_a_dot(self) -> None:
        def count(grey: int) -> int:
            return sum(row.count(WHITE) for row in shown(plain(8, 8, (grey, grey, grey)), geometry(8, 8, 1)))

        counts = [count(grey) for grey in range(256)]
        assert counts == sorted(counts)
        assert (counts[0], counts[-1]) == (0, 64)

    def test_green_is_brighter_than_red_and_red_than_blue(self) -> None:
        def count(colour: Colour) -> int:
            return sum(row.count(WHITE) for row in shown(plain(8, 8, colour), geometry(8, 8, 1)))

        assert count(GREEN) > count(RED) > count(BLUE) > 0

    def test_a_format_with_colours_gets_black_and_white_alone(self) -> None:
        found = shown(plain(16, 16, (200, 90, 40)), geometry(16, 16, 16), monochrome=True)
        assert {colour for row in found for colour in row} == {BLACK, WHITE}


class TestChangedRows:
    def test_equal_pictures_have_none(self) -> None:
        assert changed_rows(bytearray(400), memoryview(bytes(400)), 10) == []

    def test_neighbours_are_one_group(self) -> None:
        after = bytearray(400)
        for row in (0, 1, 2, 15, 16, 39):
            after[row * 10 + row % 10] = 1
        assert changed_rows(bytearray(400), memoryview(after), 10) == [(0, 3), (15, 17), (39, 40)]

    @given(st.sets(st.integers(0, 52)), st.integers(1, 9))
    def test_they_are_exactly_those_that_differ(self, rows: set[int], stride: int) -> None:
        after = bytearray(53 * stride)
        for row in rows:
            after[(row + 1) * stride - 1] = 7
        groups = changed_rows(bytearray(53 * stride), memoryview(after), stride)
        assert {row for first, end in groups for row in range(first, end)} == rows
        assert all(before[1] < behind[0] for before, behind in pairwise(groups))


class TestOneAfterTheOther:
    @pytest.mark.parametrize("bits", [1, 16, 24, 32])
    @pytest.mark.parametrize("swap_red_blue", [False, True])
    @pytest.mark.parametrize("rotation", [0, 90])
    def test_nothing_stays_of_the_picture_before(self, bits: int, swap_red_blue: bool, rotation: int) -> None:
        shape = geometry(120, 90, bits)  # as many bytes as are taken apart in two goes
        chance = random.Random(1)
        size = (90, 120) if rotation else (120, 90)
        first, second = (
            picture(*size, lambda x, y: (chance.randrange(256), chance.randrange(256), chance.randrange(256)))
            for _ in range(2)
        )
        corner = corner_picture(*size)
        converter = Converter(shape, swap_red_blue=swap_red_blue, rotation=rotation)
        for source in (first, second, corner, first, first, corner):
            fresh = Converter(shape, swap_red_blue=swap_red_blue, rotation=rotation)
            assert bytes(converter.convert(source)) == bytes(fresh.convert(source))
