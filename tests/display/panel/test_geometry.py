"""What the kernel says of a framebuffer, from sysfs and from the device."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bridges.display.panel.geometry import GeometryError, Screen, ask, decode, read_geometry
from tests.display.panel.framebuffer_folder import FramebufferFolder


def variable(
    width: int = 480,
    height: int = 320,
    first_row: int = 0,
    bits: int = 16,
    red: tuple[int, int] = (11, 5),
    green: tuple[int, int] = (5, 6),
    blue: tuple[int, int] = (0, 5),
) -> bytes:
    """`struct fb_var_screeninfo` as the kernel fills it in; colours are (offset, length)."""
    sizes = struct.pack("=8I", width, height, width, 2 * height, 0, first_row, bits, 0)
    return sizes + struct.pack("=12I", *red, 0, *green, 0, *blue, 0, 0, 0, 0) + bytes(80)


def fixed(visual: int = 2) -> bytes:
    """`struct fb_fix_screeninfo`; visual 2 is true colour, 0 and 1 are monochrome."""
    return struct.pack("@16sLIIII", b"fb_test", 0, 307200, 0, 0, visual) + bytes(40)


class TestSysfs:
    def test_size_bits_and_stride_are_read(self, tmp_path: Path) -> None:
        folder = FramebufferFolder(tmp_path, 100, 40, 16, stride=256).about
        geometry = read_geometry(folder, None)
        assert (geometry.width, geometry.height, geometry.bits, geometry.stride) == (100, 40, 16, 256)
        assert (geometry.row_bytes, geometry.size, geometry.start) == (200, 40 * 256, 0)
        assert geometry.name == "fb_ili9486"

    @pytest.mark.parametrize(("width", "row_bytes"), [(128, 16), (122, 16), (1, 1), (9, 2)])
    def test_rows_of_single_bits_end_at_a_byte(self, tmp_path: Path, width: int, row_bytes: int) -> None:
        assert read_geometry(FramebufferFolder(tmp_path, width, 8, 1).about, None).row_bytes == row_bytes

    def test_a_driver_without_a_name_is_fine(self, tmp_path: Path) -> None:
        folder = FramebufferFolder(tmp_path).about
        (folder / "name").unlink()
        assert read_geometry(folder, None).name == ""

    @pytest.mark.parametrize("bits", [0, 2, 4, 8, 15, 18, 30])
    def test_odd_formats_are_named(self, tmp_path: Path, bits: int) -> None:
        folder = FramebufferFolder(tmp_path, stride=999).about
        (folder / "bits_per_pixel").write_text(f"{bits}\n")
        with pytest.raises(GeometryError, match=f"it has {bits} bits per pixel; what can be drawn is 1, 16, 24 and 32"):
            read_geometry(folder, None)

    @pytest.mark.parametrize(
        ("name", "value", "complaint"),
        [
            ("virtual_size", "480x320", "virtual_size cannot be read"),
            ("virtual_size", "480", "has 1 numbers instead of 2"),
            ("stride", "", "stride cannot be read"),
            ("stride", "95", "48x32 pixels of 16 bits in rows of 95 bytes"),
            ("virtual_size", "0,0", "0x0 pixels"),
        ],
    )
    def test_what_cannot_be_is_refused(self, tmp_path: Path, name: str, value: str, complaint: str) -> None:
        files = FramebufferFolder(tmp_path)
        files.tell(**{name: value})
        with pytest.raises(GeometryError, match=complaint):
            read_geometry(files.about, None)

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(GeometryError, match="fb7/virtual_size cannot be read"):
            read_geometry(tmp_path / "fb7", None)


class TestDevice:
    def test_a_plain_file_says_nothing(self, tmp_path: Path) -> None:
        with FramebufferFolder(tmp_path).device.open("rb") as file:
            assert ask(file.fileno()) is None

    def test_the_visible_part_of_a_taller_buffer(self, tmp_path: Path) -> None:
        folder = FramebufferFolder(tmp_path, 480, 640, 16).about
        geometry = read_geometry(folder, decode(variable(first_row=320), fixed()))
        assert (geometry.width, geometry.height) == (480, 320)
        assert geometry.start == 320 * 960
        assert not geometry.red_is_low

    def test_red_in_the_low_bits_is_noticed(self) -> None:
        assert decode(variable(red=(0, 5), blue=(11, 5)), fixed()).red_is_low
        assert decode(variable(bits=32, red=(0, 8), green=(8, 8), blue=(16, 8)), fixed()).red_is_low

    def test_black_and_white_has_no_order_of_colours(self) -> None:
        one = (0, 1)
        screen = decode(variable(128, 64, bits=1, red=one, green=one, blue=one), fixed(visual=1))
        assert screen == Screen(128, 64, channels=None, red_is_low=False, white_is_zero=False)
        assert decode(variable(bits=1, red=one, green=one, blue=one), fixed(visual=0)).white_is_zero

    def test_colours_of_other_lengths_are_refused(self, tmp_path: Path) -> None:
        screen = decode(variable(red=(10, 5), green=(5, 5), blue=(0, 5)), fixed())
        with pytest.raises(GeometryError, match=r"16 bits per pixel are 5-5-5 .* what can be drawn is 5-6-5"):
            read_geometry(FramebufferFolder(tmp_path).about, screen)
