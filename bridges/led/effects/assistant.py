"""Effects that tell what the assistant and the car's computer are doing.

Colours and periods are those of the ring that people know from the first version of this car. It had no gamma
correction: its levels are made into colours by `driven`; but what it called purple, pink and orange is taken as a
colour, to be seen as such. What merely pulsed there, in one colour or another, also moves here in a way of its own, so
that who does not see the colours still knows the phases apart.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

from bridges.led.effects.base import (
    MOST_PIXELS,
    TURN,
    Effect,
    Kind,
    around,
    away,
    chase,
    dots,
    fill,
    heights,
    levels_at,
    places,
    rise,
    step,
    swing,
)
from bridges.led.effects.colours import BLACK, Colour, blend, dimmed, driven, scale


def pulse(low: Colour, high: Colour) -> tuple[Colour, ...]:
    """A table of one sine period between two colours, beginning half-way."""
    return tuple(blend([low], [high], rise(place / TURN))[0] for place in range(TURN))


# -- idle: breathes ----------------------------------------------------------------------------------------------------

IDLE_S = 2 * math.pi
IDLE = tuple(driven(0, 5 + 25 * rise(place / TURN), 8 + 25 * rise(place / TURN)) for place in range(TURN))


def idle(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The whole ring breathes, dim and cyan."""
    return [IDLE[step(t, IDLE_S)]] * count


# -- wake word: flashes once -------------------------------------------------------------------------------------------

FLASH_S = 0.3
FADED_S = 0.6
HEARD = driven(0, 150, 20)


def wakeword_detected(t: float, count: int, _colour: Colour) -> list[Colour]:
    """A green flash that fades, then a steady green."""
    if t < FLASH_S:
        return [(0, 255, 0)] * count
    if t < FADED_S:
        return [driven(0, 255 * (FADED_S - t) / (FADED_S - FLASH_S), 0)] * count
    return [HEARD] * count


# -- listening: one light goes round -----------------------------------------------------------------------------------

LISTENING_S = 1.0


def _listening_colour(share: float) -> Colour:
    """The light reaches a quarter of the ring to either side: two pixels of eight."""
    light = max(0.0, 1 - away(share) / 0.25)
    return driven(0, 20 * light, 80 + 175 * light)


LISTENING = tuple(_listening_colour(place / TURN) for place in range(TURN))


def listening(t: float, count: int, _colour: Colour) -> list[Colour]:
    """A light goes round on a blue ring."""
    head = step(t, LISTENING_S)
    return [LISTENING[place - head] for place in places(count)]


# -- transcribing: twinkles --------------------------------------------------------------------------------------------

TRANSCRIBING_S = 2 * math.pi / 3


def _transcribing_colour(share: float) -> Colour:
    level = rise(share)
    purple = (round(100 + 80 * level), round(20 * level), round(150 + 100 * level))
    return scale(purple, 0.2 + 0.8 * level**2)


