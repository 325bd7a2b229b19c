"""Where the broker is: what is clear is taken, for the rest there is one sentence, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from smartcar_mqtt.cli import cli
from smartcar_mqtt.config import ConfigError, Mqtt, load
from smartcar_mqtt.config.broker_address import BrokerAddress, parse_broker_address

UNCLEAR = [
    ("", "there is no host"),
    (" \t", "there is no host"),
    (":1883", "there is no host"),
    ("mqtt://", "there is no host"),
    ("1883", "write localhost:1883"),
    ("broker:", "the port must be a number"),
    ("broker:mqtt", "the port must be a number"),
    ("broker:0", "the port must be a number"),
    ("broker:65536", "the port must be a number"),
    ("broker:1883:1884", "the port must be a number"),
    ("broker:²", "the port must be a number"),
    ("broker 1883", "there is a blank"),
    ("broker;1883", "is no name of a host"),
    ("'broker'", "is no name of a host"),
    ("broker..home", "is no name of a host"),
    ("[::1", "IPv6 address in brackets"),
    ("[::1]1883", "IPv6 address in brackets"),
    ("[broker]:1883", "IPv6 address in brackets"),
    ("ws://broker:9001", "websockets"),
    ("http://broker", "is no broker's address"),
    ("mqtt://broker/car", "no path"),
    ("mqtt://broker?x=1", "no path"),
    ("unix://", "names no socket"),
]


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("localhost", "localhost", None, False),
        ("  broker.local \n", "broker.local", None, False),
        ("broker:1884", "broker", 1884, False),
        (" broker : 1884 ", "broker", 1884, False),
        ("192.168.1.10:1884", "192.168.1.10", 1884, False),
        ("mqtt://broker", "broker", None, False),
        ("MQTT://broker:1884/", "broker", 1884, False),
        ("tcp://broker:1884", "broker", 1884, False),
        ("//broker:1884", "broker", 1884, False),
        ("mqtts://broker", "broker", None, True),
        ("ssl://broker:8884", "broker", 8884, True),
        ("::1", "::1", None, False),
        ("[::1]", "::1", None, False),
        ("[::1]:1884", "::1", 1884, False),
        ("mqtt://[fe80::1%25eth0]:1884", "fe80::1%eth0", 1884, False),
        ("/run/mosquitto.sock", "/run/mosquitto.sock", None, False),
        ("unix:///run/mosquitto.sock", "/run/mosquitto.sock", None, False),
        ("unix:/run/mosquitto.sock", "/run/mosquitto.sock", None, False),
        ("büro_pi-4", "büro_pi-4", None, False),
    ],
)
def test_what_is_clear_is_taken(text: str, host: str, port: int | None, tls: bool) -> None:
    assert parse_broker_address(text) == BrokerAddress(host, port, tls)


def test_user_and_password_are_taken_decoded() -> None:
    assert parse_broker_address("mqtt://car:p%40ss/w@rd@broker:1884") == BrokerAddress(
        "broker", 1884, False, "car", "p@ss/w@rd"
    )


@pytest.mark.parametrize(("text", "words"), UNCLEAR)
def test_for_the_rest_there_is_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_broker_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "mqtt://car:hunter2@broker:x",
        "ws://car:hunter2@broker",
        "http://car:hunter2@broker",
        "mqtt://car:hunter2@broker/path",
        "car:hunter2@bro ker",
        "car:hunter2@",
        "mqtt://car:hunter2@",
        "mqtt://car:hunter2@[::1",
    ],
)
def test_no_sentence_shows_a_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_broker_address(text)
    assert "hunter2" not in str(caught.value)
    outcome = CliRunner().invoke(cli, ["stop", "--broker", text])
    assert outcome.exit_code == 2
    assert "hunter2" not in outcome.output
    assert "--broker" in outcome.output


def test_the_section_takes_it_apart() -> None:
    section = Mqtt(host=" mqtts://car@[::1] ")
    assert (section.host, section.port, section.tls.enabled, section.username) == ("::1", 8883, True, "car")
    assert Mqtt(host="mqtts://broker", port=8884).port == 8884
    assert Mqtt(host="mqtts://broker:1883").port == 1883


def write(folder: Path, text: str) -> Path:
    path = folder / "system.yaml"
    path.write_text(text)
    return path


def test_the_file_is_refused_with_file_and_key(tmp_path: Path) -> None:
    path = write(tmp_path, "mqtt: {host: 'broker:x'}")
    with pytest.raises(ConfigError) as caught:
        load(path, environment={})
    assert str(caught.value).startswith(f"{path}: mqtt.host: 'broker:x': the port must be a number")
    assert "\n" not in str(caught.value)


def test_a_password_does_not_belong_into_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "mqtt: {host: 'mqtt://car:hunter2@broker'}")
    with pytest.raises(ConfigError, match=r"mqtt.host: a secret does not belong here; set MQTT_PASSWORD") as caught:
        load(path, environment={})
    assert "hunter2" not in str(caught.value)


def test_two_ports_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mqtt.host says port 1884, mqtt.port 1885; leave out one"):
        load(write(tmp_path, "mqtt: {host: 'broker:1884', port: 1885}"), environment={})
    assert load(write(tmp_path, "mqtt: {host: 'broker:1884', port: 1884}"), environment={}).mqtt.port == 1884


def test_the_environment_may_hold_it_whole_and_it_is_not_shown(tmp_path: Path) -> None:
    environment = {"SMARTCAR__MQTT__HOST": "mqtt://car:hunter2@broker:1884"}
    config = load(write(tmp_path, "mqtt: {host: 'other:1885'}"), environment=environment)
    assert (config.mqtt.host, config.mqtt.port) == ("broker", 1884)
    assert (config.mqtt.username, config.mqtt.password) == ("car", "hunter2")
    assert "hunter2" not in str(config.to_builtins())
    assert "hunter2" not in repr(config.mqtt)
    with pytest.raises(ConfigError, match=r"environment: SMARTCAR__MQTT__HOST: mqtt.host: .*port must be") as caught:
        load(write(tmp_path, ""), environment={"SMARTCAR__MQTT__HOST": "mqtt://car:hunter2@broker:x"})
    assert "hunter2" not in str(caught.value)


def test_birth_topics_are_those_of_home_assistant_and_of_the_user() -> None:
    assert Mqtt().birth_topics == ("homeassistant/status",)
    assert Mqtt(discovery_prefix="ha").birth_topics == ("homeassistant/status", "ha/status")
    assert Mqtt(birth_topic="house/ha", discovery_prefix="ha").birth_topics == (
        "house/ha",
        "ha/status",
        "homeassistant/status",
    )


@pytest.mark.parametrize("topic", ["", "a/#", "a/+/b", "a\n"])
def test_a_birth_topic_is_a_topic(tmp_path: Path, topic: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt.birth_topic"):
        load(write(tmp_path, f"mqtt: {{birth_topic: {topic!r}}}".replace("'", '"')), environment={})
