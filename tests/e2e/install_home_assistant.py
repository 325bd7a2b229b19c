"""Installs Home Assistant into a virtual environment of its own: `python -m tests.e2e.install_home_assistant`.

It is not a development dependency, as it needs another Python than the car and pins what the car does not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VERSION = "2025.4.4"
REQUIREMENTS = Path(__file__).with_name(f"requirements-{VERSION}.txt")
ENVIRONMENT = Path(__file__).parents[2] / ".venv-ha"

PYTHONS = Path(__file__).parents[2] / ".setup" / "python"
"""Where a Python is put that had to be fetched."""

_PYTHON_VERSION = (3, 13)
_FETCH_TIMEOUT = 300.0
_STAMP = ENVIRONMENT / "installed.txt"
_STEP_TIMEOUT = 1800.0

Say = Callable[[str], None]


class PythonMissingError(Exception):
    """There is no Python 3.13 to run Home Assistant with."""


class InstallError(Exception):
    """Home Assistant could not be installed."""


def hass_program(say: Say) -> Path:
    """The `hass` program to test with, which is installed first where it has to be.

    `SMARTCAR_HASS` names another one, of any version from 2024.11 on; then nothing is installed.

    Args:
        say: told in a sentence what takes long.

    Raises:
        PythonMissingError: no Python 3.13 was found.
        InstallError: the installation failed, or `SMARTCAR_HASS` is no program.
    """
    named = os.environ.get("SMARTCAR_HASS")
    if named:
        program = Path(named).expanduser().absolute()
        if not os.access(program, os.X_OK) or program.is_dir():
            raise InstallError(f"SMARTCAR_HASS={named} is no program: name the `hass` of a Home Assistant, or unset it")
        return program
    with _one_installer():
        if not _is_installed():
            _install(_find_or_fetch_python(say), say)
    return ENVIRONMENT / "bin" / "hass"


def find_python() -> Path:
    """A Python 3.13 that can make virtual environments.

    Tried are `SMARTCAR_PYTHON313`, the PATH, and the Pythons of pyenv, newest first.

    Raises:
        PythonMissingError: none was found, or the one that the variable names is no such Python.
    """
    named = os.environ.get("SMARTCAR_PYTHON313")
    if named:
        if not _serves(Path(named).expanduser()):
            raise PythonMissingError(
                f"SMARTCAR_PYTHON313={named} is no Python 3.13 with the modules venv and ensurepip: correct or unset it"
            )
        return Path(named).expanduser().absolute()
    for candidate in _candidates():
        if _serves(candidate):
            return candidate
    raise PythonMissingError(
        f"Home Assistant {VERSION} needs a Python 3.13 with venv, and none was found: install one (`pyenv install "
        f"3.13` or `apt install python3.13-venv`), name it in SMARTCAR_PYTHON313, or name another Home Assistant's "
        f"hass program in SMARTCAR_HASS"
    )


def _find_or_fetch_python(say: Say) -> Path:
    """A Python 3.13; where this machine has none (Debian 12 has 3.11), uv fetches one into `.setup`.

    Raises:
        PythonMissingError: none was found, and none could be fetched.
    """
    try:
        return find_python()
    except PythonMissingError as error:
        if os.environ.get("SMARTCAR_PYTHON313"):
            raise
        missing = error
    say("Fetching a Python 3.13 for Home Assistant: once, some 30 MB ...")
    try:
        return fetch_python(PYTHONS)
    except InstallError as error:
        raise PythonMissingError(
            f"{missing}. (uv could not fetch one: {str(error).splitlines()[-1].strip()})"
        ) from error


def fetch_python(folder: Path, uv: Sequence[str] = ()) -> Path:
    """A Python 3.13 of its own, by uv (https://docs.astral.sh/uv/concepts/python-versions), in a folder.

    Args:
        folder: where it is put; what is there already is used.
        uv: the command of uv; without it uv is installed into the folder.

    Raises:
        InstallError: it could not be fetched.
    """
    python = folder / "cpython"
    if not uv and (folder / "uv/bin/uv").exists():
        uv = (str(folder / "uv/bin/uv"),)
    if not uv:
        _run([sys.executable, "-m", "venv", str(folder / "uv")])
        _run([str(folder / "uv/bin/pip"), "install", "--quiet", "--disable-pip-version-check", "uv"])
        uv = (str(folder / "uv/bin/uv"),)
    version = ".".join(str(part) for part in _PYTHON_VERSION)
    into = {"UV_PYTHON_INSTALL_DIR": str(python), "UV_PYTHON_BIN_DIR": str(folder / "bin")}
    _run([*uv, "python", "install", version], timeout=_FETCH_TIMEOUT, **into)
    for candidate in sorted(python.glob(f"*/bin/python{version}")):
        if _serves(candidate):
            return candidate
    raise InstallError(f"`uv python install` left no Python {version} that works in {python}")


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("python3.13")
    if on_path is not None:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = list(pyenv.glob("versions/3.13*/bin/python3.13"))
    yield from sorted(found, key=lambda path: [int(part) for part in path.parts[-3].split(".") if part.isdigit()])[::-1]


def _serves(python: Path) -> bool:
    """Whether it starts (a shim of pyenv may not), has the version, and has what Debian packs separately."""
    probe = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {_PYTHON_VERSION})"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _is_installed() -> bool:
    """Whether the last installation came to its end, was this one, and its Python (a link) is still there."""
    python = ENVIRONMENT / "bin" / "python"
    return python.exists() and _STAMP.exists() and _STAMP.read_text() == _stamp()


def _stamp() -> str:
    return f"homeassistant {VERSION}\nrequirements sha256 {hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()}\n"


@contextmanager
def _one_installer() -> Iterator[None]:
    """Test runs side by side install once; the others wait."""
    with REQUIREMENTS.open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        yield


def _install(python: Path, say: Say) -> None:
    say(f"Installing Home Assistant {VERSION} into {ENVIRONMENT}: once, about 40 s ...")
    begun = time.monotonic()
    if ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)  # half made, or of another version
    _run([str(python), "-m", "venv", str(ENVIRONMENT)])
    own_python = str(ENVIRONMENT / "bin" / "python")
    pip = [own_python, "-m", "pip"]
    installer = [str(ENVIRONMENT / "bin" / "uv"), "pip"]
    try:
        _run([*pip, "install", "--quiet", "--disable-pip-version-check", "uv"])
    except InstallError as error:
        say(f"uv, the fast installer, could not be had; pip takes some 6 minutes instead. ({error})")
        installer = pip
    packages = ["--quiet", "--no-deps", "--requirement", str(REQUIREMENTS)]
    _run([*installer, "install", *packages], VIRTUAL_ENV=str(ENVIRONMENT))  # where uv installs; pip knows by itself
    _STAMP.write_text(_stamp())
    say(f"Home Assistant {VERSION} has been installed in {time.monotonic() - begun:.0f} s.")


def _run(command: Sequence[str], *, timeout: float = _STEP_TIMEOUT, **settings: str) -> None:
    """Run a command with these variables in its environment."""
    environment = dict(os.environ)
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        environment.pop(name, None)
    environment.update(settings)
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]} failed: {error}") from error
    if done.returncode:
        newest = "\n".join(done.stdout.splitlines()[-15:])
        raise InstallError(
            f"`{' '.join(command)}` ended with status {done.returncode}. It needs a way to the internet; try again "
            f"with `python -m tests.e2e.install_home_assistant`. Its newest output:\n{newest}"
        )


def main() -> int:
    """Install it where it is not yet, and print the path of its program."""
    try:
        program = hass_program(lambda sentence: print(sentence, file=sys.stderr, flush=True))
    except (PythonMissingError, InstallError) as error:
        print(error, file=sys.stderr)
        return 1
    print(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
