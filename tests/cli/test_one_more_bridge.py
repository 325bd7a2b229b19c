"""A folder is all that the commands need of a bridge: nothing else of the program knows its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, RunningDemo

FOLDER = Path(__file__).parent / "one_more"


@pytest.fixture
def installed(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment in which the bridge of that folder is there besides the others, also for processes below."""
    start = tmp_path / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(f"import bridges\nbridges.__path__.append({str(FOLDER)!r})\n")
    return {**environment, "PYTHONPATH": str(start)}


@pytest.fixture
def demo_with_it(installed: dict[str, str]) -> Iterator[RunningDemo]:
    running = RunningDemo(installed, "--bridge", "thermometer")
    try:
        yield running
    finally:
        running.end()


def test_the_demo_runs_it_and_watch_shows_it(demo_with_it: RunningDemo, run: Run, installed: dict[str, str]) -> None:
    assert demo_with_it.said["bridges"] == {"thermometer": "online"}
    watched = run("watch", "--for", "0.5", "--broker", demo_with_it.broker, PYTHONPATH=installed["PYTHONPATH"])
    assert "thermometer  Warmth: 21.5 °C\n" in watched.stdout


def test_topics_lists_it(run: Run, installed: dict[str, str]) -> None:
    listed = run("topics", "--json", PYTHONPATH=installed["PYTHONPATH"])
    rows = {row["entity"]: row for row in json.loads(listed.stdout) if row["bridge"] == "thermometer"}
    assert rows["warmth"]["description"] == "How warm it is."


def test_the_configuration_knows_its_section(run: Run, installed: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "car.yaml"
    file.write_text("thermometer:\n  interval: 2\n")
    checked = run("config", "check", "--show", "--config", str(file), PYTHONPATH=installed["PYTHONPATH"])
    assert (checked.returncode, "\n  interval: 2.0\n" in checked.stdout) == (0, True), checked.stderr
    file.write_text("thermometer:\n  intervall: 2\n")
    checked = run("config", "check", "--config", str(file), PYTHONPATH=installed["PYTHONPATH"])
    assert checked.returncode == 1
    assert "did you mean 'interval'" in checked.stderr


def test_it_is_run_by_its_name(run: Run, installed: dict[str, str]) -> None:
    help_page = run("run", "thermometer", "--help", PYTHONPATH=installed["PYTHONPATH"])
    assert help_page.returncode == 0
    refused = run("run", "thermometre", PYTHONPATH=installed["PYTHONPATH"])
    assert "thermometer" in refused.stderr
