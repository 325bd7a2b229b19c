"""The library that sets text, as `cairo` is the one that draws; what is missing is told in one sentence."""

from __future__ import annotations

from bridges.display.graphics.cairo import cairocffi
from smartcar_mqtt.config.file import ConfigError

try:
    import pangocairocffi
    import pangocffi
except ModuleNotFoundError as error:
    raise ConfigError(
        f"text on the face needs the Python package {error.name!r}; run: pip install 'smartcar-mqtt[display]'"
    ) from None
except OSError:
    raise ConfigError(
        "text on the face needs the system library Pango; run: sudo apt-get install libpangocairo-1.0-0"
    ) from None

__all__ = ["cairocffi", "pangocairocffi", "pangocffi"]
