"""All effects of the ring, by name, in the order in which Home Assistant lists them."""

from __future__ import annotations

from bridges.led.effects.assistant import ASSISTANT
from bridges.led.effects.base import Effect, Kind
from bridges.led.effects.decorative import DECORATIVE
from bridges.led.effects.safety import SAFETY

__all__ = ["EFFECTS", "Effect", "Kind"]

EFFECTS: dict[str, Effect] = {effect.name: effect for effect in (*DECORATIVE, *ASSISTANT, *SAFETY)}
"""What people choose for its looks first, then what tells of the assistant and of the car."""
