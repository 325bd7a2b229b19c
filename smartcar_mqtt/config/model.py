"""The configuration: one YAML file, typed; overrides and secrets from the environment.

Sections are msgspec structures with `forbid_unknown_fields`, so that a misspelt key is an error and not a setting that
silently does nothing. `car`, `mqtt` and `logging` are everybody's; each bridge brings the structure of its own section.
"""

from __future__ import annotations

import os
import pkgutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from smartcar_mqtt.config.broker_address import parse_broker_address
from smartcar_mqtt.config.dotenv import Dotenv, parse
from smartcar_mqtt.config.explaining import describe, explain, hint, problem_of
from smartcar_mqtt.config.file import ConfigError, is_empty, read_sections
from smartcar_mqtt.paths import expanded
from smartcar_mqtt.untrusted.addresses import mask_all
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json
from smartcar_mqtt.untrusted.yaml_text import fitted

ENVIRONMENT_PREFIX = "SMARTCAR__"
PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECRET_NAMES = ("MQTT_USERNAME", "MQTT_PASSWORD")
"""Secrets that the library itself reads; bridges read theirs with `Config.secret`."""
SECRET_KEYS = frozenset({"password", "token", "secret", "key"})
"""Keys of sections whose values are never shown."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Identifier = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,40}\Z")]
TopicPrefix = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*\Z", max_length=100)]
Topic = Annotated[str, Meta(pattern=r"^[^+#\x00-\x1f]+\Z", max_length=200)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
SectionT = TypeVar("SectionT", bound=msgspec.Struct)


class SimulatedCar(NamedTuple):
    """What a bridge of the demo has in place of hardware."""

    serial: str
    """Device of the simulated ESP32's serial line."""
    control: str
    """Control port of the simulated room, host:port."""


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Base of all sections: unknown keys are errors, values do not change while a bridge runs."""

    @classmethod
    def for_demo(cls, car: SimulatedCar) -> dict[str, Any]:  # noqa: ARG003 - for those that override it
        """Settings with which the demo runs this bridge without hardware of its own; the others keep their defaults."""
        return {}

    def __repr__(self) -> str:
        """The section without the secrets that may stand in it."""
        values = ", ".join(f"{name}={value!r}" for name, value in shown_section(self).items())
        return f"{type(self).__name__}({values})"


class Car(Section, frozen=True):
    """Which car this is."""

    id: Identifier = "car"
    """Part of every topic and of every entity's unique id."""
    name: Annotated[str, Meta(min_length=1, max_length=60)] = "Smart car"
    """The car's name in Home Assistant."""
    configuration_url: Annotated[str, Meta(pattern=r"^(https?://[^\s/]+.*)?\Z")] = ""
    """Page that Home Assistant opens with "Visit device"; empty: none."""
    state_directory: str = ""
    """Where a bridge keeps what must survive a restart; empty: $STATE_DIRECTORY or ~/.local/state/smartcar."""


class Tls(Section, frozen=True):
    """Encryption between bridges and broker."""

    enabled: bool = False
    ca_file: str = ""
    """Certificate authority (PEM) of the broker; empty: those that the operating system trusts."""
    cert_file: str = ""
    """Certificate of this client (PEM), where the broker asks for one."""
    key_file: str = ""
    """Key of that certificate (PEM)."""


