"""Where the vision bridge keeps its files."""

from __future__ import annotations

from pathlib import Path

from bridges.vision.settings import VisionSettings
from smartcar_mqtt.config import Config
from smartcar_mqtt.paths import expanded


def socket_path(config: Config, settings: VisionSettings) -> Path:
    """Where the live stream is served."""
    if settings.socket:
        return expanded(settings.socket, "vision.socket")
    return config.runtime_directory() / f"{config.car.id}-vision.sock"


def capture_folder(config: Config, settings: VisionSettings) -> Path:
    """Where captures are stored."""
    if settings.capture_directory:
        return expanded(settings.capture_directory, "vision.capture_directory")
    return config.state_directory() / f"{config.car.id}-captures"
