"""Entities: declared once, as attributes of a bridge's class."""

from smartcar_mqtt.entities.base import CommandEntity, DeclarationError, Entity, Topics
from smartcar_mqtt.entities.choices import friendly
from smartcar_mqtt.entities.controls import Button, Command, Notify, Number, Select, Switch, Text, Update
from smartcar_mqtt.entities.lights import Light, Siren
from smartcar_mqtt.entities.readings import BinarySensor, Sensor
from smartcar_mqtt.entities.signals import Camera, Event, Image, Stream, Trigger

__all__ = [
    "BinarySensor",
    "Button",
    "Camera",
    "Command",
    "CommandEntity",
    "DeclarationError",
    "Entity",
    "Event",
    "Image",
    "Light",
    "Notify",
    "Number",
    "Select",
    "Sensor",
    "Siren",
    "Stream",
    "Switch",
    "Text",
    "Topics",
    "Trigger",
    "Update",
    "friendly",
]
