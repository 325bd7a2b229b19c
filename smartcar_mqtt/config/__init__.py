"""The configuration: one YAML file, typed; overrides and secrets from the environment."""

from smartcar_mqtt.config.explaining import hint
from smartcar_mqtt.config.file import ConfigError, read_sections
from smartcar_mqtt.config.loading import (
    ENVIRONMENT_PREFIX,
    PROJECT_ROOT,
    bridge_names,
    dotenv_problem,
    dotenv_problems,
    load,
)
from smartcar_mqtt.config.model import (
    COMMON_SECTIONS,
    Car,
    Config,
    Logging,
    Mqtt,
    Section,
    SimulatedCar,
    Tls,
)

__all__ = [
    "COMMON_SECTIONS",
    "ENVIRONMENT_PREFIX",
    "PROJECT_ROOT",
    "Car",
    "Config",
    "ConfigError",
    "Logging",
    "Mqtt",
    "Section",
    "SimulatedCar",
    "Tls",
    "bridge_names",
    "dotenv_problem",
    "dotenv_problems",
    "hint",
    "load",
    "read_sections",
]
