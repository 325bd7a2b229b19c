"""What the documents say is true: commands run, references are up to date, the configuration shows every default."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import msgspec
import pytest
import yaml

from smartcar_mqtt.cli import cli
from smartcar_mqtt.config import COMMON_SECTIONS, bridge_names, load
from smartcar_mqtt.service import find_bridge
from smartcar_mqtt.simulator.esp32.board import LEVELS, MOTOR_PINS
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.wiring import DOCUMENTED, Wiring
from smartcar_mqtt.simulator.world.world import World
from tests.cli.conftest import PROJECT, SMARTCAR, Run, RunningDemo

DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def commands() -> list[tuple[str, str]]:
    """All lines of the documents' shell blocks."""
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"```bash\n(.*?)```", (PROJECT / document).read_text(), re.DOTALL):
            found += [(document, line.split("#")[0].strip()) for line in block.splitlines() if line.strip()]
    return found


@pytest.mark.parametrize(("document", "line"), commands())
def test_each_command_of_the_documents_is_right(document: str, line: str, demo: RunningDemo) -> None:
    if line.startswith("make "):
        target = line.split()[1]  # behind it may stand variables
        assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    elif line.startswith("mosquitto_"):
        here = line.replace("-p 18830", f"-p {demo.port}")
        done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        if line.startswith("mosquitto_rr"):
            assert '"status":"done"' in done.stdout
    elif "_SMARTCAR_COMPLETE" in line:
        assert "bash_source" in line
    else:
        words = [word for word in shlex.split(line) if "=" not in word or word.startswith("-")]
        assert words[0] == ".venv/bin/smartcar"
        command: click.Command = cli
        context = click.Context(cli)
        rest = words[1:]
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, rest)
            assert name
        command.make_context(words[1], rest, resilient_parsing=False)


def test_the_reference_of_topics_is_up_to_date(run: Run) -> None:
    assert run("topics", "--markdown").stdout == (PROJECT / "docs/topics.md").read_text(), "run: make docs"


def test_links_in_the_documents_lead_somewhere() -> None:
    others = [str(path.relative_to(PROJECT)) for path in (PROJECT / "docs").glob("*.md")]
    for document in [*DOCUMENTS, *others, "CHANGELOG.md", "models/README.md"]:
        text = (PROJECT / document).read_text()
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (PROJECT / document).parent.joinpath(target).exists(), f"{document}: {target}"


def test_the_configuration_file_shows_every_key_with_its_default_and_a_comment() -> None:
    path = PROJECT / "config/system.yaml"
    kinds = {**COMMON_SECTIONS, **{name: find_bridge(name).settings_type for name in bridge_names()}}
    defaults = msgspec.to_builtins({name: kind() for name, kind in kinds.items()})
    del defaults["mqtt"]["password"]  # a secret, which has no place in the file
    assert yaml.safe_load(path.read_text()) == defaults
    for line in path.read_text().splitlines():
        if re.match(r"\s+\w+: \S", line):
            assert "#" in line, line


def test_the_units_last_command_stops_a_car_whose_bridge_is_gone(tmp_path: Path, environment: dict[str, str]) -> None:
    unit = (PROJECT / "deploy/systemd/smartcar-motion.service").read_text()
    command = re.search(r"^ExecStopPost=\S+/smartcar (.*)$", unit, re.MULTILINE)
    assert command is not None
    with SerialTwin(World.load("living_room")) as twin:
        settings = {**environment, "SMARTCAR__MOTION__DEVICE": twin.device}
        with Path(twin.device).open("wb", buffering=0) as line:
            line.write(b"BACKWARD\n")  # what a bridge that was killed has left behind
            twin.wait_for("BACKWARD")
        done = subprocess.run(
            [*SMARTCAR, *shlex.split(command[1])], env=settings, cwd=tmp_path, timeout=20, check=False
        )
        assert done.returncode == 0
        twin.wait_for("STOP")


def test_the_documented_wiring_is_that_of_the_simulated_car_and_of_the_default_setting() -> None:
    """Pins of the firmware, inputs of the motor driver, sides of the car: documents, simulator and setting agree."""
    page = (PROJECT / "docs/serial-protocol.md").read_text()
    rows = re.findall(r"\| (\d+), (\d+) \| motor driver IN(\d), IN(\d): (left|right) side forward, backward \|", page)
    assert [(int(row[0]), int(row[1])) for row in rows] == [MOTOR_PINS[:2], MOTOR_PINS[2:]]
    inputs = {side: (int(forward), int(backward)) for _, _, forward, backward, side in rows}
    assert Wiring(*inputs["left"], *inputs["right"]) == DOCUMENTED
    readme = (PROJECT / "README.md").read_text()
    assert "| 25, 26 and 27, 14 | motor driver: left side forward, backward; right side forward, backward |" in readme
    left, right = DOCUMENTED.wheels(LEVELS[b"LEFT"], 255)
    turns_right_on_left = left > right
    assert find_bridge("motion").settings_type().swap_left_right == turns_right_on_left


def test_the_shipped_configuration_is_accepted() -> None:
    sections = {name: find_bridge(name).settings_type for name in bridge_names()}
    load(PROJECT / "config/system.yaml", sections=sections, environment={})
