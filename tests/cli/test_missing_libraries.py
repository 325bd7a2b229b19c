"""With the libraries of one bridge alone, all commands work that are not about the others."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import SMARTCAR

OTHERS = (
    "cairocffi",
    "pangocffi",
    "pangocairocffi",
    "numpy",
    "cv2",
    "onnxruntime",
    "spidev",
    "rpi_ws281x",
    "picamera2",
)
"""What `pip install '.[motion]'` does not bring."""
BLOCKER = """
import os, sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in os.environ["MISSING"].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""

Without = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def without(environment: dict[str, str], tmp_path: Path) -> Without:
    """Run `smartcar` where Python finds none of these packages; nor do the processes that it starts."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)

    def run(missing: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
        surroundings = {**environment, "PYTHONPATH": str(tmp_path), "MISSING": ",".join(missing)}
        return subprocess.run(
            [*SMARTCAR, *arguments], capture_output=True, text=True, env=surroundings, timeout=90, check=False
        )

    return run


@pytest.mark.parametrize("missing", [OTHERS, (*OTHERS, "serial", "PIL")])
def test_commands_about_all_bridges_do_without_their_libraries(without: Without, missing: tuple[str, ...]) -> None:
    for arguments in (("config", "check"), ("config", "check", "--show"), ("--help",), ("models", "list")):
        done = without(missing, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stderr in {"", "defaults: all right\n"} or done.stderr.endswith("system.yaml: all right\n")
    for arguments in (("watch",), ("forget", "--yes"), ("stop",)):
        assert "cannot be reached" in without(missing, *arguments, "--broker", "127.0.0.1:1").stderr


def test_topics_lists_what_is_here_and_names_the_rest(without: Without) -> None:
    done = without(OTHERS, "topics", "--json")
    assert done.returncode == 0
    assert {"motion", "led"} <= {row["bridge"] for row in json.loads(done.stdout)}
    assert "smartcar: display is left out: " in done.stderr
    asked = without(OTHERS, "topics", "--bridge", "display")
    assert asked.returncode == 69
    assert "pip install 'smartcar-mqtt[display]'" in asked.stderr


def test_a_bridge_whose_libraries_are_missing_says_so_with_a_code_of_its_own(without: Without) -> None:
    for name in ("display", "vision"):
        done = without(OTHERS, "run", name)
        assert done.returncode == 69
        assert f"pip install 'smartcar-mqtt[{name}]'" in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_demo_leaves_out_what_cannot_run_here_unless_it_was_asked_for(without: Without) -> None:
    done = without(OTHERS, "demo", "--for", "0", "--json", "--broker-port", "0")
    assert done.returncode == 0, done.stderr
    bridges = json.loads(done.stdout)["bridges"]
    assert {"led", "motion"} <= set(bridges)
    assert not {"display", "vision"} & set(bridges)
    assert set(bridges.values()) == {"online"}
    assert "smartcar: display: left out: " in done.stderr
    asked = without(OTHERS, "demo", "--for", "0", "--json", "--broker-port", "0", "--bridge", "display")
    assert asked.returncode == 1
    alone = without(OTHERS, "demo", "--for", "0", "--json", "--broker-port", "0", "--bridge", "motion")
    assert (alone.returncode, alone.stderr) == (0, "")


def test_commands_of_a_bridge_that_is_not_complete_are_listed_and_say_what_is_missing(without: Without) -> None:
    assert "  display " in without(OTHERS, "--help").stdout
    done = without(OTHERS, "display", "sheet", "/tmp/none.png")
    assert done.returncode != 0
    assert "pip install 'smartcar-mqtt[display]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_completion_does_without_them_too(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    asking = {"_SMARTCAR_COMPLETE": "bash_complete", "COMP_WORDS": "smartcar ", "COMP_CWORD": "1"}
    surroundings = {
        **environment,
        **asking,
        "PYTHONPATH": str(tmp_path),
        "MISSING": ",".join((*OTHERS, "PIL", "serial")),
    }
    done = subprocess.run(
        [Path(SMARTCAR[0]).with_name("smartcar")], capture_output=True, text=True, env=surroundings, check=False
    )
    assert "plain,watch" in done.stdout
    assert "plain,display" in done.stdout
    assert done.stderr == ""
