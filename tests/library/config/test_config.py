"""The configuration: where it comes from, and the sentence that each mistake in it causes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from smartcar_mqtt.config import Config, Mqtt, Section, dotenv_problem, load
from smartcar_mqtt.config import loading as configuration
from smartcar_mqtt.config.file import ConfigError


class Lamp(Section, frozen=True):
    """A section as a bridge brings it."""

    pin: Annotated[int, Meta(ge=0, le=27)] = 18
    low: float = 1.0
    high: float = 2.0
    names: tuple[str, ...] = ()
    label: Annotated[str, Meta(min_length=1, max_length=8)] = "lamp"
    token: str = ""

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError("low must be below high")


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(configuration, "PROJECT_ROOT", tmp_path / "project")
    monkeypatch.setattr(configuration, "bridge_names", lambda: ["motion", "lamp"])


def read(text: str = "", environment: Mapping[str, str] | None = None) -> Config:
    """Load this text as config/system.yaml, with a lamp beside the common sections."""
    path = Path("config/system.yaml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return load(sections={"lamp": Lamp}, environment=environment or {})


def refused(text: str = "", environment: Mapping[str, str] | None = None) -> str:
    """The sentence with which it is refused, with the file called FILE."""
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    return str(caught.value).replace(str(Path("config/system.yaml").absolute()), "FILE")


# -- where it comes from ---------------------------------------------------------------------------------------------


def test_without_any_file_the_defaults_serve() -> None:
    config = load(environment={})
    assert config.source == "defaults"
    assert (config.car.id, config.mqtt.host, config.mqtt.port) == ("car", "localhost", 1883)
    assert config.logging.backup_count == 5


def test_the_file_of_the_current_folder_comes_before_that_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "project/config").mkdir()
    (tmp_path / "project/config/system.yaml").write_text("car: {id: project}")
    assert load(environment={}).car.id == "project"
    assert read("car: {id: here}").car.id == "here"


def test_a_named_file_comes_first(tmp_path: Path) -> None:
    read("car: {id: here}")
    (tmp_path / "a.yaml").write_text("car: {id: a}")
    (tmp_path / "b.yaml").write_text("car: {id: b}")
    environment = {"SMARTCAR_CONFIG": str(tmp_path / "b.yaml")}
    assert load(environment=environment).car.id == "b"
    assert load(tmp_path / "a.yaml", environment=environment).car.id == "a"
    assert load(tmp_path / "a.yaml", environment={}).source == str(tmp_path / "a.yaml")


@pytest.mark.parametrize("environment", [{}, {"SMARTCAR_CONFIG": "missing.yaml"}])
def test_a_named_file_that_is_missing_is_an_error(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^missing.yaml: there is no such configuration file; correct --config or"):
        load(None if environment else "missing.yaml", environment=environment)


@pytest.mark.parametrize("text", ["", "# nothing\n", "mqtt:\n", "lamp: {}\n"])
def test_empty_files_and_sections_are_the_defaults(text: str) -> None:
    assert read(text).mqtt == Mqtt()


def test_sections_of_other_bridges_are_passed_over() -> None:
    assert read("motion: {what: ever}\nlamp: {pin: 3}").section("lamp", Lamp).pin == 3


def test_a_section_of_another_type_is_a_bug() -> None:
    with pytest.raises(TypeError, match="section lamp is a Lamp, not a Mqtt"):
        read().section("lamp", Mqtt)


# -- what is wrong, where, and what is allowed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mqt: {}", "FILE: mqt: unknown section (did you mean 'mqtt'?)"),
        ("zzz: {}", "FILE: zzz: unknown section (known: car, lamp, logging, motion, mqtt)"),
        ("3: {}", "FILE: 3: unknown section (known: car, lamp, logging, motion, mqtt)"),
        ("mqtt: {prot: 1}", "FILE: mqtt.prot: unknown key (did you mean 'port'?)"),
        ("lamp: {xyzzy: 1}", "FILE: lamp.xyzzy: unknown key (known: high, label, low, names, pin, token)"),
        ("mqtt: {tls: {ca_fil: x}}", "FILE: mqtt.tls.ca_fil: unknown key (did you mean 'ca_file'?)"),
        ("mqtt: {port: 0}", "FILE: mqtt.port: 0 is not allowed (expected: a whole number from 1 to 65535)"),
        ("mqtt: {port: x}", "FILE: mqtt.port: 'x' is not allowed (expected: a whole number from 1 to 65535)"),
        ("mqtt: {port: '1883'}", "FILE: mqtt.port: '1883' is not allowed (expected: a whole number from 1 to 65535)"),
        ("mqtt: {port: 18.5}", "FILE: mqtt.port: 18.5 is not allowed (expected: a whole number from 1 to 65535)"),
        ("mqtt: {state_hz: 21}", "FILE: mqtt.state_hz: 21 is not allowed (expected: a number above 0 to 20)"),
        ("mqtt: {host: ''}", "FILE: mqtt.host: '' is not allowed (expected: a text of at least 1 characters)"),
        (
            "lamp: {label: much too long}",
            "FILE: lamp.label: 'much too long' is not allowed (expected: a text of at least 1 and at most 8 character",
        ),
        ("mqtt: {tls: {enabled: 1}}", "FILE: mqtt.tls.enabled: 1 is not allowed (expected: true or false)"),
        ("mqtt: {tls: yes}", "FILE: mqtt.tls: yes is not allowed (expected: keys with values)"),
        ("lamp: {names: red}", "FILE: lamp.names: 'red' is not allowed (expected: a list)"),
        ("lamp: {low: 5}", "FILE: lamp: low must be below high"),
        (
            "logging: {level: loud}",
            "FILE: logging.level: 'loud' is not allowed (expected: one of DEBUG, ERROR, INFO, WARNING)",
        ),
        (
            "car: {id: my car}",
            "FILE: car.id: 'my car' is not allowed (expected: a text of the form ^[a-zA-Z0-9_-]{1,40}$)",
        ),
        ("car: {name: null}", "FILE: car.name: null is not allowed (expected: a text of at least 1 and at most 60"),
        ("- a\n- b", "FILE: must hold sections such as 'mqtt:' with indented keys below them"),
        ("mqtt: localhost", "FILE: must hold sections such as 'mqtt:' with indented keys below them"),
        ("just text", "FILE: must hold sections"),
        ("car:\n  id: [", "FILE: line 3: not valid YAML"),
        ("car:\n\tid: x", "FILE: line 2: not valid YAML"),
    ],
)
def test_a_mistake_in_the_file_is_a_sentence_with_file_key_value_and_what_is_allowed(text: str, sentence: str) -> None:
    found = refused(text)
    assert found.startswith(sentence)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("mqtt: {protocol: 5}", "protocol", "5"),
        ("mqtt: {protocol: 3.1.1}", "protocol", "3.1.1"),
        ("mqtt: {discovery: off}", "discovery", "off"),
        ("mqtt: {username: 007}", "username", "007"),
        ("mqtt: {username: 2026-02-30}", "username", "2026-02-30"),
        ("mqtt: {username: yes}", "username", "yes"),
        ("mqtt: {username: }", "username", ""),
    ],
)
def test_where_a_text_is_wanted_it_is_what_was_written(text: str, key: str, value: str) -> None:
    assert getattr(read(text).mqtt, key) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('car: {id: "car\\n"}', "FILE: car.id: 'car\\n' is not allowed (expected: a text of the form"),
        ('mqtt: {prefix: "a/b\\n"}', "FILE: mqtt.prefix: 'a/b\\n' is not allowed (expected: a text of the form"),
        ('car: {name: "a\\eb"}', "FILE: car.name: 'a\\x1bb' is not allowed: it holds a control character"),
        ('car: {name: "a\\u202Eb"}', "FILE: car.name: 'a\\u202eb' is not allowed: it holds a control character"),
        ('lamp: {names: ["a\\tb"]}', "FILE: lamp.names: 'a\\tb' is not allowed: it holds a control character"),
        ("lamp: {high: .inf}", "FILE: lamp.high: inf is not allowed (expected: a finite number)"),
        ("mqtt: {state_hz: .nan}", "FILE: mqtt.state_hz: .nan is not allowed (expected: a number above 0 to 20)"),
        (
            "mqtt: {port: 01883}",
            "FILE: mqtt.port: '01883' is not allowed (expected: a whole number from 1 to 65535, i",
        ),
        (
            "mqtt: {port: 30:23}",
            "FILE: mqtt.port: 30:23 is not allowed (expected: a whole number from 1 to 65535, in d",
        ),
        ("lamp: {high: 0189}", "FILE: lamp.high: '0189' is not allowed (expected: a number, in decimal, without"),
        ("lamp: {names: [[a]]}", "FILE: lamp.names.0: a list is not allowed (expected: a text)"),
        ("lamp: {pin: [1]}", "FILE: lamp.pin: a list is not allowed (expected: a whole number from 0 to 27)"),
    ],
)
def test_traps_of_yaml_and_what_types_do_not_see(text: str, sentence: str) -> None:
    assert refused(text).startswith(sentence)


def test_the_same_holds_for_the_environment() -> None:
    for key, value in (("CAR__ID", "car\n"), ("CAR__NAME", "a\x1bb"), ("LAMP__HIGH", "inf"), ("LAMP__LOW", "nan")):
        assert refused("", {f"SMARTCAR__{key}": value}).startswith(f"environment: SMARTCAR__{key}: ")


def test_no_pattern_lets_a_line_end_pass() -> None:
    """`$` matches before a line end at the end of a text: patterns of types end in `\\Z`."""
    project = Path(__file__).resolve().parents[3]
    for path in [*project.glob("smartcar_mqtt/**/*.py"), *project.glob("bridges/**/*.py")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"pattern=r?[\"'].*\$[\"']", line), f"{path}: {line}"


def test_keys_that_are_no_text_are_an_error_too() -> None:
    assert refused("mqtt: {3: x}").startswith("FILE: mqtt")


def test_a_file_that_is_no_text_is_an_error() -> None:
    path = Path("binary.yaml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary.yaml:.*(cannot be read|not valid YAML)"):
        load(path, environment={})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_a_section_holds_is_a_section_or_a_sentence(raw: Any) -> None:
    try:
        sentence = configuration.convert(raw, Mqtt, "FILE", "mqtt") and ""
    except ConfigError as error:
        sentence = str(error)
    assert not sentence or sentence.startswith("FILE: mqtt")


# -- the environment -------------------------------------------------------------------------------------------------


def test_the_environment_overrides_the_file() -> None:
    config = read(
        "mqtt: {port: 1, host: file}",
        {
            "SMARTCAR__MQTT__PORT": "18830",
            "SMARTCAR__MQTT__STATE_HZ": "4",
            "SMARTCAR__MQTT__TLS__ENABLED": "true",
            "SMARTCAR__MQTT__TLS__CA_FILE": "/ca.pem",
            "SMARTCAR__LAMP__PIN": "7",
            "SMARTCAR__LAMP__NAMES": '["a", "b"]',
            "SMARTCAR__CAR__NAME": "[Herbie]",
            "smartcar__mqtt__port": "9",
            "OTHER": "x",
        },
    )
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.state_hz) == ("file", 18830, 4.0)
    assert (config.mqtt.tls.enabled, config.mqtt.tls.ca_file) == (True, "/ca.pem")
    assert config.section("lamp", Lamp).pin == 7
    assert config.section("lamp", Lamp).names == ("a", "b")
    assert config.car.name == "[Herbie]"


def test_a_nested_section_can_be_given_whole() -> None:
    config = read("", {"SMARTCAR__MQTT__TLS": '{"enabled": true, "ca_file": "x"}'})
    assert (config.mqtt.tls.enabled, config.mqtt.tls.ca_file) == (True, "x")


def test_overrides_are_held_against_each_other_only_when_all_have_been_applied() -> None:
    both = {"SMARTCAR__LAMP__LOW": "5", "SMARTCAR__LAMP__HIGH": "9"}
    for environment in (both, dict(reversed(both.items()))):
        lamp = read("", environment).section("lamp", Lamp)
        assert (lamp.low, lamp.high) == (5.0, 9.0)


def test_overrides_for_other_bridges_are_passed_over() -> None:
    read("", {"SMARTCAR__MOTION__DEVICE": "/dev/ttyUSB0"})


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("MQTT__PORT", "high", "mqtt.port: 'high' is not allowed (expected: a whole number from 1 to 65535)"),
        ("MQTT__PORT", "70000", "mqtt.port: '70000' is not allowed (expected: a whole number from 1 to 65535)"),
        ("MQTT__TLS__ENABLED", "maybe", "mqtt.tls.enabled: 'maybe' is not allowed (expected: true or false)"),
        ("MQTT__HOST", "", "mqtt.host: '' is not allowed (expected: a text of at least 1 characters)"),
        ("MQTT__PROT", "1", "mqtt.prot: unknown key (did you mean 'port'?)"),
        ("MQTT__TLS__CA_FIL", "1", "mqtt.tls.ca_fil: unknown key (did you mean 'ca_file'?)"),
        ("MQTT__SSL__ENABLED", "1", "mqtt.ssl.enabled: unknown key (known: birth_delay, "),
        ("MQTT__HOST__NAME", "1", "mqtt.host.name: unknown key"),
        ("MQTT", "x", "no such section"),
        ("MQT__PORT", "1", "no such section (did you mean 'mqtt'?)"),
        ("", "1", "no such section (known: car, lamp, logging, motion, mqtt)"),
        ("MQTT__TLS", "{", "mqtt.tls: not valid JSON"),
        ("LAMP__NAMES", "[1", "lamp.names: not valid JSON"),
        ("LAMP__NAMES", "red", "lamp.names: 'red' is not allowed (expected: a list)"),
        ("LAMP__LOW", "5", "lamp: low must be below high"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable: str, value: str, sentence: str) -> None:
    found = refused("", {f"SMARTCAR__{variable}": value})
    assert found.startswith(f"environment: SMARTCAR__{variable}: {sentence}")


def test_of_several_overrides_the_guilty_one_is_named() -> None:
    environment = {"SMARTCAR__MQTT__HOST": "x", "SMARTCAR__MQTT__PORT": "y", "SMARTCAR__MQTT__KEEPALIVE": "5"}
    assert refused("", environment).startswith("environment: SMARTCAR__MQTT__PORT: mqtt.port: 'y' is not allowed")


def test_where_no_single_override_is_guilty_all_are_named() -> None:
    environment = {"SMARTCAR__LAMP__LOW": "8", "SMARTCAR__LAMP__PIN": "3"}
    assert refused("", environment) == (
        "environment: SMARTCAR__LAMP__LOW, SMARTCAR__LAMP__PIN: lamp: low must be below high"
    )


# -- secrets and .env ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["hunter2", "12345", "[hunter2]"])
def test_a_password_in_the_file_is_refused_and_not_repeated(value: str) -> None:
    found = refused(f"mqtt: {{password: {value}}}")
    assert found == "FILE: mqtt.password: a secret does not belong here; set MQTT_PASSWORD in .env instead"


def test_user_name_and_password_come_from_the_environment() -> None:
    config = read("", {"MQTT_USERNAME": "car", "MQTT_PASSWORD": "hunter2"})
    assert (config.mqtt.username, config.mqtt.password) == ("car", "hunter2")


def test_the_longer_names_come_first() -> None:
    environment = {"MQTT_PASSWORD": "short", "SMARTCAR__MQTT__PASSWORD": "long", "SMARTCAR__MQTT__USERNAME": "me"}
    config = read("", environment)
    assert (config.mqtt.username, config.mqtt.password) == ("me", "long")


@pytest.mark.parametrize("password", ["{curly", "[square]", "[1]", '{"a": 1}', "12345", "true", "null"])
def test_a_password_may_look_like_json(password: str) -> None:
    assert read("", {"SMARTCAR__MQTT__PASSWORD": password}).mqtt.password == password
    assert read("", {"MQTT_PASSWORD": password}).mqtt.password == password


def test_secrets_are_never_shown() -> None:
    config = read("", {"MQTT_USERNAME": "car", "MQTT_PASSWORD": "hunter2", "SMARTCAR_TOKEN": "open sesame"})
    assert config.to_builtins()["mqtt"]["password"] == "(set)"
    everything = [repr(config), repr(config.mqtt), str(config.mqtt), repr(config.to_builtins()), repr(config.car)]
    everything.append(msgspec.json.encode(config.to_builtins()).decode())
    for shown in everything:
        assert "hunter2" not in shown
        assert "sesame" not in shown
    assert read().to_builtins()["mqtt"]["password"] == ""


def test_bridges_ask_for_secrets_by_name() -> None:
    config = read("", {"SMARTCAR_TOKEN": "open sesame"})
    assert config.secret("SMARTCAR_TOKEN") == "open sesame"
    assert config.secret("AZURE_SPEECH_KEY") == ""


def test_dotenv_adds_to_the_environment() -> None:
    Path(".env").write_text(
        "# secrets\n\nMQTT_PASSWORD='hunter2'\nexport SMARTCAR_TOKEN=a=b\nSMARTCAR__MQTT__PORT = 1999\n"
        '#MQTT_USERNAME=nobody\nAZURE_SPEECH_KEY="from file"\nno sense\n'
    )
    config = read("", {"AZURE_SPEECH_KEY": "from environment"})
    assert config.mqtt.password == "hunter2"
    assert config.mqtt.username == ""
    assert config.mqtt.port == 1999
    assert config.secret("SMARTCAR_TOKEN") == "a=b"
    assert config.secret("AZURE_SPEECH_KEY") == "from environment"


def test_dotenv_of_the_project_serves_where_there_is_none_here(tmp_path: Path) -> None:
    (tmp_path / "project/.env").write_text("MQTT_PASSWORD=project")
    assert read().mqtt.password == "project"
    Path(".env").write_text("MQTT_USERNAME=here")
    assert read().mqtt.password == ""


def test_a_dotenv_that_is_no_text_is_an_error_without_its_content() -> None:
    Path(".env").write_bytes(b"MQTT_PASSWORD=hunter2\xff")
    found = refused()
    assert "/.env: cannot be read" in found
    assert "hunter2" not in found


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_others_must_not_read_dotenv(mode: int, *, warned: bool) -> None:
    path = Path(".env")
    path.write_text("MQTT_PASSWORD=x")
    path.chmod(mode)
    sentence = f"{path.absolute()}: others can read your secrets; run: chmod 600 {path.absolute()}"
    assert dotenv_problem() == (sentence if warned else None)


def test_without_dotenv_there_is_nothing_to_warn_of() -> None:
    assert dotenv_problem() is None


# -- what survives a restart -----------------------------------------------------------------------------------------


def test_the_state_directory_is_made(tmp_path: Path) -> None:
    named = tmp_path / "a/b"
    assert read(f"car: {{state_directory: {named}}}").state_directory() == named
    assert named.is_dir()
    given = tmp_path / "systemd"
    assert read("", {"STATE_DIRECTORY": f"{given}:/other"}).state_directory() == given


def test_without_a_name_it_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read().state_directory() == tmp_path / ".local/state/smartcar"


def test_a_state_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config = read(f"car: {{state_directory: {tmp_path / 'file/below'}}}")
    with pytest.raises(ConfigError, match=r"file/below: cannot be made; correct car.state_directory"):
        config.state_directory()


def test_bridges_are_found_by_name_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert "motion" in configuration.bridge_names()


def test_a_key_that_stands_twice_is_told_and_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "system.yaml"
    file.write_text("mqtt:\n  port: 1\nmqtt:\n  host: there\n")
    with pytest.raises(ConfigError, match=r"system\.yaml: line 3: not valid YAML: 'mqtt' stands here a second time"):
        load(file, environment={})


def test_sockets_go_where_systemd_says_else_beside_what_survives_a_restart(tmp_path: Path) -> None:
    state = {"SMARTCAR__CAR__STATE_DIRECTORY": str(tmp_path / "state")}
    assert load(environment=state).runtime_directory() == tmp_path / "state"
    assert load(environment={**state, "RUNTIME_DIRECTORY": "/run/one:/run/two"}).runtime_directory() == Path("/run/one")
