"""The bridges of this machine: their classes and the structures of their settings, by name.

A bridge may be here without the libraries that it needs: a Pi without a display need not have what the display needs.
What is asked about other bridges, or about all of them, must not fail for that.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import TYPE_CHECKING

from smartcar_mqtt.config import Section, bridge_names, hint
from smartcar_mqtt.config.file import ConfigError

if TYPE_CHECKING:
    from smartcar_mqtt.bridge import Bridge

OWN_PACKAGES = frozenset({"bridges", "smartcar_mqtt"})


class NotInstalledError(ConfigError):
    """A bridge needs a library that is not there; the text says which, and how to get it."""

    exit_code = 69
    """That of the process: EX_UNAVAILABLE of sysexits.h. Starting it again does not help."""


def import_of(name: str, module: str) -> ModuleType:
    """A module of a bridge.

    Args:
        name: the bridge.
        module: which of its modules, such as "bridge" or "commands".

    Raises:
        ConfigError: there is no such bridge.
        NotInstalledError: what it needs is not installed.
    """
    names = bridge_names()
    if name not in names:
        raise ConfigError(f"there is no bridge {name!r}{hint(name, names)}")
    remedy = f"run: pip install 'smartcar-mqtt[{name}]'"
    try:
        return importlib.import_module(f"bridges.{name}.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN_PACKAGES:
            raise  # a mistake of ours
        raise NotInstalledError(f"the {name} bridge needs the Python package {error.name!r}; {remedy}") from None
    except ConfigError as error:  # its own words for what is missing
        raise NotInstalledError(str(error)) from None
    except (ImportError, OSError) as error:  # a shared library that a Python package needs
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NotInstalledError(f"the {name} bridge cannot load what it needs: {reason}; {remedy}") from None


def require(name: str, packages: tuple[str, ...]) -> None:
    """Raise NotInstalledError where a bridge lacks one of these Python packages."""
    for package in packages:
        try:
            found = importlib.util.find_spec(package) is not None
        except ImportError:
            found = False
        if not found:
            raise NotInstalledError(
                f"the {name} bridge needs the Python package {package!r}; run: pip install 'smartcar-mqtt[{name}]'"
            )


def find_bridge(name: str) -> type[Bridge]:
    """The class of a bridge.

    Raises:
        ConfigError: there is no such bridge.
        NotInstalledError: what it needs is not installed.
        TypeError: its `bridge.py` has no class for it.
    """
    from smartcar_mqtt.bridge import Bridge  # noqa: PLC0415 - settings alone do without MQTT

    found: list[type[Bridge]] = [
        value
        for value in vars(import_of(name, "bridge")).values()
        if isinstance(value, type) and issubclass(value, Bridge) and value.name == name
    ]
    if not found:
        raise TypeError(f"bridges/{name}/bridge.py has no subclass of Bridge whose attribute `name` is {name!r}")
    return found[0]


def find_settings(name: str) -> type[Section]:
    """The structure of a bridge's section, from `bridges/NAME/settings.py`, without the libraries that it needs.

    The class is called `NameSettings`, that of `front_light` `FrontLightSettings`. A bridge that has no such file, or
    none with that class, is asked itself.

    Raises:
        ConfigError, NotInstalledError: as `find_bridge`.
    """
    if name in bridge_names() and importlib.util.find_spec(f"bridges.{name}.settings"):
        wanted = f"{name.replace('_', '')}settings"
        for key, value in vars(import_of(name, "settings")).items():
            if key.lower() == wanted and isinstance(value, type) and issubclass(value, Section):
                return value
    return find_bridge(name).settings_type


def available_bridges() -> tuple[dict[str, type[Bridge]], dict[str, str]]:
    """The classes of all bridges whose libraries are here, and for each of the others, why it is left out."""
    here: dict[str, type[Bridge]] = {}
    missing: dict[str, str] = {}
    for name in bridge_names():
        try:
            here[name] = find_bridge(name)
        except NotInstalledError as error:
            missing[name] = str(error)
    return here, missing
