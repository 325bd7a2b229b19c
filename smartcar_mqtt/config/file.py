"""The configuration's YAML file: read, and refused with a sentence where it is not what it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartcar_mqtt.untrusted.decoding import DecodingError
from smartcar_mqtt.untrusted.yaml_text import Plain, read_yaml


class ConfigError(Exception):
    """The configuration cannot be used; the text says where it is wrong and what is allowed."""


def read_sections(path: Path) -> dict[str, Any]:
    """The file's sections, with `Plain` values in them; raises ConfigError for no YAML, or no mapping of sections."""
    try:
        raw = read_yaml(path)
    except DecodingError as error:
        raise ConfigError(f"{path}: {error}") from None
    if is_empty(raw):
        return {}
    if not isinstance(raw, dict) or not all(isinstance(body, dict) or is_empty(body) for body in raw.values()):
        raise ConfigError(f"{path}: must hold sections such as 'mqtt:' with indented keys below them")
    return {name: body if isinstance(body, dict) else {} for name, body in raw.items()}


def is_empty(raw: object) -> bool:
    """Whether nothing was written here: no value, or `null`."""
    return raw is None or (isinstance(raw, Plain) and raw.value is None)
