"""Smart car on MQTT: small bridges between a robot car's hardware and Home Assistant."""

__version__ = "0.1.0"
