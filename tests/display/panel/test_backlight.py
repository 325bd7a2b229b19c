"""The backlight: percentages and the numbers of devices, in a folder that stands for sysfs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridges.display.panel.backlight import Backlight, BacklightError, find_backlight, to_percent, to_raw
from tests.display.unprivileged import as_nobody


def device(sysfs: Path, name: str, maximum: str = "255", brightness: str = "127") -> Path:
    folder = sysfs / name
    folder.mkdir(parents=True)
    (folder / "max_brightness").write_text(f"{maximum}\n")
    (folder / "brightness").write_text(f"{brightness}\n")
    return folder


class TestFinding:
    def test_a_machine_without_a_backlight_has_none(self, tmp_path: Path) -> None:
        assert find_backlight(sysfs=tmp_path) is None
        assert find_backlight(sysfs=tmp_path / "not there") is None

    def test_without_a_name_the_first_one_is_taken(self, tmp_path: Path) -> None:
        device(tmp_path, "b")
        device(tmp_path, "a")
        found = find_backlight(sysfs=tmp_path)
        assert found is not None
        assert found.name == "a"

    def test_a_name_chooses(self, tmp_path: Path) -> None:
        device(tmp_path, "a")
        device(tmp_path, "b")
        found = find_backlight("b", tmp_path)
        assert found is not None
        assert found.name == "b"

    def test_a_name_that_is_not_there_is_an_error_that_names_the_others(self, tmp_path: Path) -> None:
        device(tmp_path, "soc:backlight")
        with pytest.raises(BacklightError, match=r"no backlight 'lcd'.*there: soc:backlight"):
            find_backlight("lcd", tmp_path)

    @pytest.mark.parametrize("maximum", ["0", "-1", "", "bright"])
    def test_a_device_that_does_not_say_how_bright_it_can_be_is_an_error(self, tmp_path: Path, maximum: str) -> None:
        device(tmp_path, "a", maximum=maximum)
        with pytest.raises(BacklightError, match="max_brightness"):
            find_backlight(sysfs=tmp_path)


class TestBrightness:
    def test_percent_is_of_the_maximum(self, tmp_path: Path) -> None:
        folder = device(tmp_path, "a", maximum="255", brightness="51")
        backlight = Backlight(folder)
        assert backlight.get() == 20
        assert backlight.set(100) == 100
        assert (folder / "brightness").read_text() == "255\n"
        assert backlight.get() == 100

    def test_a_switch_is_on_or_off(self, tmp_path: Path) -> None:
        backlight = Backlight(device(tmp_path, "a", maximum="1", brightness="0"))
        assert backlight.get() == 0
        assert backlight.set(1) == 100
        assert backlight.get() == 100
        assert backlight.set(0) == 0

    @pytest.mark.parametrize("maximum", [100, 255, 1023, 4095])
    def test_what_was_set_is_read_back(self, maximum: int) -> None:
        assert [to_percent(to_raw(percent, maximum), maximum) for percent in range(101)] == list(range(101))

    @pytest.mark.parametrize("maximum", [1, 2, 7, 31, 255])
    def test_only_zero_is_dark(self, maximum: int) -> None:
        assert to_raw(0, maximum) == 0
        assert all(1 <= to_raw(percent, maximum) <= maximum for percent in range(1, 101))
        assert all(to_percent(raw, maximum) >= 1 for raw in range(1, maximum + 1))

    @pytest.mark.parametrize("percent", [-1, 101])
    def test_other_percentages_change_nothing(self, tmp_path: Path, percent: int) -> None:
        backlight = Backlight(device(tmp_path, "a", brightness="51"))
        with pytest.raises(ValueError, match="allowed: 0 to 100"):
            backlight.set(percent)
        assert backlight.get() == 20

    def test_a_device_that_has_gone_is_an_error(self, tmp_path: Path) -> None:
        folder = device(tmp_path, "a")
        backlight = Backlight(folder)
        (folder / "brightness").unlink()
        folder.joinpath("max_brightness").unlink()
        folder.rmdir()
        with pytest.raises(BacklightError, match="brightness cannot be read"):
            backlight.get()
        with pytest.raises(BacklightError, match="brightness cannot be written"):
            backlight.set(50)

    def test_a_user_without_rights_is_told_of_the_udev_rule(self, tmp_path: Path) -> None:
        folder = device(tmp_path, "a")
        (folder / "brightness").chmod(0o444)
        backlight = Backlight(folder)
        with as_nobody(), pytest.raises(BacklightError, match="udev rule"):
            backlight.set(50)
