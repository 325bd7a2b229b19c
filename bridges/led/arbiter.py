"""What the ring shows: one table, the first row that applies wins.

Pure: the status of the car and the light that people have set go in, what is shown comes out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bridges.led.effects.colours import Colour
from bridges.led.effects.registry import EFFECTS
from bridges.led.light_state import LightState
from smartcar_mqtt.car_status import CarStatus, Layer, Phase

SAFETY_BRIGHTNESS = 128
"""Least brightness (0 to 255) of what is about safety, whatever brightness people have set."""


class Shown(msgspec.Struct, frozen=True):
    """What the ring shows."""

    layer: Layer
    effect: str
    colour: Colour
    brightness: int
    """0 to 255, of what the configuration allows."""
    on: bool = True


def _motors_lost(car_status: CarStatus) -> bool:
    return car_status.motors_linked is False or car_status.connected is False


def _in_phase(car_status: CarStatus) -> bool:
    return car_status.phase not in {None, Phase.IDLE}


Rule = tuple[Layer, Callable[[CarStatus], bool], str]
PHASE = ""
"""Stands for the effect with the name of the assistant's phase."""
RULES: tuple[Rule, ...] = (
    (Layer.SAFETY, lambda car_status: car_status.emergency_stop, "emergency_stop"),
    (Layer.SAFETY, lambda car_status: car_status.blocked, "obstacle"),
    # Above the lost link: while the Pi shuts down, the motors' bridge is expected to go.
    (Layer.SYSTEM, lambda car_status: car_status.shutting_down, "shutting_down"),
    (Layer.SAFETY, _motors_lost, "link_lost"),
    (Layer.SYSTEM, lambda car_status: car_status.connected is None, "booting"),
    (Layer.ASSISTANT, _in_phase, PHASE),
    (Layer.ASSISTANT, lambda car_status: car_status.assistant_online is False, "assistant_offline"),
    (Layer.ASSISTANT, lambda car_status: car_status.muted, "muted"),
)
"""Layer, condition and effect; where none applies, the light that people have set is shown."""


def decide(car_status: CarStatus, light: LightState, *, follow: bool) -> Shown:
    """What the ring shows now.

    The brightness that people have set dims everything, also while they have switched their light off: a ring that is
    dimmed for the night stays dim while the assistant listens. Only what is about safety has a least brightness.

    Args:
        car_status: what the other bridges say.
        light: the light that people have set.
        follow: whether the assistant is shown.
    """
    for layer, applies, effect in RULES:
        if (layer is Layer.ASSISTANT and not follow) or not applies(car_status):
            continue
        name = effect or str(car_status.phase)
        least = SAFETY_BRIGHTNESS if layer is Layer.SAFETY else 0
        return Shown(layer, name, EFFECTS[name].colour, max(light.brightness, least))
    return Shown(Layer.USER, light.effect, light.shown_colour, light.brightness, on=light.on)
