"""The configuration's YAML file: read, and refused with a sentence where it is not what it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class ConfigError(Exception):
    """The configuration cannot be used; the text says where it is wrong and what is allowed."""


class OnceLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML's safe loader, which says so when a key stands twice: without, the first one would silently not count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; raises ConstructorError for a key that is there already."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} stands here a second time", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_sections(path: Path) -> dict[str, Any]:
    """The file's sections; raises ConfigError for what is no YAML, or no mapping of sections."""
    try:
        with path.open(encoding="utf-8") as file:
            raw = yaml.load(file, Loader=OnceLoader)  # noqa: S506 - a safe loader
    except (OSError, ValueError) as error:  # not there any more, no UTF-8, 30 February
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}:" if where else ""
        raise ConfigError(f"{path}:{line} not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(isinstance(body, dict | None) for body in raw.values()):
        raise ConfigError(f"{path}: must hold sections such as 'mqtt:' with indented keys below them")
    return raw
