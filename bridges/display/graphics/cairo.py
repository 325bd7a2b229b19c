"""The drawing library; all files of the display take it from here.

It needs two things that may be missing: a Python package, and a library of the system that the package loads when it is
imported. Either is told in one sentence, by whichever command or daemon wanted to draw.
"""

from __future__ import annotations

from smartcar_mqtt.config.file import ConfigError

try:
    import cairocffi
except ModuleNotFoundError as error:
    raise ConfigError(
        f"drawing the face needs the Python package {error.name!r}; run: pip install 'smartcar-mqtt[display]'"
    ) from None
except OSError:
    raise ConfigError("drawing the face needs the system library cairo; run: sudo apt-get install libcairo2") from None

__all__ = ["cairocffi"]
