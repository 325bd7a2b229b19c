"""What the ring shows: one table, the first row that applies wins.

Pure: the situation and the light that people have set go in, what is shown comes out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bridges.led.colours import Colour
from bridges.led.effects import EFFECTS
from bridges.led.wish import Wish
from smartcar_mqtt.situation import Layer, Phase, Situation

SAFETY_BRIGHTNESS = 128
"""Least brightness (0 to 255) of what is about safety, however far people have dimmed the ring."""


class Shown(msgspec.Struct, frozen=True):
    """What the ring shows."""

    layer: Layer
    effect: str
    colour: Colour
    brightness: int
    """0 to 255, of what the configuration allows."""
    on: bool = True


def _motors_lost(situation: Situation) -> bool:
    return situation.motors_linked is False or situation.connected is False


def _in_phase(situation: Situation) -> bool:
    return situation.phase not in {None, Phase.IDLE}


Rule = tuple[Layer, Callable[[Situation], bool], str]
PHASE = ""
"""In place of an effect's name: the one that is named like the assistant's phase."""
RULES: tuple[Rule, ...] = (
    (Layer.SAFETY, lambda situation: situation.emergency_stop, "emergency_stop"),
    (Layer.SAFETY, lambda situation: situation.blocked, "obstacle"),
    # Above the lost link: while the Pi shuts down, the motors' bridge is expected to go.
    (Layer.SYSTEM, lambda situation: situation.shutting_down, "shutting_down"),
    (Layer.SAFETY, _motors_lost, "link_lost"),
    (Layer.SYSTEM, lambda situation: situation.connected is None, "booting"),
    (Layer.ASSISTANT, _in_phase, PHASE),
    (Layer.ASSISTANT, lambda situation: situation.assistant_online is False, "assistant_offline"),
    (Layer.ASSISTANT, lambda situation: situation.muted, "muted"),
)
"""Whose it is, when it applies, and the effect; where none applies, the people's own light is shown."""


def decide(situation: Situation, wish: Wish, *, follow: bool) -> Shown:
    """What the ring shows now.

    The brightness that people have set dims everything, also while they have switched their light off: a ring that is
    dimmed for the night stays dim while the assistant listens. Only what is about safety has a least brightness.

    Args:
        situation: what the other bridges say.
        wish: the light that people have set.
        follow: whether the assistant is shown.
    """
    for layer, applies, effect in RULES:
        if (layer is Layer.ASSISTANT and not follow) or not applies(situation):
            continue
        name = effect or str(situation.phase)
        least = SAFETY_BRIGHTNESS if layer is Layer.SAFETY else 0
        return Shown(layer, name, EFFECTS[name].colour, max(wish.brightness, least))
    return Shown(Layer.USER, wish.effect, wish.shown_colour, wish.brightness, on=wish.on)
