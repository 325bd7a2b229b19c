"""All effects of the ring, by name, in the order in which Home Assistant lists them."""

from __future__ import annotations

from bridges.led.effect import Effect, Kind
from bridges.led.people import PEOPLES
from bridges.led.phases import PHASES
from bridges.led.safety import SAFETY

__all__ = ["EFFECTS", "Effect", "Kind"]

EFFECTS: dict[str, Effect] = {effect.name: effect for effect in (*PEOPLES, *PHASES, *SAFETY)}
"""What people choose for its looks first, then what tells of the assistant and of the car."""
