"""Paths that people write, with `~` for a home folder."""

from __future__ import annotations

from pathlib import Path

from smartcar_mqtt.config.file import ConfigError


def expanded(named: str, key: str) -> Path:
    """The path with `~` replaced.

    Args:
        named: as it was written.
        key: where it was written, for the error.

    Raises:
        ConfigError: there is no such home folder: a service's user may have none.
    """
    try:
        return Path(named).expanduser()
    except RuntimeError:
        raise ConfigError(f"{key}: {named}: there is no such home folder; write the whole path") from None
