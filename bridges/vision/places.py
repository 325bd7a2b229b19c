"""Where the vision bridge keeps its files."""

from __future__ import annotations

from pathlib import Path

from bridges.vision.settings import VisionSettings
from smartcar_mqtt.config import PROJECT_ROOT, Config


def socket_path(config: Config, settings: VisionSettings) -> Path:
    """Where the live stream is served."""
    if settings.socket:
        return Path(settings.socket).expanduser()
    return config.runtime_directory() / f"{config.car.id}-vision.sock"


def capture_folder(config: Config, settings: VisionSettings) -> Path:
    """Where captures are stored."""
    if settings.capture_directory:
        return Path(settings.capture_directory).expanduser()
    return config.state_directory() / f"{config.car.id}-captures"


def find_file(named: str) -> Path:
    """A model or label file by its name: as it stands, else below the program's own folder."""
    path = Path(named).expanduser()
    return path if path.is_absolute() or path.exists() else PROJECT_ROOT / path
