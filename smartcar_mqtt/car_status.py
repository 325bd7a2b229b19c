"""What the other bridges say of the car, as one value: for those that show it to people.

Pure: what has been heard goes in, the status of the car comes out.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from smartcar_mqtt.entities.choices import Choices
from smartcar_mqtt.logs.complaints import Complaints

COMPLAINTS = Complaints(logging.getLogger(__name__))

ONLINE, OFFLINE = "online", "offline"
NAMES = ("orchestrator", "motion", "voice", "system")
"""The bridges whose availability and state make up the status of the car."""


class Phase(enum.StrEnum):
    """What the assistant is doing: `phase` of the orchestrator's state."""

    IDLE = "idle"
    WAKEWORD_DETECTED = "wakeword_detected"
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    THINKING = "thinking"
    TTS_PROCESSING = "tts_processing"
    SPEAKING = "speaking"
    ERROR = "error"


PHASES = Choices(tuple(Phase))
"""For phases in other spellings."""


class Layer(enum.StrEnum):
    """On whose behalf something is shown, the most important one first."""

    SAFETY = "safety"
    SYSTEM = "system"
    ASSISTANT = "assistant"
    USER = "user"


class CarStatus(msgspec.Struct, frozen=True):
    """What is going on, as far as anybody has said."""

    phase: Phase | None = None
    """What the assistant is doing; None: no orchestrator is there."""
    assistant_online: bool | None = None
    """Whether the orchestrator is there; None: none has ever been heard of, False: it was there and is gone."""
    emergency_stop: bool = False
    obstacle: bool = False
    """Something stands nearer than the obstacle distance."""
    blocked: bool = False
    """It has just appeared, or has just blocked a move: news, not a state that lasts."""
    motors_linked: bool | None = None
    """Whether the ESP32 answers; None: no motion bridge has been heard of, False also where it is offline."""
    muted: bool = False
    """The microphone is switched off."""
    shutting_down: bool = False
    """The Raspberry Pi is about to switch off or to restart."""
    connected: bool | None = None
    """Whether the broker can be reached; None: not yet since this process has started."""


def car_status(heard: Mapping[str, Any], *, blocked: bool = False, connected: bool | None = None) -> CarStatus:
    """The status of the car that follows from the newest messages.

    Args:
        heard: `<bridge>/availability` and `<bridge>/state` → the newest message; what was never heard is missing.
        blocked: whether a move has just been blocked.
        connected: whether the broker can be reached.
    """
    states = {name: state_of(heard, name) for name in NAMES}
    assistant = presence(heard, "orchestrator")
    motion = presence(heard, "motion")
    return CarStatus(
        phase=phase_of(states["orchestrator"].get("phase")),
        assistant_online=assistant,
        emergency_stop=states["motion"].get("emergency_stop") is True,
        obstacle=states["motion"].get("obstacle") is True,
        blocked=blocked,
        motors_linked=False if motion is False else flag(states["motion"].get("link")),
        muted=states["voice"].get("muted") is True,
        shutting_down=states["system"].get("shutting_down") is True,
        connected=connected,
    )


def presence(heard: Mapping[str, Any], name: str) -> bool | None:
    """Whether a bridge is there; None: it has never been heard of."""
    return {ONLINE: True, OFFLINE: False}.get(str(heard.get(f"{name}/availability")))


def state_of(heard: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A bridge's state; empty where it is offline (an emergency stop apart) or where nothing is known.

    The state of a bridge that is gone is what it was, not what is; only the emergency stop is a latch that outlives it.
    """
    state = heard.get(f"{name}/state")
    if not isinstance(state, dict):
        return {}
    if presence(heard, name) is False:
        return {key: value for key, value in state.items() if key == "emergency_stop"}
    return state


def phase_of(word: object) -> Phase | None:
    """The phase that a word means; one that nobody knows counts as idle, a missing one as none."""
    if word is None:
        return None
    value = PHASES.find(str(word))
    if value is None:
        shown = repr(word)[:40]
        COMPLAINTS.warn(shown, "orchestrator/state: unknown phase %s; it is shown as idle", shown)
        return Phase.IDLE
    return Phase(value)


def flag(value: object) -> bool | None:
    """True, False, or None for anything else."""
    return value if isinstance(value, bool) else None
