"""Panels: what is written to a framebuffer, how much of it, and what is said when it cannot be used."""

from __future__ import annotations

import logging
from pathlib import Path

import cairocffi
import pytest

from bridges.display.panel.framebuffer import Framebuffer, NoPanel, PanelError, make_panel
from tests.display.panel.framebuffer_folder import Colour, FramebufferFolder, picture, plain
from tests.display.unprivileged import as_nobody

WHITE, BLACK, BLUE = (255, 255, 255), (0, 0, 0), (0, 0, 255)


def with_rows(width: int, height: int, rows: set[int], colour: Colour = WHITE) -> cairocffi.ImageSurface:
    return picture(width, height, lambda x, y: colour if y in rows else BLACK)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def files(tmp_path: Path) -> FramebufferFolder:
    return FramebufferFolder(tmp_path)


class TestShowing:
    def test_size_is_what_the_kernel_says(self, files: FramebufferFolder) -> None:
        panel = files.panel(width=480, height=320)
        assert (panel.width, panel.height) == (480, 320)
        panel.open()
        assert (panel.width, panel.height) == (48, 32)

    def test_size_is_as_people_see_it(self, files: FramebufferFolder) -> None:
        panel = files.panel(rotation=90)
        panel.open()
        assert (panel.width, panel.height) == (32, 48)

    def test_opening_leaves_the_screen_as_it_is(self, files: FramebufferFolder) -> None:
        before = files.content
        files.panel().open()
        assert files.content == before

    def test_the_first_picture_is_written_whole_even_if_it_is_black(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        assert panel.show(plain(48, 32)) == 48 * 32 * 2
        assert not any(files.content)

    def test_an_unchanged_picture_writes_nothing(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32, BLUE))
        files.mark()
        assert panel.show(plain(48, 32, BLUE)) == 0
        assert files.marked_rows == list(range(32))

    def test_only_changed_rows_are_written(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32))
        files.mark()
        assert panel.show(with_rows(48, 32, {3, 4, 20})) == 3 * 96
        assert files.marked_rows == [number for number in range(32) if number not in {3, 4, 20}]
        assert files.row(4) == b"\xff" * 96

    def test_a_difference_that_the_panel_cannot_show_writes_nothing(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32, (16, 16, 16)))
        assert panel.show(plain(48, 32, (17, 17, 17))) == 0

    def test_after_opening_again_everything_is_written(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32, BLUE))
        panel.close()
        panel.open()
        assert panel.show(plain(48, 32, BLUE)) == 48 * 32 * 2
        assert files.row(31) == b"\x1f\x00" * 48

    @pytest.mark.parametrize("bits", [1, 16, 24, 32])
    def test_all_formats_and_padding(self, tmp_path: Path, bits: int) -> None:
        files = FramebufferFolder(tmp_path, 50, 20, bits, stride=(50 * bits + 7) // 8 + 5)
        panel = files.panel()
        panel.open()
        panel.show(plain(50, 20))
        assert panel.show(with_rows(50, 20, {7})) == files.stride
        used = 50 * bits // 8
        assert [files.row(number)[:used] == b"\xff" * used for number in range(20)] == [n == 7 for n in range(20)]

    def test_a_file_longer_than_the_screen_keeps_its_rest(self, files: FramebufferFolder) -> None:
        files.device.write_bytes(b"\xaa" * 4096)
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32))
        assert files.content == bytes(3072) + b"\xaa" * 1024

    def test_a_picture_of_another_size_is_a_mistake_of_the_caller(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        with pytest.raises(ValueError, match="32x48 for a panel of 48x32"):
            panel.show(plain(32, 48))

    def test_a_link_to_the_device_serves_too(self, files: FramebufferFolder, tmp_path: Path) -> None:
        link = tmp_path / "face"
        link.symlink_to(files.device)
        panel = Framebuffer(link, sysfs=files.sysfs)
        panel.open()
        assert panel.show(plain(48, 32)) > 0


class TestBlackAndWhite:
    @pytest.mark.parametrize(("bits", "name"), [(1, "ssd1307fb"), (16, "fb_ssd1306"), (32, "ssd130xdrmfb")])
    def test_panels_without_colours_are_known(self, tmp_path: Path, bits: int, name: str) -> None:
        panel = FramebufferFolder(tmp_path, 128, 64, bits, name=name).panel()
        panel.open()
        assert panel.monochrome
        assert panel.show(plain(128, 64)) > 0

    def test_a_panel_with_colours_has_them_unless_told_otherwise(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        assert not panel.monochrome
        panel = files.panel(monochrome=True)
        panel.open()
        assert panel.monochrome
        panel.show(plain(48, 32, (188, 188, 188)))
        pixels = {files.content[start : start + 2] for start in range(0, len(files.content), 2)}
        assert pixels == {b"\x00\x00", b"\xff\xff"}

    def test_a_driver_that_is_taken_for_one_without_can_be_told_otherwise(self, tmp_path: Path) -> None:
        panel = FramebufferFolder(tmp_path, name="fb_ssd1306").panel(monochrome=False)
        panel.open()
        assert not panel.monochrome

    def test_one_bit_has_no_colours_whatever_is_said(self, tmp_path: Path) -> None:
        panel = FramebufferFolder(tmp_path, bits=1).panel(monochrome=False)
        panel.open()
        assert panel.monochrome


class TestClosing:
    @pytest.mark.parametrize("bits", [1, 16, 24, 32])
    def test_the_panel_is_left_black(self, tmp_path: Path, bits: int) -> None:
        files = FramebufferFolder(tmp_path, bits=bits)
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32, WHITE))
        assert any(files.content)
        panel.close()
        assert not any(files.content)

    def test_also_when_nothing_was_ever_shown(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        panel.close()
        assert not any(files.content)

    def test_closing_twice_or_before_opening_does_nothing(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.close()
        panel.open()
        panel.close()
        files.device.write_bytes(b"\x77" * 3072)
        panel.close()
        assert files.content == b"\x77" * 3072

    def test_no_file_stays_open(self, files: FramebufferFolder) -> None:
        before = open_files()
        panel = files.panel()
        for _ in range(3):
            panel.open()
            panel.open()
            panel.close()
        files.tell(bits_per_pixel=8)
        with pytest.raises(PanelError):
            panel.open()
        assert open_files() == before

    def test_a_panel_that_has_gone_is_closed_without_an_error(
        self, files: FramebufferFolder, caplog: pytest.LogCaptureFixture
    ) -> None:
        panel = files.panel()
        panel.open()
        files.device.unlink()
        with caplog.at_level(logging.WARNING):
            panel.close()
        assert "could not be left black" in caplog.text
        with pytest.raises(PanelError, match="is not open"):
            panel.show(plain(48, 32))


class TestErrors:
    def test_a_device_that_is_not_there_names_those_that_are(self, files: FramebufferFolder, tmp_path: Path) -> None:
        (files.sysfs / "fb1").mkdir()
        (files.sysfs / "fbcon").mkdir()
        panel = Framebuffer(tmp_path / "fb7", sysfs=files.sysfs)
        with pytest.raises(PanelError, match=r"fb7 is not there: this machine has /dev/fb0, /dev/fb1; set display.dev"):
            panel.open()

    @pytest.mark.parametrize("exists", [True, False])
    def test_a_machine_without_framebuffers_points_to_the_guide(self, tmp_path: Path, exists: bool) -> None:
        sysfs = tmp_path / "graphics"
        if exists:
            sysfs.mkdir()
        panel = Framebuffer(tmp_path / "fb0", sysfs=sysfs)
        with pytest.raises(PanelError, match=r"this machine has no framebuffer; .* docs/display\.md"):
            panel.open()

    def test_a_user_without_rights_is_told_of_the_group(self, files: FramebufferFolder) -> None:
        files.device.chmod(0o400)
        panel = files.panel()
        with as_nobody(), pytest.raises(PanelError, match=r"may not be written by this user: .* group video"):
            panel.open()

    def test_a_format_that_nobody_can_draw_is_named(self, files: FramebufferFolder) -> None:
        files.tell(bits_per_pixel=8)
        with pytest.raises(PanelError, match=r"fb0 cannot be used: it has 8 bits per pixel"):
            files.panel().open()

    def test_a_device_with_too_little_memory_is_refused(self, files: FramebufferFolder) -> None:
        files.device.write_bytes(bytes(3071))
        with pytest.raises(PanelError, match="less memory than the 3072 bytes"):
            files.panel().open()

    def test_a_device_without_sysfs_is_refused(self, files: FramebufferFolder, tmp_path: Path) -> None:
        other = tmp_path / "null"
        other.write_bytes(b"")
        with pytest.raises(PanelError, match="null/virtual_size cannot be read"):
            Framebuffer(other, sysfs=files.sysfs).open()

    def test_a_folder_is_no_device(self, tmp_path: Path) -> None:
        with pytest.raises(PanelError, match="cannot be used: Is a directory"):
            Framebuffer(tmp_path).open()

    def test_before_opening_nothing_can_be_shown(self, files: FramebufferFolder) -> None:
        with pytest.raises(PanelError, match="is not open"):
            files.panel().show(plain(480, 320))

    @pytest.mark.parametrize("change", ["removed", "cut"])
    def test_a_device_that_goes_is_noticed_before_its_memory_is_touched(
        self, files: FramebufferFolder, change: str
    ) -> None:
        """Touching memory that is no longer there would end the whole process by SIGBUS."""
        panel = files.panel()
        panel.open()
        panel.show(plain(48, 32))
        if change == "removed":
            files.device.unlink()
        else:
            files.device.write_bytes(b"")
        with pytest.raises(PanelError, match="is gone"):
            panel.show(plain(48, 32, WHITE))
        panel.close()

    def test_it_can_be_opened_again_when_it_is_back(self, files: FramebufferFolder) -> None:
        panel = files.panel()
        panel.open()
        files.device.unlink()
        with pytest.raises(PanelError):
            panel.show(plain(48, 32))
        panel.close()
        files.tell(virtual_size="40,32", stride=80)
        files.device.write_bytes(bytes(80 * 32))
        panel.open()
        assert panel.width == 40
        assert panel.show(plain(40, 32, WHITE)) == 80 * 32
        assert files.content == b"\xff" * 80 * 32


class TestChoosing:
    def test_none_is_a_panel_that_shows_nothing(self) -> None:
        panel = make_panel("none", width=320, height=240)
        assert isinstance(panel, NoPanel)
        panel.open()
        assert (panel.width, panel.height, panel.monochrome) == (320, 240, False)
        assert panel.show(plain(320, 240)) == 0
        panel.close()

    def test_a_framebuffer_that_is_not_there_is_not_replaced_by_none(self, tmp_path: Path) -> None:
        panel = make_panel("framebuffer", device=str(tmp_path / "fb9"))
        assert isinstance(panel, Framebuffer)
        with pytest.raises(PanelError):
            panel.open()

    def test_another_driver_is_refused(self) -> None:
        with pytest.raises(ValueError, match="allowed: framebuffer, none"):
            make_panel("x11")
