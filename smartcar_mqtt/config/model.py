"""The configuration: one YAML file, typed; overrides and secrets from the environment.

Sections are msgspec structures with `forbid_unknown_fields`, so that a misspelt key is an error and not a setting that
silently does nothing. `car`, `mqtt` and `logging` are everybody's; each bridge brings the structure of its own section.
"""

from __future__ import annotations

import difflib
import os
import pkgutil
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from smartcar_mqtt.config.broker_address import parse_broker_address
from smartcar_mqtt.config.file import ConfigError, read_sections

ENVIRONMENT_PREFIX = "SMARTCAR__"
PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECRET_NAMES = ("MQTT_USERNAME", "MQTT_PASSWORD")
"""Secrets that the library itself reads; bridges read theirs with `Config.secret`."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Identifier = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]
TopicPrefix = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$", max_length=100)]
Topic = Annotated[str, Meta(pattern=r"^[^+#\x00-\x1f]+\Z", max_length=200)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
SectionT = TypeVar("SectionT", bound=msgspec.Struct)


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Base of all sections: unknown keys are errors, values do not change while a bridge runs."""


class Car(Section, frozen=True):
    """Which car this is."""

    id: Identifier = "car"
    """Part of every topic and of every entity's unique id."""
    name: Annotated[str, Meta(min_length=1, max_length=60)] = "Smart car"
    """The car's name in Home Assistant."""
    configuration_url: Annotated[str, Meta(pattern=r"^(https?://[^\s/]+.*)?$")] = ""
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

    def __repr__(self) -> str:
        """The section without its password."""
        return f"Mqtt(host={self.host!r}, port={self.port}, username={self.username!r})"


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
        folder = Path(named).expanduser() if named else Path.home() / ".local/state/smartcar"
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
        """All sections as plain values, without secrets."""
        shown: dict[str, Any] = msgspec.to_builtins(self._sections)
        shown["mqtt"]["password"] = "(set)" if self.mqtt.password else ""
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
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such configuration file; correct --config or SMARTCAR_CONFIG")
        return path
    for folder in (Path.cwd(), PROJECT_ROOT):
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
    if (raw.get("mqtt") or {}).get("password"):
        raise ConfigError(f"{source}: mqtt.password: a secret does not belong here; set MQTT_PASSWORD in .env instead")
    check_host(raw.get("mqtt") or {}, source)
    found = {name: convert(raw.get(name) or {}, kind, source, name) for name, kind in kinds.items()}
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
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(explain(str(error), raw, kind, source, name)) from None


def explain(message: str, raw: object, kind: type[Section], source: str, name: str) -> str:
    """The message of msgspec as: file, key, value, what is allowed."""
    text, _, where = message.partition(" - at `$")
    path = re.findall(r"\.?([^.`\[\]]+)", where)
    structure: Any = kind
    value: Any = raw
    for step in path:
        value = value.get(step) if isinstance(value, dict) else value
        fields = {field.name: field.type for field in msgspec.structs.fields(structure)}
        if isinstance(fields.get(step), type) and issubclass(fields[step], msgspec.Struct):
            structure = fields[step]
    unknown = re.search(r"unknown field `(.*)`", text)
    if unknown:
        key = ".".join([name, *path, unknown[1]])
        return f"{source}: {key}: unknown key{hint(unknown[1], structure.__struct_fields__)}"
    key = ".".join([name, *path])
    if not text.startswith(("Expected", "Invalid", "Object")):
        name_of_field, colon, rest = text.partition(": ")
        if colon and name_of_field in structure.__struct_fields__:
            return f"{source}: {key}.{name_of_field}: {rest}"
        return f"{source}: {key}: {text}"  # a section's own check, in words already
    field = next((field for field in msgspec.structs.fields(structure) if path and field.name == path[-1]), None)
    allowed = describe(field.type) if field else "keys with values"
    quotes = ", in quotes" if isinstance(value, bool) and not allowed.startswith("true") else ""
    return f"{source}: {key}: {value!r} is not allowed (expected: {allowed}{quotes})"


def describe(kind: Any) -> str:
    """A field's type and range, in words."""
    import msgspec.inspect  # noqa: PLC0415 - only an error needs it

    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    if isinstance(info, msgspec.inspect.BoolType):
        return "true or false"
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        word = "a whole number" if isinstance(info, msgspec.inspect.IntType) else "a number"
        bounds = [
            f"{sign} {bound:g}"
            for sign, bound in (
                ("from", info.ge),
                ("above", info.gt),
                ("to" if info.ge is not None or info.gt is not None else "at most", info.le),
                ("below", info.lt),
            )
            if bound is not None
        ]
        return " ".join([word, *bounds])
    if isinstance(info, msgspec.inspect.StrType):
        if info.pattern:
            return f"a text of the form {info.pattern}"
        lengths = [
            f"{word} {length}"
            for word, length in (("at least", info.min_length), ("at most", info.max_length))
            if length is not None
        ]
        return f"a text of {' and '.join(lengths)} characters" if lengths else "a text"
    sequences = msgspec.inspect.ListType | msgspec.inspect.VarTupleType | msgspec.inspect.TupleType
    return "a list" if isinstance(info, sequences) else "keys with values"


def hint(word: str, known: Any) -> str:
    """What may have been meant, and what is known."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})"


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
            raw[last] = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{where}: not valid JSON: {error}") from None
    else:
        raw[last] = value


def dotenv_file() -> Path | None:
    """The `.env` of the current folder, else of the project; None where there is none."""
    candidates = (Path.cwd() / ".env", PROJECT_ROOT / ".env")
    return next((path for path in candidates if path.is_file()), None)


def with_dotenv(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with what `.env` adds to it."""
    merged = dict(environment)
    path = dotenv_file()
    if path is None:
        return merged
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    for line in lines:
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            merged.setdefault(name.strip(), value.strip().strip("'\""))
    return merged


def dotenv_problem() -> str | None:
    """A sentence when `.env` can be read by others; None otherwise."""
    path = dotenv_file()
    if path is None or not stat.S_IMODE(path.stat().st_mode) & 0o077:
        return None
    return f"{path}: others can read your secrets; run: chmod 600 {path}"