class Mqtt(Section, frozen=True):
    """How the bridges reach the broker."""

    host: Annotated[str, Meta(min_length=1)] = "localhost"
    """Name or address, also as `HOST:PORT` or `mqtt://HOST:PORT`; an absolute path is the broker's Unix socket."""
    port: Port = 1883
    username: str = ""
    password: str = ""
    """Only from the environment (MQTT_PASSWORD or SMARTCAR__MQTT__PASSWORD) or from .env, never from the file."""
    tls: Tls = Tls()
    protocol: Literal["5", "3.1.1"] = "5"
    prefix: TopicPrefix = "smartcar"
    """First level of all topics of this project."""
    discovery_prefix: TopicPrefix = "homeassistant"
    """First level of Home Assistant's discovery topics."""
    birth_topic: Topic = "homeassistant/status"
    """Where Home Assistant says that it has started; `<discovery_prefix>/status` is listened to as well."""
    discovery: Literal["device", "component", "off"] = "device"
    """One message for each device (Home Assistant 2024.11 or newer), one for each entity, or none."""
    state_hz: Annotated[float, Meta(gt=0, le=20)] = 2.0
    """Most state messages a second, safety apart, so that Home Assistant's recorder is not flooded."""
    keepalive: Annotated[int, Meta(ge=2, le=600)] = 10
    """Seconds after which a silent connection is asked whether it still lives."""
    birth_delay: Annotated[float, Meta(ge=0, le=60)] = 3.0
    """Longest random delay (s) after Home Assistant's birth message, so that not all devices answer at once."""

    def __post_init__(self) -> None:
        """Take apart what stands in `host`; what it does not say of port, TLS and user is left as it is."""
        try:
            address = parse_broker_address(self.host)
        except ValueError as error:
            raise ValueError(f"host: {error}") from None
        found = {
            "host": address.host,
            "port": address.port_or(self.port),
            "tls": msgspec.structs.replace(self.tls, enabled=True) if address.tls else self.tls,
            "username": address.username or self.username,
            "password": address.password or self.password,
        }
        for key, value in found.items():
            msgspec.structs.force_setattr(self, key, value)

    @property
    def birth_topics(self) -> tuple[str, ...]:
        """All topics on which Home Assistant may say that it has started."""
        return tuple(dict.fromkeys((self.birth_topic, f"{self.discovery_prefix}/status", "homeassistant/status")))


class Logging(Section, frozen=True):
    """Where a bridge writes what it does."""

    level: Level = "INFO"
    directory: str = "logs"
    """Folder of the log files, one for each bridge; empty: no files."""
    max_bytes: Annotated[int, Meta(ge=10_000)] = 10_485_760
    """Size at which a log file is put aside."""
    backup_count: Annotated[int, Meta(ge=0, le=100)] = 5
    """How many old files are kept."""


COMMON_SECTIONS: dict[str, type[Section]] = {"car": Car, "mqtt": Mqtt, "logging": Logging}


