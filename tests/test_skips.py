"""A skip is a failure in continuous integration, save for the hardware that is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.skips import NEEDS_HARDWARE

PROJECT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest

def test_skips():
    pytest.skip("no such program here")

@pytest.mark.skipif(True, reason="not on this system")
def test_is_not_run():
    pass

@pytest.fixture
def missing():
    pytest.skip("nothing to test with")

def test_has_nothing(missing):
    pass

@pytest.mark.xfail
def test_is_known_to_fail():
    assert False

def test_passes():
    pass
"""
WHOLE_FILE = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'


def outcome(folder: Path, text: str, ci: str) -> str:
    """The last words of a pytest of its own that runs a file with these hooks."""
    (folder / "conftest.py").write_text("from tests.support.skips import *\n")
    (folder / "test_it.py").write_text(text)
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder, env=environment)
    return done.stdout


@pytest.mark.parametrize("ci", ["true"])
def test_a_skip_is_a_failure_in_ci_and_says_why(tmp_path: Path, ci: str) -> None:
    said = outcome(tmp_path, TESTS, ci)
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in said
    for reason in ("no such program here", "not on this system", "nothing to test with"):
        assert reason in said


@pytest.mark.parametrize("ci", ["", "false"])
def test_elsewhere_it_is_a_skip(tmp_path: Path, ci: str) -> None:
    assert "1 passed, 3 skipped, 1 xfailed" in outcome(tmp_path, TESTS, ci)


def test_a_file_that_skips_as_a_whole_counts_too(tmp_path: Path) -> None:
    assert "1 error" in outcome(tmp_path, WHOLE_FILE, "true")
    assert "1 skipped" in outcome(tmp_path, WHOLE_FILE, "")


@pytest.mark.parametrize("test", NEEDS_HARDWARE)
def test_what_may_skip_is_a_test_that_there_is(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}(" in (PROJECT / file).read_text()
