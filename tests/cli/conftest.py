"""A demo that runs for all tests of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SMARTCAR = (sys.executable, "-m", "smartcar_mqtt.cli")
PROJECT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nothing of this machine's own car is to be found."""
    runtime = tmp_path_factory.mktemp("runtime")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SMARTCAR")}
    return {**kept, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(runtime), "NO_COLOR": "1"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run `smartcar` with the given arguments in an empty folder."""

    def smartcar(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SMARTCAR, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**environment, **extra},
        )

    return smartcar


class RunningDemo:
    """A demo as a process, and what it said when it was ready."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        self.process = subprocess.Popen(
            [*SMARTCAR, "demo", "--json", "--broker-port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.said: dict[str, Any] = json.loads(line)

    @property
    def port(self) -> int:
        return int(self.said["broker"]["port"])

    @property
    def broker(self) -> str:
        return f"127.0.0.1:{self.port}"

    def children(self) -> dict[int, str]:
        """Process ids and command lines of what it has started."""
        found = {}
        tasks = Path(f"/proc/{self.process.pid}/task")
        for task in tasks.iterdir():
            for child in (task / "children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        return found

    def end(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture(scope="session")
def demo(environment: dict[str, str]) -> Iterator[RunningDemo]:
    running = RunningDemo(environment)
    try:
        yield running
    finally:
        running.end()
