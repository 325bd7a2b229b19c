"""The configuration as the program sees it: the sections' structures, and all sections of one process together.

Sections are msgspec structures with `forbid_unknown_fields`, so that a misspelt key is an error and not a setting that
silently does nothing. `car`, `mqtt` and `logging` are everybody's; each bridge brings the structure of its own section.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from smartcar_mqtt.config.broker_address import parse_broker_address
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.paths import expanded
from smartcar_mqtt.untrusted.addresses import mask_all

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
