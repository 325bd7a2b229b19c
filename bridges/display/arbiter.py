"""Which face is shown, and which line of text: two tables, in each of them the first row that applies wins.

Pure: the status of the car and what people have chosen go in, what is shown comes out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from smartcar_mqtt.car_status import CarStatus, Layer, Phase

BASE = "base"
"""The default expression: the face looks about, and falls asleep after a while."""


class Shown(msgspec.Struct, frozen=True):
    """What the display shows, messages of people apart."""

    layer: Layer
    expression: str
    status: str = ""
    """Line of text; empty: none."""
    urgent: bool = False
    """Whether that line stands above the messages of people."""
    rests: bool = False
    """Whether the face may fall asleep."""


EXPRESSION_OF_PHASE = {
    Phase.WAKEWORD_DETECTED: "surprised",
    Phase.LISTENING: "listening",
    Phase.TRANSCRIBING: "curious",
    Phase.THINKING: "curious",
    Phase.TTS_PROCESSING: "speaking",
    Phase.SPEAKING: "speaking",
    Phase.ERROR: "sad",
}
"""Source: the seed's state map; a phase that is missing here (idle) leaves the face to people."""
OFFLINE_EXPRESSION = "sad"

Applies = Callable[[CarStatus], bool]
SAFETY: tuple[tuple[Layer, Applies, str], ...] = (
    (Layer.SAFETY, lambda now: now.emergency_stop, "sad"),
    (Layer.SAFETY, lambda now: now.blocked, "surprised"),
    (Layer.SYSTEM, lambda now: now.shutting_down, "sleep"),
)
"""Whose it is, when it applies, and the face: whatever anybody has chosen."""
EMERGENCY_STOP = "Emergency stop"
ASSISTANT_OFFLINE = "Assistant offline"
STATUS: tuple[tuple[Applies, str], ...] = (
    (lambda now: now.emergency_stop, EMERGENCY_STOP),
    (lambda now: now.blocked, "Something is in the way"),
    (lambda now: now.shutting_down, "Shutting down"),
    (lambda now: now.connected is False, "No connection to the broker"),
    (lambda now: now.motors_linked is False, "No link to the motors"),
    (lambda now: now.assistant_online is False, ASSISTANT_OFFLINE),
    (lambda now: now.muted, "Microphone off"),
)


def decide(car_status: CarStatus, chosen: str, *, follow: bool, just_chosen: bool = False) -> Shown:
    """What is shown now.

    Args:
        car_status: what the other bridges say.
        chosen: the expression that people have chosen, at some time.
        follow: whether the assistant is shown.
        just_chosen: whether they have chosen it since the last news of the assistant; it is then shown at once.
    """
    status = status_of(car_status, follow=follow)
    urgent = status == EMERGENCY_STOP
    for layer, applies, expression in SAFETY:
        if applies(car_status):
            return Shown(layer, expression, status, urgent)
    # Without the broker, nobody knows what the assistant does now.
    if follow and not just_chosen and car_status.connected is not False:
        expression_of_phase = EXPRESSION_OF_PHASE.get(car_status.phase or Phase.IDLE)
        if expression_of_phase is not None:
            return Shown(Layer.ASSISTANT, expression_of_phase, status)
        if car_status.assistant_online is False:
            return Shown(Layer.ASSISTANT, OFFLINE_EXPRESSION, status, rests=True)
    return Shown(Layer.USER, chosen, status, rests=chosen == BASE)


def status_of(car_status: CarStatus, *, follow: bool) -> str:
    """The line of text that the status of the car calls for; empty: none."""
    for applies, line in STATUS:
        if applies(car_status) and (follow or line != ASSISTANT_OFFLINE):
            return line
    return ""