TRANSCRIBING = tuple(_transcribing_colour(place / TURN) for place in range(TURN))
OWN_TIMES = tuple(byte * TURN // 256 for byte in hashlib.shake_128(b"words").digest(MOST_PIXELS))
"""How far each pixel is behind the first one's time."""


def transcribing(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The pixels twinkle in purple, each with its own phase."""
    now = step(t, TRANSCRIBING_S)
    return [TRANSCRIBING[now - later] for later in OWN_TIMES[:count]]


# -- thinking: two lights turn -----------------------------------------------------------------------------------------

THINKING_S = 2 * math.pi / 2.5
THINKING = pulse((200, 50, 100), (255, 100, 180))
TWO_ARCS = around(lambda share: 0.12 + 0.88 * swing(2 * share) ** 2)


def thinking(t: float, count: int, _colour: Colour) -> list[Colour]:
    """Two pink lights opposite each other turn and pulse."""
    now = step(t, THINKING_S)
    return dimmed(THINKING[now], levels_at(TWO_ARCS, now, places(count)))


# -- making speech: rises on both sides --------------------------------------------------------------------------------

TTS_S = 2 * math.pi / 3
TTS = pulse((200, 80, 0), (255, 140, 0))
BAND = around(lambda share: 0.12 + 0.88 * swing(share) ** 2)


def tts_processing(t: float, count: int, _colour: Colour) -> list[Colour]:
    """An orange glow rises on both sides at once, from the bottom to the top."""
    now = step(t, TTS_S)
    return dimmed(TTS[now], levels_at(BAND, now, heights(count)))


# -- speaking: a chase -------------------------------------------------------------------------------------------------

SPEAKING_STEPS_PER_S = 6
SPEAKING = driven(0, 120, 30)
SPEAKING_OTHERS = driven(0, 30, 10)


def speaking(t: float, count: int, _colour: Colour) -> list[Colour]:
    """Every fourth pixel is brighter, and moves on."""
    return chase(count, 4, int(t * SPEAKING_STEPS_PER_S), SPEAKING, SPEAKING_OTHERS)


# -- error: blinks -----------------------------------------------------------------------------------------------------

BLINK_S = 0.25
ERROR = (driven(200, 0, 0), driven(20, 0, 0))


def error(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The whole ring blinks red, twice a second."""
    return [ERROR[int(t / BLINK_S) % 2]] * count


# -- no assistant: a few lights take turns -----------------------------------------------------------------------------

OFFLINE_S = 5.0
OFFLINE: Colour = (96, 96, 138)
OFFLINE_LEVELS = around(swing)


def assistant_offline(t: float, count: int, _colour: Colour) -> list[Colour]:
    """Some dim grey pixels, and slowly those between them."""
    now = step(t, OFFLINE_S)
    some = dimmed(OFFLINE, (OFFLINE_LEVELS[now],))[0]
    between = dimmed(OFFLINE, (255 - OFFLINE_LEVELS[now],))[0]
    return [
        some if dot else between if halfway else BLACK
        for dot, halfway in zip(dots(count, 4)[:count], _halfway(count), strict=True)
    ]


@lru_cache(maxsize=8)
def _halfway(count: int) -> tuple[bool, ...]:
    """The dots of `dots(count, 4)` moved on by half their distance."""
    pattern = dots(count, 4)
    shift = round(len(pattern) / sum(pattern) / 2)
    return (pattern[-shift:] + pattern[:-shift])[:count]


# -- muted: stands still -----------------------------------------------------------------------------------------------

MUTED = driven(60, 0, 0)


def muted(_t: float, count: int, _colour: Colour) -> list[Colour]:
    """Every second pixel is dim red, and nothing moves."""
    return chase(count, 2, 0, MUTED)


# -- begin and end: filled and emptied ---------------------------------------------------------------------------------

BOOTING_S = 2.4
WIPED_S = 0.6
MOONLIGHT: Colour = (170, 185, 215)


def booting(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The ring is filled with white, pixel by pixel, and emptied in the same order."""
    share = t / BOOTING_S % 1 * 2
    levels = fill(count, min(1.0, share))
    if share > 1:
        levels = [255 - level for level in fill(count, share - 1)]
    return dimmed(MOONLIGHT, levels)


def shutting_down(t: float, count: int, _colour: Colour) -> list[Colour]:
    """The white ring goes out, pixel by pixel, the last one first, and stays dark."""
    return dimmed(MOONLIGHT, fill(count, max(0.0, 1 - t / WIPED_S)))


ASSISTANT = (
    Effect(
        name="idle",
        description="Breathes, dim and cyan: ready for the wake word.",
        kind=Kind.PHASE,
        draw=idle,
        fps=20,
        period_s=IDLE_S,
    ),
    Effect(
        name="wakeword_detected",
        description="Flashes green once, then stays green: the wake word was heard.",
        kind=Kind.PHASE,
        draw=wakeword_detected,
        fps=30,
        settles_after_s=FADED_S,
    ),
    Effect(
        name="listening",
        description="A light goes round on blue: speak now.",
        kind=Kind.PHASE,
        draw=listening,
        fps=60,
        period_s=LISTENING_S,
    ),
    Effect(
        name="transcribing",
        description="Twinkles in purple: speech becomes text.",
        kind=Kind.PHASE,
        draw=transcribing,
        fps=30,
        period_s=TRANSCRIBING_S,
    ),
    Effect(
        name="thinking",
        description="Two pink lights turn: the answer is being made.",
        kind=Kind.PHASE,
        draw=thinking,
        fps=40,
        period_s=THINKING_S,
    ),
    Effect(
        name="tts_processing",
        description="Orange rises on both sides: the answer becomes speech.",
        kind=Kind.PHASE,
        draw=tts_processing,
        fps=40,
        period_s=TTS_S,
    ),
    Effect(
        name="speaking",
        description="A green chase: the car speaks.",
        kind=Kind.PHASE,
        draw=speaking,
        fps=30,
        period_s=4 / SPEAKING_STEPS_PER_S,
    ),
    Effect(
        name="error",
        description="Blinks red, twice a second: something failed.",
        kind=Kind.PHASE,
        draw=error,
        fps=20,
        period_s=2 * BLINK_S,
    ),
    Effect(
        name="assistant_offline",
        description="A few grey pixels take turns, slowly: no assistant.",
        kind=Kind.PHASE,
        draw=assistant_offline,
        fps=15,
        period_s=OFFLINE_S,
    ),
    Effect(
        name="muted",
        description="Every second pixel dim red, still: the microphone is off.",
        kind=Kind.PHASE,
        draw=muted,
        fps=0,
    ),
    Effect(
        name="booting",
        description="White fills the ring and leaves it: starting.",
        kind=Kind.PHASE,
        draw=booting,
        fps=30,
        period_s=BOOTING_S,
    ),
    Effect(
        name="shutting_down",
        description="White goes out pixel by pixel, then all is dark.",
        kind=Kind.PHASE,
        draw=shutting_down,
        fps=60,
        settles_after_s=WIPED_S,
    ),
)
