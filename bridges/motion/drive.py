"""The payload of `drive/set`: a plain word, or JSON with speed and duration."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from bridges.motion.serial_line.protocol import DIRECTIONS
from smartcar_mqtt.commands import (
    CommandError,
    Parsed,
    Refused,
    decode_object,
    decode_text,
    readable,
    take_sender,
    take_times,
)
from smartcar_mqtt.entities.numbers import plain, to_step, within

STOP = "stop"
LARGEST_NUMBER = 1e9
"""Nothing that can be asked for is larger; NaN fails the comparison too."""
MILLISECOND = 0.001
"""Step of a duration in seconds."""
KNOWN = ("direction", "speed", "duration", "source", "id", "time", "expires")
STOP_WORD = re.compile(r"\b(?:stop|stopp|halt)\b", re.IGNORECASE)


class Drive(msgspec.Struct, frozen=True):
    """A move that somebody asks for."""

    direction: str
    """forward, backward, left, right or stop."""
    speed: int | None = None
    """Per cent of full speed; None = as set before."""
    duration: float | None = None
    """Seconds; None = as set before."""

    def __str__(self) -> str:
        """The direction: what `result` shows as the value."""
        return self.direction


PLAIN = {word.encode(): Parsed(Drive(word)) for word in (*DIRECTIONS, STOP)}
"""The plain words, read once for all: these are the commands that come often, and those that are in a hurry."""


def parse_drive(payload: bytes) -> Parsed:
    """Read a payload of `drive/set`; whatever is recognisably a stop is one, whatever else is wrong in it.

    Raises:
        Refused: it is no drive command; the text says why.
    """
    if payload in PLAIN:
        return PLAIN[payload]
    try:
        return parse_move(payload)
    except Refused:
        if says_stop(payload):
            return Parsed(Drive(STOP))
        raise


def says_stop(payload: bytes) -> bool:
    """Whether a payload that is no proper command has a word in it that means stop: `stop!`, `halt`, damaged JSON."""
    return STOP_WORD.search(readable(payload)) is not None


def parse_move(payload: bytes) -> Parsed:
    """Read a proper command; raises Refused for anything else."""
    text = decode_text(payload)
    if not text.startswith("{"):
        return Parsed(Drive(direction_of(text)))
    fields = decode_object(text)
    direction = direction_of(fields.pop("direction", None))
    if direction == STOP:
        try:
            source, mark = take_sender(fields)
        except CommandError:
            source, mark = "", None
        return Parsed(Drive(STOP), source, mark)
    source, mark = take_sender(fields)
    sent_at, expires_at = take_times(fields)
    speed = number(fields.pop("speed", None), "speed")
    duration = number(fields.pop("duration", None), "duration")
    if fields:
        raise Refused(f"unknown field {next(iter(fields))[:32]!r}; known are {', '.join(KNOWN)}")
    if speed is not None:
        speed = within(speed, 1, 100, 1, what="speed", unit="%")
    if duration is not None:
        rounded = to_step(duration, 0, MILLISECOND)
        if rounded <= 0:
            raise Refused(f"duration {plain(duration)} is out of range (allowed: above 0 s)")
        duration = rounded
    move = Drive(direction, None if speed is None else int(speed), duration)
    return Parsed(move, source, mark, sent_at, expires_at)


def direction_of(word: Any) -> str:
    """A direction in any case of letters; raises Refused for anything else."""
    plain = word.strip().lower() if isinstance(word, str) else word
    if plain in (*DIRECTIONS, STOP):
        return str(plain)
    raise Refused(f"{str(word)[:32]!r} is not a direction (allowed: {', '.join((*DIRECTIONS, STOP))})")


def number(value: Any, name: str) -> float | None:
    """A JSON number, None where it is left out or null; raises Refused for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
        raise Refused(f"{name} {str(value)[:32]!r} is not a number")
    return float(value)


def is_stop(drive: Drive) -> bool:
    """Whether the command can only make the car safer."""
    return drive.direction == STOP
