"""A machine without a Python 3.13 gets one for Home Assistant, or is told why not.

uv would fetch it from the internet, so a program that leaves what uv leaves stands in its place here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import install_home_assistant
from tests.e2e.install_home_assistant import InstallError, PythonMissingError, fetch_python

LEAVES_A_PYTHON = """#!/bin/sh
[ "$*" = "python install 3.13" ] || exit 1
folder=$UV_PYTHON_INSTALL_DIR/cpython-3.13.9-linux-x86_64-gnu/bin
mkdir -p "$folder"
printf '#!/bin/sh\\nexit %s\\n' "$STATUS" >"$folder/python3.13"
chmod +x "$folder/python3.13"
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STATUS", "0")
    program = tmp_path / "uv"
    program.write_text(LEAVES_A_PYTHON)
    program.chmod(0o755)
    return str(program)


def test_a_python_is_fetched_into_a_folder_of_its_own(tmp_path: Path, uv: str) -> None:
    python = fetch_python(tmp_path / "python", [uv])
    assert python == tmp_path / "python/cpython/cpython-3.13.9-linux-x86_64-gnu/bin/python3.13"


def test_one_that_does_not_start_is_told(tmp_path: Path, uv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATUS", "1")
    with pytest.raises(InstallError, match=r"left no Python 3\.13 that works"):
        fetch_python(tmp_path / "python", [uv])


def test_without_a_way_to_the_internet_both_reasons_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise PythonMissingError("none was found: install one")

    def offline(_folder: Path) -> Path:
        raise InstallError("no address of the host")

    monkeypatch.delenv("SMARTCAR_PYTHON313", raising=False)
    monkeypatch.setattr(install_home_assistant, "find_python", missing)
    monkeypatch.setattr(install_home_assistant, "fetch_python", offline)
    told: list[str] = []
    with pytest.raises(PythonMissingError) as failure:
        install_home_assistant._find_or_fetch_python(told.append)
    assert str(failure.value) == "none was found: install one. (uv could not fetch one: no address of the host)"
    assert told == ["Fetching a Python 3.13 for Home Assistant: once, some 30 MB ..."]
