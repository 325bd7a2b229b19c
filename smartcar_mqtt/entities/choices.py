"""Lists that people choose from: which spellings are understood, and which words Home Assistant shows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

MOST_LISTED = 24
"""A refusal lists no more values than this: it has to be read by people and to fit into a message."""
SEPARATORS = re.compile(r"[\s_-]+")
NOT_A_STATE = frozenset({"none", "unknown", "unavailable"})
"""Words that Home Assistant takes for the absence of a value."""


def friendly(values: Iterable[str]) -> dict[str, str]:
    """Values in lower case with underscores and the words for them: `look_left` is shown as `Look left`."""
    return {value: value.replace("_", " ").strip().capitalize() for value in values}


def spelling(word: str) -> str:
    """What a spelling has in common with others of the same word: no case, no blanks, hyphens and underscores."""
    return SEPARATORS.sub("", word.casefold()) or word.casefold()


class Choices:
    """The values of a list, as topics carry them, each with the word that Home Assistant shows for it.

    Args:
        values: the values; or a mapping of values to words, where the words differ from the values.
    """

    __slots__ = ("_spellings", "words")

    def __init__(self, values: Iterable[str] | Mapping[str, str]) -> None:
        self.words = dict(values) if isinstance(values, Mapping) else {value: value for value in values}
        """Value → word, in the order in which they are listed."""
        self._spellings: dict[str, set[str]] = {}
        for value, word in self.words.items():
            for each in (value, word):
                self._spellings.setdefault(spelling(each), set()).add(value)

    def __iter__(self) -> Any:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and value in self.words

    @property
    def renamed(self) -> dict[str, str]:
        """The values that Home Assistant shows another word for, and those words."""
        return {value: word for value, word in self.words.items() if word != value}

    def find(self, written: object) -> str | None:
        """The value that somebody means; None: there is none, or more than one.

        A value in its own spelling always means itself. Otherwise case, blanks, hyphens and underscores make no
        difference, and the word that Home Assistant shows means its value.
        """
        if not isinstance(written, str):
            return None
        if written in self.words:
            return written
        found = self._spellings.get(spelling(written), set())
        return next(iter(found)) if len(found) == 1 else None

    def problem(self) -> str | None:
        """Why Home Assistant could not show these words as states; None: it can."""
        taken: dict[str, str] = {}
        for value, word in self.words.items():
            if not word or word != word.strip() or not word.isprintable() or len(word) > 255:
                return f"{word!r} cannot be shown (1 to 255 printable characters, no blanks around them)"
            if word.lower() in NOT_A_STATE:
                return f"Home Assistant takes {word!r} for no value; name another word for {value!r}"
            other = taken.setdefault(word, value)
            if other != value:
                return f"{other!r} and {value!r} are both shown as {word!r}"
            if word != value and word in self.words:
                return f"{value!r} is shown as {word!r}, which is another value"
        return None

    def listed(self, written: object = None) -> str:
        """The values for a message to people; of a long list, its beginning and what resembles the written word."""
        values = list(self.words)
        if len(values) <= MOST_LISTED:
            return ", ".join(values)
        near = difflib.get_close_matches(str(written)[:64], values, n=3) if written is not None else []
        rest = [value for value in values[:MOST_LISTED] if value not in near]
        shown = [*near, *rest][:MOST_LISTED]
        return f"{', '.join(shown)} and {len(values) - len(shown)} more"


def shown_template(key: str, words: Mapping[str, str]) -> str:
    """The template with which Home Assistant shows words for the values under a key of the state."""
    return f"{{{{ {literal(words)}.get(value_json.{key}, value_json.{key}) }}}}"


def command_template(words: Mapping[str, str]) -> str:
    """The template with which Home Assistant sends values for the words that it shows."""
    return f"{{{{ {literal({word: value for value, word in words.items()})}.get(value, value) }}}}"


def literal(words: Mapping[str, str]) -> str:
    """A mapping of texts as a Jinja expression, which JSON is too: quotes and backslashes are escaped alike."""
    return msgspec.json.encode(dict(words)).decode()
