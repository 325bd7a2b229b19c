"""The commands under the access list that is shipped: what each user may do is done, and the rest is told in words."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartcar_mqtt.mqtt.reasons import ACCESS_LIST, LOGIN_MEND
from tests.cli.conftest import PROJECT, SMARTCAR, Run
from tests.support.environment import car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.program import Output, Program

USERS = {"smartcar": "bridges", "homeassistant": "house", "guest": "visit"}


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker with the shipped access list, and a password for each of its users."""
    passwords = tmp_path_factory.mktemp("passwords") / "file"
    passwords.touch(mode=0o600)
    for user, password in USERS.items():
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, password], check=True)
    options = [f"password_file {passwords}", f"acl_file {PROJECT / 'config/mosquitto.acl'}"]
    with Mosquitto(options, allow_anonymous=False) as broker:
        yield broker


@pytest.fixture(scope="module")
def motion(mosquitto: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A motion bridge without a board: it answers commands all the same."""
    folder = tmp_path_factory.mktemp("motion")
    settings = {
        "MQTT__HOST": mosquitto.host,
        "MQTT__PORT": mosquitto.port,
        "LOGGING__DIRECTORY": "",
        "CAR__STATE_DIRECTORY": folder,
        "MOTION__DEVICE": folder / "no-such-device",
    }
    environment = {**car_environment(settings, folder), "MQTT_USERNAME": "smartcar", "MQTT_PASSWORD": "bridges"}
    program = Program("motion", [*SMARTCAR, "run", "motion"], output=Output(), environment=environment)
    mosquitto.wait_subscribed("smartcar/car/motion/+/set")
    yield program
    assert "refuses" not in "\n".join(program.output.lines)
    program.stop()


def as_user(mosquitto: Mosquitto, user: str, protocol: str = "5") -> dict[str, str]:
    return {
        "SMARTCAR__MQTT__HOST": mosquitto.host,
        "SMARTCAR__MQTT__PORT": str(mosquitto.port),
        "SMARTCAR__MQTT__PROTOCOL": protocol,
        "MQTT_USERNAME": user,
        "MQTT_PASSWORD": USERS.get(user, "wrong"),
    }


@pytest.mark.usefixtures("motion")
@pytest.mark.parametrize("command", [("stop",), ("drive", "stop")])
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("user", USERS)
def test_everybody_may_stop(run: Run, mosquitto: Mosquitto, user: str, protocol: str, command: tuple[str, ...]) -> None:
    stopped = run(*command, **as_user(mosquitto, user, protocol))
    assert "access list" not in stopped.stderr
    answered = stopped.stdout + stopped.stderr
    assert "stop: no serial link" in answered  # so says the bridge: it has heard the command


@pytest.mark.usefixtures("motion")
def test_a_guest_may_not_drive_and_is_told_why(run: Run, mosquitto: Mosquitto) -> None:
    driven = run("drive", "forward", **as_user(mosquitto, "guest"))
    assert driven.returncode == 1
    assert driven.stderr == (
        f"smartcar: the broker at 127.0.0.1:{mosquitto.port} refuses what is published on "
        f"smartcar/car/motion/drive/set: {ACCESS_LIST}\n"
    )


@pytest.mark.usefixtures("motion")
def test_with_mqtt_3_1_1_the_access_list_is_named_as_one_cause(run: Run, mosquitto: Mosquitto) -> None:
    """That protocol has no word for a refusal."""
    driven = run("drive", "forward", **as_user(mosquitto, "guest", "3.1.1"))
    assert driven.returncode == 1
    assert "May this user write smartcar/car/motion/drive/set" in driven.stderr


@pytest.mark.parametrize(
    "command", [("stop",), ("drive", "left"), ("watch", "--for", "1"), ("forget", "--yes")], ids=lambda words: words[0]
)
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_wrong_login_is_told(run: Run, mosquitto: Mosquitto, command: tuple[str, ...], protocol: str) -> None:
    done = run(*command, **as_user(mosquitto, "nobody", protocol))
    assert done.returncode == 1
    assert LOGIN_MEND in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("motion")
@pytest.mark.parametrize("user", ["guest", "homeassistant"])
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_who_may_not_forget_the_car_is_told(run: Run, mosquitto: Mosquitto, user: str, protocol: str) -> None:
    forgotten = run("forget", "--yes", **as_user(mosquitto, user, protocol))
    assert forgotten.returncode == 1
    assert "forgot car" not in forgotten.stdout
    assert "smartcar/car/cli/sync" in forgotten.stderr


@pytest.mark.usefixtures("motion")
@pytest.mark.parametrize("user", USERS)
def test_everybody_may_watch(run: Run, mosquitto: Mosquitto, user: str) -> None:
    watched = run("watch", "--for", "1", **as_user(mosquitto, user))
    assert watched.returncode == 0
    assert "motion  Emergency stop: off" in watched.stdout


@pytest.mark.usefixtures("motion")
@pytest.mark.parametrize("user", ["smartcar", "homeassistant"])
def test_the_readmes_question_is_answered(mosquitto: Mosquitto, user: str) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith("mosquitto_rr"))
    words = line.split("#")[0].split()
    words[words.index("-p") + 1] = str(mosquitto.port)
    asked = subprocess.run(
        [*words, "-u", user, "-P", USERS[user], "-W", "5"], capture_output=True, text=True, timeout=20, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert '"command":"drive"' in asked.stdout


def test_forget_says_what_is_left(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "access"
    rules.write_text("topic read #\ntopic write smartcar/car/cli/sync\ntopic write kept/#\n")
    with Mosquitto(persistence=True) as mosquitto:
        where = ["-h", mosquitto.host, "-p", str(mosquitto.port)]
        subprocess.run(
            ["mosquitto_pub", *where, "-t", "smartcar/car/led/state", "-m", "{}", "-r", "-q", "1"], check=True
        )
        mosquitto.stop()
        mosquitto._extra.append(f"acl_file {rules}")
        mosquitto.start()
        for protocol, words in (("5", ACCESS_LIST), ("3.1.1", "1 of 1 retained messages are still there")):
            forgotten = run(
                "forget",
                "--yes",
                "--broker",
                f"{mosquitto.host}:{mosquitto.port}",
                SMARTCAR__MQTT__PROTOCOL=protocol,
            )
            assert forgotten.returncode == 1
            assert "smartcar/car/led/state" in forgotten.stderr
            assert words in forgotten.stderr
