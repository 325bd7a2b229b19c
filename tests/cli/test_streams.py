"""Standard streams and environment as they may be: closed, full, hung up, without Unicode, without a home."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import PROJECT, SMARTCAR, RunningDemo
from tests.cli.terminal import on_terminal

COMMANDS = (
    ("--help",),
    ("--version",),
    ("topics",),
    ("topics", "--json"),
    ("models", "list"),
    ("config", "check", "--show"),
    ("led", "--help"),
    ("drive", "up"),
    ("stop", "--broker", "127.0.0.1:1"),
    ("watch", "--broker", "127.0.0.1:1"),
    ("run", "wings"),
    ("sim", "--room", "nowhere"),
)
"""One of each kind, with the exit codes that they have in any case."""


def shell(
    environment: dict[str, str], line: str, arguments: Sequence[str] = (), *, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `"$@"` is the command."""
    return subprocess.run(
        ["bash", "-c", line, "bash", *SMARTCAR, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
        cwd=folder or PROJECT,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "<&- >&-", ">&- 2>&-"])
def test_closed_streams_change_no_exit_code(environment: dict[str, str], closed: str) -> None:
    for arguments in COMMANDS:
        usual = shell(environment, '"$@"', arguments)
        done = shell(environment, f'"$@" {closed}', arguments)
        assert done.returncode == usual.returncode, (arguments, done.stderr)
        assert "Traceback" not in done.stdout + done.stderr
        if "2>" not in closed:
            assert done.stderr == usual.stderr


