"""`smartcar demo`: all is up in one command, and nothing is left behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridges.vision.settings import VisionSettings
from smartcar_mqtt.cli import demo_parts
from smartcar_mqtt.cli.demo import Story
from smartcar_mqtt.config import bridge_names
from tests.cli.conftest import SMARTCAR, Run, RunningDemo

BRIDGES = bridge_names()


def wait_ended(process_id: int, timeout_s: float = 10.0) -> None:
    """Wait until a process that is not ours to reap has ended."""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], timeout_s)[0], f"process {process_id} still runs"
    finally:
        os.close(descriptor)


def test_json_says_where_everything_is(demo: RunningDemo) -> None:
    said = demo.said
    assert said["broker"]["host"] == "127.0.0.1"
    assert said["http"] is None
    assert said["bridges"] == dict.fromkeys(BRIDGES, "online")
    assert Path(said["serial"]).exists()


def test_it_ends_after_its_time_with_exit_code_0(run: Run) -> None:
    ended = run("demo", "--for", "0.5", "--broker-port", "0", "--json")
    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""


def test_people_are_told_what_to_try_and_it_works_when_pasted(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*SMARTCAR, "demo", "--broker-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    lines = []
    while not lines or "appears by itself" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.communicate()[1]
    text = "".join(lines)
    assert "✔ broker" in text
    assert "✔ motion" in text
    pasted = [line.strip() for line in lines if line.strip().startswith("mosquitto_")]
    assert len(pasted) == 3 + len({"led", "display"} & set(BRIDGES))
    for line in pasted:
        # mosquitto_sub goes on for ever: two messages are enough to see that it is right
        command = f"{line} -C 2 -W 10" if line.startswith("mosquitto_sub") else line
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
    assert "smartcar/car/motion/state" in done.stdout
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_taken_port_is_replaced_by_a_free_one(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("demo", "--for", "0", "--broker-port", str(port))
    assert ended.returncode == 0, ended.stderr
    assert f"(port {port} is taken)" in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_behind(environment: dict[str, str], number: signal.Signals) -> None:
    demo = RunningDemo(environment)
    children = demo.children()
    assert len(children) == 2 + len(BRIDGES), children  # a broker and a car besides
    folder = Path(demo.said["serial"]).parent
    demo.process.send_signal(number)
    demo.process.communicate(timeout=20)
    for child in children:
        wait_ended(child)
    if number is not signal.SIGKILL:
        assert demo.process.returncode == 0
        assert not folder.exists()


def test_a_bridge_that_ends_by_itself_is_told_and_spoils_the_exit_code(environment: dict[str, str]) -> None:
    demo = RunningDemo(environment)
    bridge = next(child for child, command in demo.children().items() if " run motion" in command)
    os.kill(bridge, signal.SIGKILL)
    assert demo.process.stderr is not None
    assert "motion has ended by itself" in demo.process.stderr.readline()
    assert demo.end() == 1


class Told:
    """What a starting demo has told, and what happens then."""

    def __init__(self, when_waiting: Callable[[], object] = lambda: None) -> None:
        self.lines: list[str] = []
        self._when_waiting = when_waiting

    def ready(self, name: str, note: str, *, good: bool) -> None:
        self.lines.append(f"{name} {'good' if good else 'bad'} {note}")

    def waiting(self, names: list[str], seconds: float) -> None:
        self.lines.append(f"waiting {' '.join(names)}")
        self._when_waiting()


def slow_bridges(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """From now on a bridge starts only when somebody opens the gate (a FIFO) for it, as on a slow machine."""
    gate = folder / "gate"
    os.mkfifo(gate)
    script = 'case "$1" in run) read -r opened <"$0";; esac; exec "$PYTHON" -m smartcar_mqtt.cli "$@"'
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setattr(demo_parts, "PROGRAM", ("sh", "-c", script, str(gate)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return gate


def test_a_slow_bridge_is_waited_for_and_told_about(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_parts, "TOLD_AFTER_S", 0.3)
    gate = slow_bridges(monkeypatch, tmp_path)
    told = Told(lambda: told.lines.count("waiting led") == 2 and gate.write_text("open\n"))
    with demo_parts.Demo(broker_port=0, listen="127.0.0.1", room="living_room", bridges=("led",)) as demo:
        demo.start(told)
        assert demo.complete
    assert told.lines[2:4] == ["waiting led", "waiting led"]  # broker and car were told before
    assert told.lines[-1].startswith("led good online after ")


def test_the_wait_for_a_bridge_that_never_comes_has_an_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_parts, "START_TIMEOUT_S", 1.2)
    slow_bridges(monkeypatch, tmp_path)
    told = Told()
    with demo_parts.Demo(broker_port=0, listen="127.0.0.1", room="living_room", bridges=("led",)) as demo:
        demo.start(told)
        assert not demo.complete
    assert told.lines[-1] == "led bad not online after 1 s: it said nothing"


def test_hardware_that_does_not_answer_is_told_as_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_parts, "LINK_TIMEOUT_S", 0.3)
    nobody = {"camera": "simulated", "device": "127.0.0.1:1"}
    monkeypatch.setattr(VisionSettings, "for_demo", lambda _: nobody)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    told = Told()
    with demo_parts.Demo(broker_port=0, listen="127.0.0.1", room="living_room", bridges=("vision",)) as demo:
        demo.start(told)
        assert not demo.complete
    assert told.lines[-1].startswith("vision bad online without its hardware: ")


def test_people_and_scripts_are_told_of_the_wait(capsys: pytest.CaptureFixture[str]) -> None:
    Story(quiet=False).waiting(["display", "vision"], 40.2)
    people = capsys.readouterr()
    assert "still waiting for display, vision after 40 s" in people.out
    Story(quiet=True).waiting(["display", "vision"], 40.2)
    scripts = capsys.readouterr()
    assert (scripts.out, scripts.err) == ("", people.out)  # standard output has the one line of JSON and nothing else


def test_without_mosquitto_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(demo_parts, "SYSTEM_FOLDERS", str(tmp_path))
    demo = demo_parts.Demo(broker_port=0, listen="127.0.0.1", room="living_room", bridges=("motion",))
    with demo, pytest.raises(demo_parts.DemoError, match="run: sudo apt-get install mosquitto mosquitto-clients"):
        demo.start(Told())


def test_an_unusable_room_is_one_clear_sentence(run: Run, tmp_path: Path) -> None:
    room = tmp_path / "attic.yaml"
    room.write_text("walls: 3\n")
    ended = run("demo", "--for", "0", "--broker-port", "0", "--room", str(room))
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "attic.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_real_cars_environment_does_not_reach_the_demo(run: Run) -> None:
    ended = run("demo", "--for", "0", "--json", "--broker-port", "0", SMARTCAR__MOTION__DEVICE="/dev/ttyUSB9")
    assert ended.returncode == 0, ended.stderr
