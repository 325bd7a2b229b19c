"""What a bridge remembers, and what it makes of a file that it cannot use."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from smartcar_mqtt.state_store import StateStore
from tests.support.full_disk import full_disk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "car-led.json"


def test_it_remembers_over_restarts(file: Path) -> None:
    StateStore(file).set(follow=False, light={"effect": "fire", "brightness": 12})
    again = StateStore(file)
    assert again.get("follow", bool, True) is False
    assert again.get("light", dict, {}) == {"effect": "fire", "brightness": 12}
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_what_was_never_told_is_the_default(file: Path) -> None:
    assert StateStore(file).get("follow", bool, True) is True
    assert not file.exists()


def test_one_value_leaves_the_others_alone(file: Path) -> None:
    memory = StateStore(file)
    memory.set(a=1)
    memory.set(b=2)
    again = StateStore(file)
    assert (again.get("a", int, 0), again.get("b", int, 0)) == (1, 2)


@pytest.mark.parametrize("damaged", [b"", b"\0\0", b"[1]", b'{"follow":', b"\xff"])
def test_a_damaged_file_is_an_empty_memory_and_logged(
    file: Path, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(damaged)
    assert StateStore(file).get("follow", bool, True) is True
    assert str(file) in caplog.text


def test_a_value_of_the_wrong_kind_is_the_default_and_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b'{"follow": "perhaps", "other": 4}')
    memory = StateStore(file)
    assert memory.get("follow", bool, True) is True
    assert "follow" in caplog.text
    assert memory.get("other", int, 0) == 4


def test_a_full_disk_is_logged_and_the_value_holds_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = StateStore(tmp_path / "nowhere" / "car-led.json")
    with caplog.at_level(logging.ERROR):
        memory.set(follow=False)
    assert "will not survive a restart" in caplog.text
    assert memory.get("follow", bool, True) is False


def test_a_disk_without_room_is_one_line_in_the_log_and_leaves_no_half_file(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = StateStore(file)
    memory.set(follow=True)
    caplog.clear()
    with caplog.at_level(logging.INFO), full_disk():
        for level in range(20):
            memory.set(brightness=level)
    assert len(caplog.records) == 1
    assert "will not survive a restart" in caplog.text
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert StateStore(file).get("brightness", int, -1) == -1
    with caplog.at_level(logging.INFO):
        memory.set(follow=True)  # nothing new, but the file is behind
    assert "is written again" in caplog.text
    assert StateStore(file).get("brightness", int, -1) == 19


def test_the_same_value_again_is_not_written_again(file: Path) -> None:
    memory = StateStore(file)
    memory.set(follow=False)
    file.unlink()
    memory.set(follow=False)
    assert not file.exists()