def test_the_number_of_a_closed_stream_is_taken_by_nothing_else(environment: dict[str, str]) -> None:
    probe = (
        "import os; from smartcar_mqtt.cli.output import prepare_streams; prepare_streams();"
        "print([os.readlink(f'/proc/self/fd/{n}') for n in range(3)], file=open('/proc/self/fd/9', 'w'))"
    )
    done = subprocess.run(
        ["bash", "-c", 'exec 9>&1; "$@" <&- >&- 2>&-', "bash", SMARTCAR[0], "-c", probe],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout == f"{['/dev/null'] * 3}\n"


@pytest.mark.parametrize("arguments", [("topics",), ("topics", "--json"), ("config", "check", "--show"), ("--help",)])
def test_a_reader_that_has_seen_enough_ends_it_quietly(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = shell(environment, '"$@" | true; exit ${PIPESTATUS[0]}', arguments)
    assert done.stderr == ""
    assert done.returncode in {0, 1, 141}


def test_an_output_that_is_full_is_told(environment: dict[str, str]) -> None:
    for arguments in (("topics", "--json"), ("--help",), ("config", "check", "--show")):
        done = shell(environment, '"$@" > /dev/full', arguments)
        assert done.returncode == 1
        assert done.stderr == "smartcar: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    "setting",
    [
        "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
        "PYTHONIOENCODING=ascii:strict",
        "PYTHONIOENCODING=latin-1:strict",
        "PYTHONIOENCODING=cp437:strict",
    ],
)
def test_a_terminal_without_unicode_gets_something_plainer(environment: dict[str, str], setting: str) -> None:
    for arguments in COMMANDS:
        done = subprocess.run(
            ["bash", "-c", f'{setting} exec "$@"', "bash", *SMARTCAR, *arguments],
            capture_output=True,
            env=environment,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert b"UnicodeEncodeError" not in done.stderr
    demo = shell(environment, f'{setting} "$@" demo --for 0 --bridge motion --broker-port 0')
    assert demo.returncode == 0, demo.stderr
    assert "  + motion " in demo.stdout or "✔" in demo.stdout


def test_json_stays_json_in_any_encoding(environment: dict[str, str]) -> None:
    plain = shell(environment, '"$@"', ("topics", "--json")).stdout
    poor = shell({**environment, "PYTHONIOENCODING": "ascii"}, '"$@"', ("topics", "--json")).stdout
    assert poor.isascii()
    for text in (plain, poor):
        assert subprocess.run([SMARTCAR[0], "-m", "json.tool"], input=text, text=True, capture_output=True, check=True)


@pytest.mark.parametrize("columns", ["1", "0", "-3", "many", "7", "99999999999999999999"])
def test_any_width_of_a_terminal_serves(environment: dict[str, str], demo: RunningDemo, columns: str) -> None:
    surroundings = {**environment, "COLUMNS": columns, "TERM": "xterm"}
    for arguments in (("topics",), ("--help",), ("watch", "--for", "0.5", "--broker", demo.broker)):
        code, shown = on_terminal([*SMARTCAR, *arguments], surroundings, columns=3)
        assert code == 0, shown[-2000:]
        assert "Traceback" not in shown


@pytest.mark.parametrize("terminal", ["dumb", "unknown", "", "xterm-256color", "nonsense"])
def test_any_kind_of_terminal_serves(environment: dict[str, str], demo: RunningDemo, terminal: str) -> None:
    surroundings = {**environment, "TERM": terminal}
    surroundings.pop("NO_COLOR")
    code, shown = on_terminal([*SMARTCAR, "watch", "--for", "0.5", "--broker", demo.broker], surroundings)
    assert code == 0, shown[-2000:]
    assert "Distance center" in shown
    if terminal == "dumb":
        assert "\x1b" not in shown


def test_no_colour_means_none(environment: dict[str, str], demo: RunningDemo) -> None:
    for arguments in (("watch", "--for", "0.5", "--broker", demo.broker), ("demo", "--for", "0", "--bridge", "motion")):
        code, shown = on_terminal([*SMARTCAR, *arguments], {**environment, "TERM": "xterm", "NO_COLOR": "1"})
        assert code == 0, shown[-2000:]
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


def test_a_current_folder_that_is_gone(environment: dict[str, str], tmp_path: Path) -> None:
    for arguments in (*COMMANDS, ("demo", "--for", "0", "--bridge", "motion", "--broker-port", "0")):
        gone = tmp_path / "gone"
        gone.mkdir()
        usual = shell(environment, '"$@"', arguments)
        done = shell({**environment, "FOLDER": str(gone)}, 'cd "$FOLDER" && rmdir "$FOLDER" && "$@"', arguments)
        assert done.returncode == usual.returncode, (arguments, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_user_without_a_name_and_without_a_home(environment: dict[str, str]) -> None:
    homeless = {key: value for key, value in environment.items() if key not in {"HOME", "XDG_RUNTIME_DIR"}}
    script = (  # what the C library says to a process whose user id is in no list
        "import pwd, sys\n"
        "def nobody(_): raise KeyError\n"
        "pwd.getpwuid = pwd.getpwnam = nobody\n"
        "from smartcar_mqtt.cli import main; main(sys.argv[1:])"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SMARTCAR[0], "-c", script, *arguments], capture_output=True, text=True, env=homeless, cwd="/", check=False
        )

    checked = run("config", "check", "--show")
    assert checked.returncode == 0, checked.stderr
    started = run("run", "motion")
    assert started.returncode == 1
    assert "car.state_directory: ~/.local/state/smartcar: there is no such home folder" in started.stderr
    assert "Traceback" not in started.stderr
    demo = run("demo", "--for", "0", "--bridge", "motion", "--broker-port", "0")
    assert demo.returncode == 0, demo.stderr


def test_a_folder_for_temporary_files_that_is_missing(environment: dict[str, str]) -> None:
    done = shell({**environment, "TMPDIR": "/nowhere"}, '"$@" demo --for 0 --bridge motion --broker-port 0')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["/run/user/4242", "/proc", "relative/folder", ""])
def test_a_runtime_folder_that_is_missing_or_not_ours(environment: dict[str, str], folder: str) -> None:
    surroundings = {**environment, "XDG_RUNTIME_DIR": folder}
    demo = RunningDemo(surroundings, "--bridge", "motion")
    try:
        stopped = shell(surroundings, '"$@" stop')
        assert stopped.returncode == 0, stopped.stderr
        assert f"using the demo's broker at {demo.broker}" in stopped.stderr
    finally:
        assert demo.end() == 0


def test_a_demo_is_found_from_another_login(environment: dict[str, str]) -> None:
    demo = RunningDemo({**environment, "XDG_RUNTIME_DIR": ""}, "--bridge", "motion")
    try:
        assert demo.broker in shell(environment, '"$@" stop').stderr
    finally:
        assert demo.end() == 0


def test_the_end_of_one_demo_leaves_the_other_to_be_found(environment: dict[str, str], tmp_path: Path) -> None:
    surroundings = {**environment, "XDG_RUNTIME_DIR": str(tmp_path)}
    first = RunningDemo(surroundings, "--bridge", "motion")
    second = RunningDemo(surroundings, "--bridge", "motion")
    try:
        assert second.broker in shell(surroundings, '"$@" stop').stderr
        assert second.end() == 0
        assert first.broker in shell(surroundings, '"$@" stop').stderr
        second = RunningDemo(surroundings, "--bridge", "motion")
        second.process.kill()  # leaves its record behind
        second.process.wait()
        assert first.broker in shell(surroundings, '"$@" stop').stderr
    finally:
        assert first.end() == 0
    assert [path for path in tmp_path.glob("*.json") if str(first.process.pid) in path.name] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 5000, b"{}", b'{"pid": "x"}', b'{"pid": 1, "born": "", "host": "x", "port": 1}', b"\xff", b"[1]",
     b'{"pid": 1e99, "born": "1", "host": "x", "port": 1}'],
)  # fmt: skip
def test_a_damaged_record_is_no_demo(environment: dict[str, str], tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"smartcar-demo-{os.getuid()}-1.json").write_bytes(content)
    empty = {**environment, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path), "SMARTCAR__MQTT__KEEPALIVE": "5"}
    done = shell(empty, '"$@" config check; "$@" stop')
    assert "Traceback" not in done.stderr


def test_a_demo_survives_the_end_of_its_terminal_under_nohup_and_ends_without(environment: dict[str, str]) -> None:
    demo = '"$@" demo --for 2 --bridge motion --broker-port 0'
    line = f'trap "" HUP; {demo} & child=$!; sleep 1; kill -HUP $child; wait $child'
    done = shell(environment, line)
    assert done.returncode == 0
    assert "The demo has ended" in done.stdout


def test_nothing_of_a_real_car_reaches_a_demo(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SMARTCAR__MOTION__DEVICE=/dev/ttyUSB9\nMQTT_USERNAME=car\n")
    service = {"RUNTIME_DIRECTORY": "/nowhere", "STATE_DIRECTORY": "/nowhere", "NOTIFY_SOCKET": "/nowhere"}
    done = shell({**environment, **service}, '"$@" demo --for 0 --json --broker-port 0', folder=tmp_path)
    assert done.returncode == 0, done.stderr
