"""The file `.env`: read exactly as systemd reads its `EnvironmentFile=`, since the units name the same file.

The grammar, by systemd.exec(5) and systemd's own reader:

- Empty lines, and lines that begin with `#` or `;`, are comments. A `#` further on is part of the value.
- `NAME=value`; blanks around the name and around the value do not count.
- `'...'`: as it stands, over several lines too. `"..."`: the same, but a backslash before `"`, a backslash, a
  backquote or `$` makes it an ordinary character. Quotation marks count only where a value or a further part of it
  begins: `a"b"` keeps its own.
- Elsewhere a backslash makes the next character an ordinary one, and joins lines at the end of one.
- Nothing is expanded: `$HOME` is five characters.

Two things are read although systemd leaves them out with a warning: a byte order mark, and the word `export`.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BLANKS, _ENDS = " \t\n\r", "\n\r"


class Dotenv(NamedTuple):
    """What the file says. No sentence repeats a value or what may be one."""

    values: dict[str, str]
    dropped: list[str]
    """Lines that say nothing: number and reason."""
    doubtful: list[str]
    """Lines that may say something else than was meant: number and reason."""


class _State(enum.Enum):
    """Where the reader is; the names are those of systemd's `parse_env_file_internal`."""

    PRE_KEY = enum.auto()
    KEY = enum.auto()
    PRE_VALUE = enum.auto()
    VALUE = enum.auto()
    VALUE_ESCAPE = enum.auto()
    SINGLE_QUOTE = enum.auto()
    DOUBLE_QUOTE = enum.auto()
    DOUBLE_QUOTE_ESCAPE = enum.auto()
    COMMENT = enum.auto()


class _Reader:
    """Reads one text, character by character."""

    def __init__(self) -> None:
        self.found = Dotenv({}, [], [])
        self._state = _State.PRE_KEY
        self._line = 1
        self._began = 1
        """Line of the present key."""
        self._key = ""
        self._value = ""
        self._solid = 0
        """How much of the value stays when blanks at its end are cut off."""
        self._bare = True
        """Whether no quotation mark was opened in this value."""

    def read(self, text: str) -> Dotenv:
        """The whole text."""
        for number, character in enumerate(text):
            self._take(character)
            if character == "\n" or (character == "\r" and text[number + 1 : number + 2] != "\n"):
                self._line += 1
        if self._state in {_State.SINGLE_QUOTE, _State.DOUBLE_QUOTE, _State.DOUBLE_QUOTE_ESCAPE}:
            self.found.doubtful.append(f"line {self._began}: the quotation mark is not closed: the value has no end")
        if self._state is _State.KEY:
            self._drop()
        elif self._state not in {_State.PRE_KEY, _State.COMMENT}:
            self._store()
        return self.found

    def _take(self, character: str) -> None:  # noqa: PLR0912 - one case for each arrow of the state machine
        match self._state:
            case _State.PRE_KEY if character in "#;":
                self._state = _State.COMMENT
            case _State.PRE_KEY if character not in _BLANKS:
                self._state, self._key, self._value = _State.KEY, character, ""
                self._solid, self._bare, self._began = 0, True, self._line
                if character == "=":
                    self._key, self._state = "", _State.PRE_VALUE
            case _State.COMMENT if character in _ENDS:
                self._state = _State.PRE_KEY
            case _State.KEY if character in _ENDS:
                self._drop()
                self._state = _State.PRE_KEY
            case _State.KEY if character == "=":
                self._state = _State.PRE_VALUE
            case _State.KEY:
                self._key += character
            case _State.PRE_VALUE | _State.VALUE if character in _ENDS:
                self._store()
                self._state = _State.PRE_KEY
            case _State.PRE_VALUE:
                self._begin_value(character)
            case _State.VALUE if character == "\\":
                self._solid, self._state = len(self._value), _State.VALUE_ESCAPE
            case _State.VALUE:
                self._append(character, solid=character not in _BLANKS)
            case _State.VALUE_ESCAPE:
                self._state = _State.VALUE
                self._solid = len(self._value)
                if character not in _ENDS:
                    self._append(character)
            case _State.SINGLE_QUOTE if character == "'":
                self._state = _State.PRE_VALUE
            case _State.DOUBLE_QUOTE if character == '"':
                self._state = _State.PRE_VALUE
            case _State.DOUBLE_QUOTE if character == "\\":
                self._state = _State.DOUBLE_QUOTE_ESCAPE
            case _State.SINGLE_QUOTE | _State.DOUBLE_QUOTE:
                self._append(character)
            case _State.DOUBLE_QUOTE_ESCAPE:
                self._state = _State.DOUBLE_QUOTE
                if character in '"\\`$':
                    self._append(character)
                elif character != "\n":
                    self._append("\\" + character)

    def _begin_value(self, character: str) -> None:
        """The first character of a value, or of what follows a closed quotation mark."""
        if character in "'\"":
            self._state = _State.SINGLE_QUOTE if character == "'" else _State.DOUBLE_QUOTE
            self._bare = False
        elif character == "\\":
            self._state = _State.VALUE_ESCAPE
        elif character not in _BLANKS:
            if character == "#" and not self._bare:
                self._doubt()
            self._state = _State.VALUE
            self._append(character)

    def _append(self, text: str, *, solid: bool = True) -> None:
        self._value += text
        if solid:
            self._solid = len(self._value)

    def _store(self) -> None:
        value = self._value[: self._solid]
        name = self._key.strip(_BLANKS)
        exported = re.fullmatch(r"export[ \t]+(.*)", name)
        if exported and NAME.fullmatch(exported[1]):
            name = exported[1]
            self.found.doubtful.append(f"line {self._began}: systemd leaves out lines with 'export'; write NAME=value")
        if not NAME.fullmatch(name) or "\0" in value:
            self._drop()
            return
        if self._bare and re.search(r"[ \t]#", value):
            self._doubt()
        self.found.values[name] = value

    def _doubt(self) -> None:
        self.found.doubtful.append(
            f"line {self._began}: a # after a value is part of it; put comments on lines of their own, "
            "and a value with # into quotation marks"
        )

    def _drop(self) -> None:
        self.found.dropped.append(f"line {self._began}: is left out: it is not NAME=value")


def parse(text: str) -> Dotenv:
    """Read the text of a file `.env`."""
    return _Reader().read(text.removeprefix("\ufeff"))
