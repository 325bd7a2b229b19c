"""`smartcar models`: the list, a download with and without a terminal, and every way in which it can fail."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SMARTCAR, Run
from tests.support.file_server import FileServer

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def table(server: FileServer, tmp_path: Path) -> Path:
    """A table with one model, at that server."""
    path = tmp_path / "published.yaml"
    checksum = hashlib.sha256(CONTENT).hexdigest()
    path.write_text(
        f"net:\n  title: A net\n  url: {server.url}\n  sha256: {checksum}\n  size: {len(CONTENT)}\n  licence: MIT\n"
    )
    return path


def test_the_list_names_licences(run: Run) -> None:
    listed = run("models", "list")
    assert listed.returncode == 0, listed.stderr
    assert "yolo11n" in listed.stdout
    assert "AGPL-3.0" in listed.stdout


def test_fetch_brings_a_model_and_says_how_to_use_it(run: Run, table: Path, tmp_path: Path) -> None:
    options = ("--table", str(table), "--to", str(tmp_path))
    fetched = run("models", "fetch", "net", *options)
    assert fetched.returncode == 0, fetched.stderr
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT
    assert fetched.stdout.startswith(f"{tmp_path}/net.onnx: downloaded, checksum right; to use it")
    assert fetched.stdout.endswith(f"vision.model: {tmp_path}/net.onnx\n")
    assert "licence MIT; 1.0 MB from http://127.0.0.1" in fetched.stderr
    (row,) = json.loads(run("models", "list", "--json", *options).stdout)
    assert (row["name"], row["here"]) == ("net", True)
    assert "was here already" in run("models", "fetch", "net", *options).stdout


def test_an_interrupted_download_goes_on(run: Run, server: FileServer, table: Path, tmp_path: Path) -> None:
    server.breaks_after = [500_000, 0, 0, 0]
    options = ("net", "--table", str(table), "--to", str(tmp_path))
    broken = run("models", "fetch", *options)
    assert broken.returncode == 1
    assert "500000 of 1024000 bytes are kept" in broken.stderr
    assert run("models", "fetch", *options).returncode == 0
    assert server.asked[-1] == "bytes=500000-"


def test_a_terminal_sees_a_bar(environment: dict[str, str], table: Path, tmp_path: Path) -> None:
    command = " ".join([*SMARTCAR, "models", "fetch", "net", "--table", str(table), "--to", str(tmp_path)])
    shown = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**environment, "COLUMNS": "130", "TERM": "xterm"},
    )
    assert "━" in shown.stdout
    assert "checksum right" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("yolo11",), "did you mean 'yolo11n'?"),
        ((), "Missing argument"),
        (("net", "--table", "/nowhere.yaml"), "/nowhere.yaml: cannot be read"),
    ],
)
def test_an_error_is_a_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    ended = run("models", "fetch", *arguments)
    assert ended.returncode != 0
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_checksum_leaves_nothing(run: Run, server: FileServer, table: Path, tmp_path: Path) -> None:
    server.content = bytes(len(CONTENT))
    ended = run("models", "fetch", "net", "--table", str(table), "--to", str(tmp_path / "to"))
    assert ended.returncode == 1
    assert "another checksum than expected" in ended.stderr
    assert list((tmp_path / "to").iterdir()) == []


@pytest.fixture
def unchecked(server: FileServer, tmp_path: Path) -> Path:
    """A table with one model of which nobody states the checksum."""
    path = tmp_path / "unchecked.yaml"
    path.write_text(
        f"net:\n  title: A net\n  url: {server.url}\n  licence: MIT\n  labels: coco.txt\n  page: https://x\n"
    )
    return path


def test_a_model_without_a_checksum_asks_for_one(run: Run, server: FileServer, unchecked: Path, tmp_path: Path) -> None:
    options = ("net", "--table", str(unchecked), "--to", str(tmp_path / "to"))
    refused = run("models", "fetch", *options)
    assert refused.returncode == 1
    assert "take it from https://x, and run: smartcar models fetch net --sha256 CHECKSUM" in refused.stderr
    assert server.asked == []
    checksum = hashlib.sha256(CONTENT).hexdigest()
    wrong = run("models", "fetch", *options, "--sha256", "0" * 64)
    assert wrong.returncode == 1
    assert "another checksum than expected" in wrong.stderr
    assert run("models", "fetch", *options, "--sha256", checksum.upper()).returncode == 0
    assert (tmp_path / "to/net.onnx").read_bytes() == CONTENT
    assert (tmp_path / "to/net.txt").read_text().startswith("person\n"), "the bridge looks for its labels there"


@pytest.mark.parametrize(
    ("given", "sentence"), [("abc", "64 digits and letters"), ("0" * 64, "is listed with another checksum")]
)
def test_a_checksum_is_checked_itself(run: Run, server: FileServer, table: Path, given: str, sentence: str) -> None:
    ended = run("models", "fetch", "net", "--table", str(table), "--sha256", given)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert server.asked == []
