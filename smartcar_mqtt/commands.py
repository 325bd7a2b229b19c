"""A command on its way: how its payload is read, who sent it, and how it is answered."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json
from smartcar_mqtt.untrusted.visible import visible

MAX_NAME_CHARACTERS = 64
"""Longest `source` and `id` that a command may carry."""
LONGEST_SEARCH = 4096
"""Bytes of a damaged command in which something that makes the car safer is looked for."""
CLOCK_IS_SET = 1_735_689_600.0
"""2025-01-01: a clock that shows less was never set, as on a Raspberry Pi without a network."""
LATEST_TIME = 253_402_300_799.0
"""The end of the year 9999, seconds since 1970."""
LONGEST_AGE_S = 2.0
"""A move that its sender says was sent longer ago is not carried out; leaves room for clocks that differ a little."""


class Status(enum.StrEnum):
    """What became of a command (`status` of the `result` topic)."""

    DONE = "done"
    """It was carried out."""
    BLOCKED = "blocked"
    """It was understood, but safety does not allow it now."""
    REFUSED = "refused"
    """It is no valid command: unknown, malformed, out of range, retained."""
    EXPIRED = "expired"
    """It came too late, or was not confirmed in time."""


class CommandError(Exception):
    """Why a command was not carried out, in words for people."""

    status = Status.REFUSED


class Refused(CommandError):  # noqa: N818 - named as the status that it causes
    """The command is not valid."""


class Blocked(CommandError):  # noqa: N818
    """The command is valid, but not allowed now."""

    status = Status.BLOCKED


class Parsed(msgspec.Struct, frozen=True):
    """A payload, taken apart: the value for the handler, who sent it, and the sender's own mark for it."""

    value: Any = None
    source: str = ""
    id: str | int | None = None
    sent_at: float | None = None
    """When the sender says that it was sent (`time`), seconds since 1970; None: it does not say."""
    expires_at: float | None = None
    """From when on the sender wants it no more (`expires`), seconds since 1970; None: it does not say."""


class Answer(msgspec.Struct, frozen=True):
    """One message of the `result` topic."""

    command: str
    status: Status
    reason: str = ""
    source: str = ""
    id: str | int | None = None
    value: str = ""


DEFERRED = object()
"""A handler returns this when it will answer its request later, through `Request.answer`."""


class Request:
    """One received command; answered exactly once."""

    __slots__ = ("_reply", "answered", "expires_at", "name", "parsed")

    def __init__(
        self,
        name: str,
        parsed: Parsed,
        reply: Callable[[Answer], None],
        *,
        expires_at: float | None = None,
    ) -> None:
        self.name = name
        self.parsed = parsed
        self.expires_at = expires_at
        """Monotonic second from which on it must not be carried out any more (MQTT 5 message expiry)."""
        self.answered = False
        self._reply = reply

    @property
    def shown_value(self) -> str:
        """The value as people read it in a result."""
        return "" if self.parsed.value is None else visible(str(self.parsed.value)[:MAX_NAME_CHARACTERS])

    @property
    def source(self) -> str:
        """Who sent it (`remote`, `voice`, ...); "mqtt" where the payload does not say."""
        return self.parsed.source or "mqtt"

    def answer(self, status: Status, reason: str = "") -> None:
        """Say what became of the command; a second answer is ignored, the first one stands."""
        if self.answered:
            return
        self.answered = True
        self._reply(Answer(visible(self.name), status, visible(reason), self.source, self.parsed.id, self.shown_value))


def readable(payload: bytes) -> str:
    """The text in a payload that is no proper command, as far as there is one: for finding what makes the car safer."""
    return payload[:LONGEST_SEARCH].replace(b"\0", b"").decode("utf-8", "ignore")


def decode_text(payload: bytes) -> str:
    """The payload as text.

    Raises:
        Refused: it is empty (which is also what clearing a retained message looks like) or not UTF-8.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise Refused("the payload is not UTF-8 text") from None
    if not text.strip():
        raise Refused("the payload is empty")
    return text.strip()


def decode_object(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Refused: it is damaged, or something else than an object.
    """
    try:
        found = decode_json(text)
    except DecodingError as error:
        raise Refused(f"the payload is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refused("the payload is JSON, but not an object in braces")
    return found


def take_sender(fields: dict[str, Any]) -> tuple[str, str | int | None]:
    """Remove `source` and `id` from a JSON command and return them, checked."""
    source = fields.pop("source", None)
    mark = fields.pop("id", None)
    if source is None:
        source = ""
    if not isinstance(source, str) or len(source) > MAX_NAME_CHARACTERS or not source.isprintable():
        raise Refused(f"source must be a text of at most {MAX_NAME_CHARACTERS} characters")
    if isinstance(mark, str):
        if len(mark) > MAX_NAME_CHARACTERS or not mark.isprintable():
            raise Refused(f"id must have at most {MAX_NAME_CHARACTERS} characters")
    elif mark is not None and (isinstance(mark, bool) or not isinstance(mark, int)):
        raise Refused("id must be a text or a whole number")
    return source, mark


def take_times(fields: dict[str, Any]) -> tuple[float | None, float | None]:
    """Remove `time` and `expires` (seconds since 1970) from a JSON command and return them, checked."""
    return take_time(fields, "time"), take_time(fields, "expires")


def take_time(fields: dict[str, Any], name: str) -> float | None:
    """Remove a point in time from a JSON command; None where it is left out."""
    value = fields.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_TIME:
        raise Refused(f"{name} {str(value)[:32]!r} is not a number of seconds since 1970")
    return float(value)


def too_old(parsed: Parsed, now: float) -> str | None:
    """Why a command is too old by what its sender says of it; None: it is not, or that cannot be told.

    Args:
        parsed: the command.
        now: this machine's time, seconds since 1970. A clock that was never set tells nothing.
    """
    if now < CLOCK_IS_SET:
        return None
    if parsed.expires_at is not None and parsed.expires_at >= CLOCK_IS_SET and now > parsed.expires_at:
        return f"the command has expired {now - parsed.expires_at:.1f} s ago"
    if parsed.sent_at is None or parsed.sent_at < CLOCK_IS_SET:
        return None
    age = now - parsed.sent_at
    if age > LONGEST_AGE_S:
        return f"the command was sent {age:.1f} s ago (if that is not so, set the clocks of sender and car)"
    if age < -LONGEST_AGE_S:
        return f"the sender's clock is {-age:.1f} s ahead of the car's, so its age is not known; set both clocks"
    return None


def parse_envelope(payload: bytes) -> Parsed:
    """A plain value, or `{"value": ..., "source": ..., "id": ..., "time": ..., "expires": ...}`.

    The value of the plain form is a text; of the JSON form, what JSON gives (None where `value` is left out).
    """
    text = decode_text(payload)
    if not text.startswith("{"):
        return Parsed(text)
    fields = decode_object(text)
    source, mark = take_sender(fields)
    sent_at, expires_at = take_times(fields)
    value = fields.pop("value", None)
    if fields:
        raise Refused(f"unknown field {next(iter(fields))[:32]!r}; known are value, source, id, time and expires")
    return Parsed(value, source, mark, sent_at, expires_at)
