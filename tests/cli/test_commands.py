"""The commands against a running demo, and every way in which they can be called wrongly."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from smartcar_mqtt.config import bridge_names
from tests.cli.conftest import SMARTCAR, Run, RunningDemo


def test_drive_finds_the_demo_and_says_that_it_is_done(run: Run, demo: RunningDemo) -> None:
    driven = run("drive", "left", "--duration", "0.2")
    assert driven.returncode == 0, driven.stderr
    assert driven.stdout == "left: done\n"
    assert driven.stderr == f"using the demo's broker at 127.0.0.1:{demo.port}\n"


def test_a_refused_drive_says_why_and_fails(run: Run, demo: RunningDemo) -> None:
    driven = run("drive", "left", "--duration", "9", "--broker", demo.broker)
    assert driven.returncode == 1
    assert driven.stderr == "smartcar: left: duration 9 s is out of range (allowed: above 0 to 5 s) (refused)\n"


def test_drive_as_json(run: Run, demo: RunningDemo) -> None:
    driven = run("drive", "right", "--duration", "0.1", "--json", "--broker", demo.broker)
    answer = json.loads(driven.stdout)
    assert (answer["command"], answer["status"], answer["source"]) == ("drive", "done", "cli")


def test_a_speed_that_the_firmware_does_not_know_is_not_ignored_silently(run: Run, demo: RunningDemo) -> None:
    driven = run("drive", "left", "--duration", "0.1", "--speed", "50", "--broker", demo.broker)
    assert driven.returncode == 0
    assert "speed is ignored" in driven.stdout


def test_stop(run: Run, demo: RunningDemo) -> None:
    assert run("stop", "--broker", demo.broker).stdout == "stop: done\n"


def test_stop_on_the_serial_line_itself_needs_no_broker(run: Run, demo: RunningDemo) -> None:
    stopped = run("stop", "--serial", SMARTCAR__MOTION__DEVICE=demo.said["serial"])
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout.startswith("STOP written to")


def test_watch_prints_plain_lines_where_there_is_no_terminal(run: Run, demo: RunningDemo) -> None:
    watched = run("watch", "--for", "1", "--broker", demo.broker)
    assert watched.returncode == 0, watched.stderr
    assert re.search(r"^motion  Distance center: \d+ cm$", watched.stdout, re.MULTILINE)
    assert "motion  ESP32 link: on\n" in watched.stdout
    assert "Ring light: on idle #" in watched.stdout
    assert "vision  Objects in view:" in watched.stdout
    assert "vision  Objects: " not in watched.stdout  # a stream for programs


def test_watch_as_json_lines(run: Run, demo: RunningDemo) -> None:
    watched = run("watch", "--for", "0.5", "--json", "--broker", demo.broker)
    lines = [json.loads(line) for line in watched.stdout.splitlines()]
    assert {"bridge": "motion", "entity": "availability", "value": "online"} in lines


def test_watch_on_a_terminal_is_a_table(environment: dict[str, str], demo: RunningDemo) -> None:
    command = " ".join([*SMARTCAR, "watch", "--for", "1", "--broker", demo.broker])
    shown = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**environment, "COLUMNS": "130", "TERM": "xterm"},
    )
    assert re.search(r"│ Distance center\s+│ \d+ cm", shown.stdout)


def test_topics_as_json_names_every_entity(run: Run) -> None:
    rows = json.loads(run("topics", "--json").stdout)
    drive = next(row for row in rows if row["entity"] == "drive")
    assert drive["command_topic"] == "smartcar/car/motion/drive/set"
    assert drive["description"]
    assert {row["bridge"] for row in rows} == set(bridge_names())


def test_topics_as_a_table(run: Run) -> None:
    assert "Emergency stop" in run("topics").stdout


def test_config_check_shows_what_is_in_force(run: Run) -> None:
    checked = run("config", "check", "--show", SMARTCAR__MOTION__MAX_LEASE="3")
    assert checked.returncode == 0
    assert "  max_lease: 3.0\n" in checked.stdout


def test_config_check_names_file_key_value_and_what_is_allowed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "car.yaml"
    file.write_text("motion:\n  max_lease: 90\n")
    checked = run("config", "check", "--config", str(file))
    assert checked.returncode == 1
    assert (
        checked.stderr == f"smartcar: {file}: motion.max_lease: 90 is not allowed (expected: a number from 0.1 to 30)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("drive", "up"), "Invalid value"),
        (("drive",), "Missing argument"),
        (("drive", "left", "--broker", "nowhere:port"), "expected HOST:PORT"),
        (("drive", "left", "--broker", "127.0.0.1:1"), "cannot be reached"),
        (("drive", "left", "--car", "my car"), "letters, digits"),
        (("stop", "--broker", "127.0.0.1:1"), "cannot be reached"),
        (("stop", "--serial", "--config", "/nowhere.yaml"), "no such configuration file"),
        (("watch", "--broker", "127.0.0.1:1"), "cannot be reached"),
        (("forget", "--yes", "--broker", "127.0.0.1:1"), "cannot be reached"),
        (("run", "wings"), "Invalid value"),
        (("sim", "--room", "no_such_room"), "no_such_room"),
        (("demo", "--bridge", "wings"), "Invalid value"),
        (("dance",), "No such command"),
    ],
)
def test_an_error_is_a_sentence_and_no_traceback(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    ended = run(*arguments)
    assert ended.returncode != 0
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_car_that_does_not_answer_is_told(run: Run, demo: RunningDemo) -> None:
    driven = run("drive", "left", "--car", "other", "--broker", demo.broker)
    assert driven.returncode == 1
    assert "is its motion bridge running" in driven.stderr


def test_forget_refuses_while_the_bridges_run(run: Run, demo: RunningDemo) -> None:
    forgotten = run("forget", "--yes", "--broker", demo.broker)
    assert forgotten.returncode == 1
    assert f"still running: {', '.join(bridge_names())};" in forgotten.stderr


def test_every_command_has_help_and_the_version_is_told(run: Run) -> None:
    overview = run("--help").stdout
    for command in ("demo", "drive", "stop", "watch", "topics", "run", "sim", "config", "forget"):
        assert f"  {command} " in overview
        assert run(command, "--help").returncode == 0
    assert re.fullmatch(r"smartcar, version \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_is_offered(environment: dict[str, str], shell: str) -> None:
    smartcar = Path(SMARTCAR[0]).with_name("smartcar")
    done = subprocess.run(
        [smartcar],
        env={**environment, "_SMARTCAR_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "_SMARTCAR_COMPLETE" in done.stdout
