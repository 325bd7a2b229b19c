"""Captures are stored whole, found again after a restart, and never fill the card."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
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


def ids(captures: Captures) -> list[object]:
    return [each.id for each in captures.list()]


def test_what_was_taken_before_the_clock_was_set_is_as_old_as_its_number(tmp_path: Path) -> None:
    """A Pi has no battery for its clock: pictures of 1970 may be the newest ones."""
    captures = Captures(tmp_path, most=3, most_bytes=GIGABYTE)
    for number, time in enumerate((TIME, TIME + 1, 12.5, 13.5, TIME + 2)):
        captures.store(b"jpeg", msgspec.structs.replace(capture(number), time=time))
    assert ids(captures) == [4, 3, 2]
    assert ids(Captures(tmp_path, most=3, most_bytes=GIGABYTE)) == [4, 3, 2], "after a restart too"
    again = Captures(tmp_path, most=2, most_bytes=GIGABYTE)
    again.store(b"jpeg", msgspec.structs.replace(capture(5), time=1.0))
    assert ids(again) == [5, 4]


@pytest.mark.parametrize("time", [float("inf"), float("nan"), -1e20, 1e20, -62_135_596_800.0, -1.0])
def test_a_clock_that_is_far_out_does_not_lose_a_capture(tmp_path: Path, time: float) -> None:
    captures = Captures(tmp_path, most=3, most_bytes=GIGABYTE)
    stored = captures.store(b"jpeg", msgspec.structs.replace(capture(), time=time))
    assert captures.read(stored.file) == b"jpeg"


def test_numbers_go_on_beyond_six_digits(tmp_path: Path) -> None:
    stored = Captures(tmp_path, most=3, most_bytes=GIGABYTE).store(b"jpeg", capture())
    last = msgspec.structs.replace(stored, file="20260101T000000Z-999999.jpg", id=1)
    (tmp_path / last.file).write_bytes(b"jpeg")
    (tmp_path / last.file).with_suffix(".json").write_bytes(msgspec.json.encode(last))
    captures = Captures(tmp_path, most=2, most_bytes=GIGABYTE)
    assert captures.store(b"jpeg", capture(2)).file.endswith("-1000000.jpg")
    assert ids(captures) == [2, 1]
    assert ids(Captures(tmp_path, most=2, most_bytes=GIGABYTE)) == [2, 1]


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 50, 2000])
def test_a_full_disk_is_told_once_leaves_nothing_and_is_over_when_there_is_room(
    tmp_path: Path, room: int, caplog: pytest.LogCaptureFixture
) -> None:
    captures = Captures(tmp_path, most=3, most_bytes=GIGABYTE)
    before = captures.store(bytes(5000), capture(1))
    with caplog.at_level(logging.INFO):
        with full_disk(room):
            for number in range(5):
                with pytest.raises(CaptureError, match="cannot be stored: File too large"):
                    captures.store(bytes(5000), capture(number))
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert len(list(tmp_path.iterdir())) == 2, "the capture that was there, and nothing else"
        after = captures.store(bytes(5000), capture(2))
        captures.store(bytes(5000), capture(3))
    assert [record.message for record in caplog.records[1:]] == [f"{tmp_path}: captures are stored again"]
    assert (before.file[-10:], after.file[-10:]) == ("000001.jpg", "000002.jpg"), "no number is lost"


def test_what_a_power_cut_has_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    left = [".20260101T000000Z-000009.jpg.new", ".20260101T000000Z-000009.json.new"]
    others = [".hidden.new", "x.new", ".20260101T000000Z-000009.txt.new"]
    for name in (*left, *others):
        (tmp_path / name).write_bytes(b"half")
    Captures(tmp_path, most=3, most_bytes=GIGABYTE).list()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 50_000, b'{"file": "' + b"x" * 2_000_000 + b'"}', b"\xff\xfe", b"{}", b"null"],
    ids=["brackets", "braces", "long", "no text", "empty", "null"],
)
def test_a_hostile_description_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "20260101T000000Z-000007.json").write_bytes(content)
    (tmp_path / "20260101T000000Z-000007.jpg").write_bytes(b"jpeg")
    captures = Captures(tmp_path, most=1, most_bytes=1)
    assert captures.list() == []
    assert captures.store(b"jpeg", capture()).bytes == 4


def test_the_room_is_what_the_files_take_and_not_what_a_description_claims(tmp_path: Path) -> None:
    captures = Captures(tmp_path, most=100, most_bytes=GIGABYTE)
    stored = captures.store(b"jpeg", capture(1))
    path = (tmp_path / stored.file).with_suffix(".json")
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(stored, bytes=10**15)))
    again = Captures(tmp_path, most=100, most_bytes=GIGABYTE)
    again.store(b"jpeg", capture(2))
    assert ids(again) == [2, 1]
