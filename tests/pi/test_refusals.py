"""`make test-pi` where it cannot run: one sentence that says what to do. (That it runs is no part of these tests.)"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("emulated_pi.sh")
TOOLS = ("bash", "dirname", "realpath")


@pytest.mark.parametrize(
    ("user", "machine", "programs", "sentence"),
    [
        (1000, "x86_64", [], "debootstrap and chroot need root; run: sudo make test-pi"),
        (
            0,
            "x86_64",
            [],
            "missing here: debootstrap qemu-user-static; run: apt-get install debootstrap qemu-user-static",
        ),
        (0, "x86_64", ["debootstrap"], "missing here: qemu-user-static; run: apt-get install qemu-user-static"),
        (0, "aarch64", [], "missing here: debootstrap; run: apt-get install debootstrap"),
    ],
)
def test_it_says_what_is_missing(tmp_path: Path, user: int, machine: str, programs: list[str], sentence: str) -> None:
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    answers = {"id": f"echo {user}", "uname": f"echo {machine}", **dict.fromkeys(programs, "exit 1")}
    for name, body in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    folder = tmp_path / "folder"
    command = [tmp_path / "bash", SCRIPT, folder]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"make test-pi: {sentence}\n")
    assert not folder.exists()
