"""Texts of others as they may be shown and kept: characters that steer a terminal, or hide, are shown as such.

What arrives over MQTT or stands in a file ends up in terminals, logs and Home Assistant. Control characters move
cursors and set titles there, line ends forge lines of a log, and marks of writing direction let a text read as another
one.
"""

from __future__ import annotations

import codecs
import json
import unicodedata
from typing import Any

JOINERS = "\u200c\u200d"
"""Characters of the category Cf that words and emoji are written with."""
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
PLAINER = {
    "✔": "+", "✘": "x", "–": "-", "—": "-", "→": "->", "…": "...", "°": " deg", "µ": "u", "μ": "u", "×": "x", "²": "2",
    "³": "3", "│": "|", "─": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*",
}  # fmt: skip
"""What our own texts use, for terminals that have only ASCII or Latin-1."""


def is_hidden(character: str) -> bool:
    """Whether a character is not seen as itself: C0, DEL and C1 controls, directions of writing, line separators."""
    return unicodedata.category(character) in HIDDEN_CATEGORIES and character not in JOINERS


def has_hidden(text: str) -> bool:
    """Whether a text holds a character that is not seen as itself."""
    return not text.isprintable() and any(map(is_hidden, text))


def escape(character: str) -> str:
    """A hidden character as such: `\\x1b`, `\\u202e`, `\\n`."""
    code = ord(character)
    letter, digits = ("x", 2) if code < 0x100 else ("u", 4) if code < 0x10000 else ("U", 8)
    return SHORT.get(character) or f"\\{letter}{code:0{digits}x}"


def visible(text: str, *, keep: str = "") -> str:
    """A text with its hidden characters shown as such.

    Args:
        text: anything.
        keep: characters that stay, such as line ends in a text of our own.
    """
    if text.isprintable():
        return text
    return "".join(escape(each) if is_hidden(each) and each not in keep else each for each in text)


def without_hidden(text: str, *, keep: str = "") -> str:
    """A text without its hidden characters; line ends and tabs become blanks, so that words stay apart."""
    if text.isprintable():
        return text
    return "".join(
        each if each in keep or not is_hidden(each) else " " if each in "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029" else ""
        for each in text
    )


def clean(value: Any) -> Any:
    """A value of plain types as it may enter a state: without the hidden characters of its texts and keys."""
    if isinstance(value, str):
        return without_hidden(value)
    if isinstance(value, dict):
        return {clean(key): clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean(each) for each in value]
    return value


def json_text(value: Any, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """A value as JSON for a terminal: valid JSON, in which hidden characters are escapes."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=None if indent else (",", ":"))
    if text.isprintable():
        return text
    return "".join(_json_escape(each) if is_hidden(each) and each != "\n" else each for each in text)


def _json_escape(character: str) -> str:
    """A character as JSON's escape; beyond 16 bits as a surrogate pair."""
    return json.dumps(character)[1:-1] if ord(character) > 0x7F else f"\\u{ord(character):04x}"


def replace_unencodable(error: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler `plainer` of Python's codecs: what a terminal's encoding lacks becomes something plainer."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wanted = error.object[error.start : error.end]
    return "".join(map(_plainer, wanted)), error.end


def _plainer(character: str) -> str:
    if character in PLAINER:
        return PLAINER[character]
    without_accents = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return without_accents or escape(character) if is_hidden(character) or without_accents else "?"


codecs.register_error("plainer", replace_unencodable)
