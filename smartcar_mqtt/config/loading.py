"""Loading the configuration: which file is read, `.env`, and the SMARTCAR__SECTION__KEY of the environment.

The file gives the sections, the environment overrides single keys, and user name and password of the broker are taken
from MQTT_USERNAME and MQTT_PASSWORD where no section has them. `.env` adds to the environment what is not set there.
"""

from __future__ import annotations

import os
import pkgutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from smartcar_mqtt.config.broker_address import parse_broker_address
from smartcar_mqtt.config.dotenv import Dotenv, parse
from smartcar_mqtt.config.explaining import describe, explain, hint, problem_of
from smartcar_mqtt.config.file import ConfigError, is_empty, read_sections
from smartcar_mqtt.config.model import COMMON_SECTIONS, Config, Mqtt, Section
from smartcar_mqtt.paths import expanded
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json
from smartcar_mqtt.untrusted.yaml_text import fitted

ENVIRONMENT_PREFIX = "SMARTCAR__"
PROJECT_ROOT = Path(__file__).resolve().parents[2]


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
