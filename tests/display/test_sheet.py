"""`smartcar display ...`: pages and faces as files, and what is said where something is missing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from bridges.display.commands import group
from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.face.themes import DARK, LIGHT, THEMES
from bridges.display.sheet import contact_sheet, face_png
from tests.display.pictures import face

CARD = 480 * 0.38, 320 * 0.38


def opened(encoded: bytes) -> Image.Image:
    return Image.open(io.BytesIO(encoded)).convert("RGB")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(group, arguments)
    return result.exit_code, result.output


def smartcar(*arguments: str, beside: Path) -> subprocess.CompletedProcess[str]:
    """The command, with packages from a folder in front of the installed ones."""
    environment = {**os.environ, "PYTHONPATH": str(beside)}
    return subprocess.run(
        [sys.executable, "-c", "from smartcar_mqtt.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_shows_all_expressions_twice(theme: str) -> None:
    page = opened(contact_sheet(THEMES[theme]))
    assert page.width == 1000
    background = tuple(round(255 * channel) for channel in THEMES[theme].background)
    colours = {colour: count for count, colour in page.getcolors(1 << 24)}
    small = 13 * 128 * 64
    assert colours[0, 0, 0] > small / 2
    assert colours[background] > 13 * CARD[0] * CARD[1] / 3


def test_the_page_has_the_theme_that_was_asked_for() -> None:
    assert contact_sheet(LIGHT) != contact_sheet(DARK)


def test_the_page_is_small_enough_for_a_readme() -> None:
    assert len(contact_sheet(DARK)) < 200_000


def test_names_stand_below_the_faces() -> None:
    page = opened(contact_sheet(DARK))
    below_first = page.crop((20, 46 + 122, 20 + 182, 46 + 122 + 26))
    assert below_first.convert("L").getextrema()[0] < 80


@pytest.mark.parametrize("name", ["base", "sleep"])
def test_one_face_is_the_face(name: str) -> None:
    assert opened(face_png(name, 160, 120, LIGHT)).tobytes() == face(name, 160, 120, LIGHT).tobytes()


class TestCommands:
    def test_sheet(self, tmp_path: Path) -> None:
        path = tmp_path / "faces.png"
        code, said = run("sheet", str(path))
        assert (code, said) == (0, f"{path}: 13 expressions, {path.stat().st_size / 1000:.0f} kB\n")
        assert path.read_bytes() == contact_sheet(DARK)

    @pytest.mark.parametrize("theme", THEMES)
    def test_face(self, theme: str, tmp_path: Path) -> None:
        path = tmp_path / "sad.png"
        code, said = run("face", "sad", str(path), "--width", "200", "--height", "100", "--theme", theme)
        assert code == 0
        assert "sad, 200x100 pixels" in said
        assert path.read_bytes() == face_png("sad", 200, 100, THEMES[theme])

    @pytest.mark.parametrize("name", EXPRESSIONS)
    def test_every_expression_can_be_asked_for(self, name: str, tmp_path: Path) -> None:
        assert run("face", name, str(tmp_path / "face.png"), "--width", "64", "--height", "32")[0] == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("face", "angry"), "'angry' is not one of 'base', 'happy'"),
            (("face", "sad", "--width", "20"), "20 is not in the range 32<=x<=4096"),
            (("face", "sad", "--theme", "pink"), "'pink' is not one of 'light', 'dark', 'mono'"),
        ],
    )
    def test_what_is_not_there_is_refused(self, arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
        code, said = run(*arguments, str(tmp_path / "face.png"))
        assert code == 2
        assert message in said
        assert not list(tmp_path.iterdir())

    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "nowhere" / "face.png"
        code, said = run("face", "sad", str(path))
        assert (code, said) == (1, f"Error: cannot write {path}: No such file or directory\n")


class TestMissing:
    def test_the_systems_library(self, tmp_path: Path) -> None:
        (tmp_path / "cairocffi.py").write_text("raise OSError('no library called \"cairo-2\" was found')")
        ended = smartcar("display", "face", "sad", str(tmp_path / "face.png"), beside=tmp_path)
        assert ended.returncode == 1
        assert ended.stderr == (
            "smartcar: drawing the face needs the system library cairo; run: sudo apt-get install libcairo2\n"
        )

    def test_the_package(self, tmp_path: Path) -> None:
        (tmp_path / "cairocffi.py").write_text("raise ModuleNotFoundError('gone', name='cairocffi')")
        ended = smartcar("display", "sheet", str(tmp_path / "faces.png"), beside=tmp_path)
        assert ended.returncode == 1
        assert ended.stderr == (
            "smartcar: drawing the face needs the Python package 'cairocffi'; "
            "run: pip install 'smartcar-mqtt[display]'\n"
        )

    def test_help_needs_neither(self, tmp_path: Path) -> None:
        (tmp_path / "cairocffi.py").write_text("raise OSError('gone')")
        ended = smartcar("display", "--help", beside=tmp_path)
        assert ended.returncode == 0
        assert "sheet" in ended.stdout
