"""The text that people let the car show: plain, or with the seconds for which it shall stay."""

from __future__ import annotations

from typing import Any

import msgspec

from smartcar_mqtt.commands import Parsed, Refused, decode_object, parse_envelope
from smartcar_mqtt.entities import Text
from smartcar_mqtt.entities.numbers import is_number, within

SHORTEST_S, LONGEST_S, STEP_S = 1, 3600, 0.001


class Message(msgspec.Struct, frozen=True):
    """A text to be shown."""

    text: str
    """Empty: nothing any more."""
    seconds: float | None = None
    """For how long; None: as long as reading it takes."""

    def __str__(self) -> str:
        """The text, for results and logs."""
        return self.text


class TimedText(Text):
    """A text entity that also takes `{"value": "Hello", "seconds": 5}`; its method gets a `Message`."""

    example = '{"value": "Hello", "seconds": 5}'

    def parse(self, payload: bytes) -> Parsed:
        seconds = None
        if payload.lstrip().startswith(b"{"):
            payload, seconds = take_seconds(payload)
        parsed = super().parse(payload)
        return msgspec.structs.replace(parsed, value=Message(parsed.value, seconds))


def take_seconds(payload: bytes) -> tuple[bytes, float | None]:
    """The payload without `seconds`, and the seconds; as it was where it is no JSON object with seconds.

    Raises:
        Refused: the seconds are not a number within the limits, or what stands beside them is no message.
    """
    try:
        fields: dict[str, Any] = decode_object(payload.decode())
    except (Refused, UnicodeDecodeError):
        return payload, None  # a text that only looks like JSON
    if "seconds" not in fields:
        return payload, None
    seconds = fields.pop("seconds")
    if seconds is not None:
        if not is_number(seconds):
            raise Refused(f"seconds {str(seconds)[:32]!r} is not a number (allowed: {SHORTEST_S} to {LONGEST_S} s)")
        seconds = within(seconds, SHORTEST_S, LONGEST_S, STEP_S, what="seconds", unit="s")
    rest = msgspec.json.encode(fields)
    if not isinstance(parse_envelope(rest).value, str):
        raise Refused("the value that belongs to these seconds is not a text")
    return rest, seconds