class Config:
    """The configuration of one process: the common sections, and those of the bridges that were asked for."""

    def __init__(self, sections: Mapping[str, Section], environment: Mapping[str, str], source: str) -> None:
        self._sections = dict(sections)
        self._environment = environment
        self.source = source
        """What was read, in words: a file's path, or "defaults"."""

    @property
    def car(self) -> Car:
        """Section `car`."""
        return self.section("car", Car)

    @property
    def mqtt(self) -> Mqtt:
        """Section `mqtt`."""
        return self.section("mqtt", Mqtt)

    @property
    def logging(self) -> Logging:
        """Section `logging`."""
        return self.section("logging", Logging)

    def section(self, name: str, kind: type[SectionT]) -> SectionT:
        """A section by name, typed."""
        found = self._sections[name]
        if not isinstance(found, kind):
            raise TypeError(f"section {name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    def secret(self, name: str) -> str:
        """A secret from the environment or `.env`; empty where it is not set."""
        return self._environment.get(name, "")

    def state_directory(self) -> Path:
        """The folder for what must survive a restart; made when it is missing."""
        named = self.car.state_directory or self._environment.get("STATE_DIRECTORY", "").split(":")[0]
        folder = expanded(named or "~/.local/state/smartcar", "car.state_directory")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be made; correct car.state_directory: {error}") from None
        return folder

    def runtime_directory(self) -> Path:
        """The folder for sockets, which need not survive a restart: systemd's, else that of `state_directory`."""
        named = self._environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
        return Path(named) if named else self.state_directory()

    def to_builtins(self) -> dict[str, Any]:
        """All sections as plain values, without secrets: passwords, and what addresses hold of them."""
        return {name: shown_section(section) for name, section in self._sections.items()}


def shown_section(section: Section) -> dict[str, Any]:
    """A section as plain values that may be shown to anybody."""
    shown: dict[str, Any] = {}
    for name, value in msgspec.to_builtins(section).items():
        secret = name in SECRET_KEYS and bool(value)
        shown[name] = "(set)" if secret else mask_all(value)
    return shown


def bridge_names() -> list[str]:
    """The bridges that are installed here, by name; nothing of them is imported."""
    import bridges  # noqa: PLC0415 - the library does not need them to be there

    return sorted(module.name for module in pkgutil.iter_modules(bridges.__path__) if module.ispkg)


def find_file(given: str | os.PathLike[str] | None, environment: Mapping[str, str]) -> Path | None:
    """The file to read: the given one, SMARTCAR_CONFIG, config/system.yaml here or beside the program; else None.

    Raises:
        ConfigError: the file was named but is not there.
    """
    named = given or environment.get("SMARTCAR_CONFIG")
    if named:
        path = expanded(os.fspath(named), "--config or SMARTCAR_CONFIG")
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such configuration file; correct --config or SMARTCAR_CONFIG")
        return path
    for folder in filter(None, (current_folder(), PROJECT_ROOT)):
        path = folder / "config/system.yaml"
        if path.is_file():
            return path
    return None


def load(
    given: str | os.PathLike[str] | None = None,
    *,
    sections: Mapping[str, type[Section]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Read and check the configuration.

    Args:
        given: the file; None finds it as `find_file` does, and without any file the defaults serve.
        sections: name and structure of the bridges' sections that this process needs. Sections of other bridges are
            passed over; a section that belongs to no bridge is an error.
        environment: instead of os.environ.

    Raises:
        ConfigError: with the file, the key, the value and what is allowed.
    """
    environment = with_dotenv(os.environ if environment is None else environment)
    kinds = {**COMMON_SECTIONS, **(sections or {})}
    known = {*kinds, *bridge_names()}
    path = find_file(given, environment)
    source = str(path) if path else "defaults"
    raw = read_sections(path) if path else {}
    for name in raw:
        if name not in known:
            raise ConfigError(f"{source}: {name}: unknown section{hint(str(name), known)}")
    if not is_empty(raw.get("mqtt", {}).get("password")):
        raise ConfigError(f"{source}: mqtt.password: a secret does not belong here; set MQTT_PASSWORD in .env instead")
    check_host(raw.get("mqtt", {}), source)
    found = {name: convert(raw.get(name, {}), kind, source, name) for name, kind in kinds.items()}
    found.update(overridden(found, known, environment))
    mqtt = found["mqtt"]
    assert isinstance(mqtt, Mqtt)  # noqa: S101 - told to the type checker
    found["mqtt"] = msgspec.structs.replace(
        mqtt,
        username=mqtt.username or environment.get("MQTT_USERNAME", ""),
        password=mqtt.password or environment.get("MQTT_PASSWORD", ""),
    )
    return Config(found, environment, source)


def check_host(raw: Mapping[str, Any], source: str) -> None:
    """Refuse a password in the file's `mqtt.host`, and a port there that is another one than `mqtt.port`."""
    try:
        address = parse_broker_address(str(raw.get("host", "localhost")))
    except ValueError:
        return  # told with the other values
    if address.password:
        raise ConfigError(f"{source}: mqtt.host: a secret does not belong here; set MQTT_PASSWORD in .env instead")
    port = raw.get("port", address.port)
    if address.port and str(port).strip() != str(address.port):
        raise ConfigError(f"{source}: mqtt.host says port {address.port}, mqtt.port {port!r}; leave out one of the two")


def convert(raw: object, kind: type[Section], source: str, name: str) -> Section:
    """Check one section; raises ConfigError in our words."""
    try:
        found = msgspec.convert(fitted(raw, kind), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(explain(str(error), raw, kind, source, name)) from None
    problem = problem_of(found)
    if problem:
        raise ConfigError(f"{source}: {name}.{problem}")
    return found


def overridden(found: Mapping[str, Section], known: set[str], environment: Mapping[str, str]) -> dict[str, Section]:
    """The sections for which there is a SMARTCAR__SECTION__KEY, with all of those applied.

    Raises:
        ConfigError: section or key are unknown, or a value is wrong.
    """
    variables: dict[str, dict[str, str]] = {}  # section → variable of each key
    raws: dict[str, dict[str, Any]] = {}
    for variable, value in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name, *path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        if name not in known or not path:
            raise ConfigError(f"environment: {variable}: no such section{hint(name, known)}")
        if name in found:  # else another bridge's section
            raw = raws.setdefault(name, msgspec.to_builtins(found[name]))
            key = ".".join([name, *path])
            put(raw, type(found[name]), path, value, f"environment: {variable}: {key}")
            variables.setdefault(name, {})[key] = variable
    sections = {}
    for name, raw in raws.items():
        try:
            sections[name] = msgspec.convert(raw, type(found[name]), strict=False)
        except msgspec.ValidationError as error:
            sentence = explain(str(error), raw, type(found[name]), "environment", name)
            key = sentence.split(": ")[1]
            guilty = variables[name].get(key) or ", ".join(variables[name].values())
            raise ConfigError(sentence.replace("environment", f"environment: {guilty}", 1)) from None
        problem = problem_of(sections[name])
        if problem:
            guilty = variables[name].get(f"{name}.{problem.split(':')[0]}") or ", ".join(variables[name].values())
            raise ConfigError(f"environment: {guilty}: {name}.{problem}")
    return sections


def put(raw: dict[str, Any], kind: type[Section], path: list[str], value: str, where: str) -> None:
    """Put a variable's value into a section's plain form; JSON where the key holds a list or keys with values."""
    *outer, last = path
    structure: Any = kind
    for step in outer:
        fields = {field.name: field.type for field in msgspec.structs.fields(structure)}
        structure = fields.get(step)
        if not (isinstance(structure, type) and issubclass(structure, msgspec.Struct)):
            raise ConfigError(f"{where}: unknown key{'' if step in fields else hint(step, fields)}")
        raw = raw[step]
    fields = {field.name: field.type for field in msgspec.structs.fields(structure)}
    if value.startswith(("[", "{")) and last in fields and describe(fields[last]) in {"a list", "keys with values"}:
        try:
            raw[last] = decode_json(value)
        except DecodingError as error:
            raise ConfigError(f"{where}: not valid JSON: {error}") from None
    else:
        raw[last] = value


def dotenv_file(environment: Mapping[str, str] | None = None) -> Path | None:
    """The `.env` of the current folder, else of the project; None where there is none.

    SMARTCAR_DOTENV names another file; empty, it means none.
    """
    named = (os.environ if environment is None else environment).get("SMARTCAR_DOTENV")
    if named is not None:
        return expanded(named, "SMARTCAR_DOTENV") if named else None
    candidates = [folder / ".env" for folder in (current_folder(), PROJECT_ROOT) if folder]
    return next((path for path in candidates if path.is_file()), None)


def read_dotenv(path: Path) -> Dotenv:
    """What a file `.env` says; raises ConfigError where it cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8", errors="strict"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: cannot be read: line {line} is not UTF-8 text") from None


def with_dotenv(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with what `.env` adds to it."""
    path = dotenv_file(environment)
    return {**(read_dotenv(path).values if path else {}), **environment}


class DotenvProblem(NamedTuple):
    """What is wrong with `.env`."""

    text: str
    """File, line where it is one, reason; never a value."""
    lost: bool = False
    """Whether a line says nothing."""


def dotenv_problems() -> list[DotenvProblem]:
    """What is wrong with `.env`: others can read it, or lines of it say nothing or something else than was meant."""
    path = dotenv_file()
    if path is None:
        return []
    found = read_dotenv(path)
    problems = [DotenvProblem(f"{path}: {sentence}", lost=True) for sentence in found.dropped]
    problems += [DotenvProblem(f"{path}: {sentence}") for sentence in found.doubtful]
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        problems.append(DotenvProblem(f"{path}: others can read your secrets; run: chmod 600 {path}"))
    return problems


def dotenv_problem() -> str | None:
    """All that is wrong with `.env` in one text; None where nothing is."""
    return "; ".join(problem.text for problem in dotenv_problems()) or None


def current_folder() -> Path | None:
    """The current folder; None where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return None
