"""`deploy/packages.sh`: what it installs, and what it says where it cannot.

Its real apt-get would change this machine, so a program that notes what it is asked stands in its place; the fonts that
it looks for are those of this machine.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "packages.sh"
TOOLS = ("sh", "env", "dirname", "grep", "ls")
THERE = ("mosquitto", "mosquitto_pub")

Run = Callable[..., subprocess.CompletedProcess[str]]


class Machine:
    """The programs of a small machine, in a folder that is all of its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = folder / "asked"
        self.asked.touch()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (folder / tool).symlink_to(found)
        self.add("id", "echo 0")
        # A Python that has all modules and libraries that are asked for.
        for name in ("python3", "python3.13", *THERE):
            self.add(name, "exit 0")

    def add(self, name: str, body: str) -> None:
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def add_apt(self, known: str = "chromium python3.13-venv", *, offline: bool = False) -> None:
        self.add("apt-get", f'echo "$@" >>{self.asked}; {"exit 100" if offline else "exit 0"}')
        self.add("apt-cache", f'for name in {known}; do [ "^$name$" != "$3" ] || echo "$name"; done')

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", SCRIPT, *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={"PATH": str(self.folder), "HOME": str(self.folder), "SMARTCAR_HASS": "/usr/bin/true", **environment},
        )

    @property
    def installed(self) -> list[str]:
        """What apt-get was asked to install, a call a line."""
        calls = self.asked.read_text().splitlines()
        return [call.split("recommends ")[1] for call in calls if call.startswith("install")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_all_is_there_nothing_is_said_and_no_rights_are_asked(machine: Machine) -> None:
    machine.add("chromium", "exit 0")
    machine.add("id", "echo 1000")
    for purpose in ((), ("tests",)):
        done = machine.run("python3", *purpose)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_car_alone_needs_no_browser(machine: Machine) -> None:
    machine.add_apt()
    assert machine.run("python3").returncode == 0
    assert machine.installed == []


def test_the_tests_get_their_browser(machine: Machine) -> None:
    machine.add_apt()
    done = machine.run("python3", "tests")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Installing Debian packages: chromium" in done.stdout
    assert machine.installed == ["chromium"]


def test_the_tests_get_a_python_for_home_assistant_where_there_is_none(machine: Machine) -> None:
    machine.add("chromium", "exit 0")
    machine.add("python3.13", "exit 1")  # as a shim of pyenv does, or Debian's without its package venv
    machine.add_apt()
    assert machine.run("python3", "tests", SMARTCAR_HASS="").returncode == 0
    expected = [] if (SCRIPT.parents[1] / ".venv-ha/bin/hass").exists() else ["python3.13-venv"]
    assert machine.installed == expected


def test_what_the_car_needs_comes_first(machine: Machine) -> None:
    (machine.folder / "mosquitto_pub").unlink()
    machine.add_apt()
    assert machine.run("python3", "tests").returncode == 0
    assert machine.installed == ["mosquitto-clients", "chromium"]


def test_where_a_browser_cannot_be_had_the_other_tests_run(machine: Machine) -> None:
    done = machine.run("python3", "tests")
    assert done.returncode == 0
    assert "missing: chromium. There is no apt-get here" in done.stderr
    assert "The tests that need chromium are skipped; with CI=true they fail." in done.stderr


def test_without_the_rights_it_says_what_to_run(machine: Machine) -> None:
    machine.add("id", "echo 1000")
    machine.add_apt()
    done = machine.run("python3", "tests")
    assert done.returncode == 0
    assert "Become root and run: apt-get install chromium" in done.stderr
    assert machine.installed == []


def test_a_release_without_the_package_is_told(machine: Machine) -> None:
    machine.add_apt(known="")
    done = machine.run("python3", "tests")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "This release of the system has no package chromium.",
        "Not installed: chromium.",
        "The tests that need chromium are skipped; with CI=true they fail.",
    ]


def test_a_release_without_that_python_is_left_to_the_installer_of_home_assistant(machine: Machine) -> None:
    machine.add("chromium", "exit 0")
    machine.add("python3.13", "exit 1")
    machine.add_apt(known="")
    done = machine.run("python3", "tests", SMARTCAR_HASS="")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.installed == []


def test_without_a_network_it_says_so(machine: Machine) -> None:
    (machine.folder / "mosquitto_pub").unlink()
    machine.add_apt(offline=True)
    done = machine.run("python3")
    assert done.returncode == 1
    assert "apt-get cannot install mosquitto-clients; see above. It needs a way to a Debian mirror." in done.stderr


def test_a_misspelt_purpose_is_refused(machine: Machine) -> None:
    done = machine.run("python3", "test")
    assert done.returncode == 1
    assert done.stderr == 'deploy/packages.sh: "test" is no purpose; write: deploy/packages.sh [PYTHON] [tests]\n'
