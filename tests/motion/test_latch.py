"""The emergency stop's memory: what cannot be read counts as on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridges.motion.latch import read_latch, write_latch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "car-emergency-stop.json"


def test_without_a_file_it_is_off(file: Path) -> None:
    assert read_latch(file) is False


@pytest.mark.parametrize("on", [True, False])
def test_it_is_kept(file: Path, on: bool) -> None:
    write_latch(file, on=not on)
    write_latch(file, on=on)
    assert read_latch(file) is on
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\0" * 25,
        b'{"emergency_stop":fal',
        b'{"emergency_stop":"false"}',
        b'{"emergency_stop":0}',
        b"{}",
        b"false",
        b'{"emergency_stop":false,"more":1}',
        b"\xff",
    ],
)
def test_a_damaged_file_means_on(file: Path, damaged: bytes) -> None:
    file.write_bytes(damaged)
    assert read_latch(file) is True


def test_a_file_that_cannot_be_opened_means_on(file: Path) -> None:
    file.mkdir()
    assert read_latch(file) is True


def test_a_write_that_fails_is_told_and_leaves_the_old_state(file: Path) -> None:
    write_latch(file, on=True)
    file.with_suffix(".new").mkdir()
    with pytest.raises(IsADirectoryError):
        write_latch(file, on=False)
    assert read_latch(file) is True
