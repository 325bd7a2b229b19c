"""Captures are stored whole, found again after a restart, and never fill the card."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bridges.vision.captures import Capture, CaptureError, Captures, Found

TIME = 1_767_225_600.5
GIGABYTE = 10**9


def capture(number: int = 0) -> Capture:
    found = [Found("ball", 0.9, (0.1, 0.2, 0.3, 0.4), "left")]
    return Capture(file="", time=TIME + number, width=64, height=48, bytes=0, id=number, source="me", detections=found)


def test_a_capture_is_a_picture_and_a_json_file_of_the_same_name(tmp_path: Path) -> None:
    stored = Captures(tmp_path / "new", most=3, most_bytes=GIGABYTE).store(b"jpeg", capture())
    assert stored.file == "20260101T000000Z-000001.jpg"
    assert stored.bytes == 4
    picture = tmp_path / "new" / stored.file
    assert picture.read_bytes() == b"jpeg"
    assert msgspec.json.decode(picture.with_suffix(".json").read_bytes(), type=Capture) == stored
    assert len(list(picture.parent.iterdir())) == 2


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    captures = Captures(tmp_path, most=3, most_bytes=GIGABYTE)
    for number in range(5):
        captures.store(b"jpeg", capture(number))
    assert [each.id for each in captures.list()] == [4, 3, 2]
    assert len(list(tmp_path.iterdir())) == 6


def test_the_oldest_go_when_they_are_too_large(tmp_path: Path) -> None:
    captures = Captures(tmp_path, most=100, most_bytes=1000)
    for number in range(4):
        captures.store(bytes(300), capture(number))
    assert [each.id for each in captures.list()] == [3, 2, 1]
    captures.store(bytes(5000), capture(9))
    assert [each.id for each in captures.list()] == [9], "the newest stays, whatever its size"


def test_they_are_found_again_after_a_restart_and_count_on(tmp_path: Path) -> None:
    before = Captures(tmp_path, most=3, most_bytes=GIGABYTE)
    for number in range(3):
        before.store(b"jpeg", capture(number))
    after = Captures(tmp_path, most=3, most_bytes=GIGABYTE)
    assert after.list() == before.list()
    stored = after.store(b"jpeg", capture(3))
    assert stored.file.endswith("-000004.jpg")
    assert [each.id for each in after.list()] == [3, 2, 1]


def test_what_is_not_ours_or_damaged_is_neither_listed_nor_removed(tmp_path: Path) -> None:
    strangers = ("holiday.jpg", "notes.json", "20260101T000000Z-000007.json", "20260101T000000Z-000008.json")
    for name in strangers:
        (tmp_path / name).write_text("{}" if "8" not in name else "{")
    captures = Captures(tmp_path, most=1, most_bytes=1)
    captures.store(b"jpeg", capture())
    captures.store(b"jpeg", capture(1))
    assert len(captures.list()) == 1
    assert all((tmp_path / name).exists() for name in strangers)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(CaptureError, match="cannot be stored"):
        Captures(blocked, most=1, most_bytes=1).store(b"jpeg", capture())


@pytest.mark.parametrize(
    "name", ["../x.jpg", "x.jpg", "", "20260101T000000Z-000001.jpg/..", "20260101T000000Z-000001.png"]
)
def test_only_captures_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path.parent / "x.jpg").write_bytes(b"secret")
    with pytest.raises(CaptureError, match="no capture"):
        Captures(tmp_path, most=1, most_bytes=1).read(name)
