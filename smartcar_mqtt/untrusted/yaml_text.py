"""YAML of others: the only place of the program where YAML is decoded.

YAML 1.1 gives some texts another meaning than people who write them: `off` is false, `5` is a number, `1:30` is 90,
`010` is 8, `2026-11-27` is a date. Therefore a value without quotation marks is kept as it was written, together with
what YAML makes of it, until it is known which of the two is wanted: `fitted` decides by the type.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from smartcar_mqtt.untrusted.decoding import MOST_BYTES, MOST_LEVELS, DecodingError

MOST_VALUES = 100_000
"""Most values in a file; aliases count as often as they are used."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,24})")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9_]*)(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]{1,4})?")
_TAG = "tag:yaml.org,2002:"
_FIXES = {
    "mapping values are not allowed": "a text with ': ' in it must stand in quotation marks, and keys below each other",
    "expected <block end>": "the keys of a section must be indented alike",
    "could not find expected ':'": "a key is followed by a colon and a blank",
    "expected alphabetic or numeric character": "a text that begins with & or * must stand in quotation marks",
    "found undefined alias": "a text that begins with * must stand in quotation marks",
    "found unexpected end of stream": "a quotation mark or a bracket is not closed",
}
"""What a decoder's words mean for those who write a configuration."""


class Plain(msgspec.Struct, frozen=True):
    """A value that stands without quotation marks and is no text to YAML."""

    text: str
    """As it was written."""
    value: Any
    """What it stands for; the text where that may well not be what was meant."""

    def __repr__(self) -> str:
        return self.text


class _Loader(_BASE):  # type: ignore[misc]
    """YAML's safe loader, with `Plain` values, texts as keys, and an error for a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; raises ConstructorError for a key that is there already or is no single value."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a single word", key.start_mark)
            if key.value in seen and key.tag != f"{_TAG}merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} stands here a second time", key.start_mark
                )
            seen.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def construct_map(self, node: yaml.MappingNode) -> Any:
        """A mapping that aliases inside of it may already refer to."""
        found: dict[Any, Any] = {}
        yield found
        found.update(self.construct_mapping(node))

    def construct_plain(self, node: yaml.ScalarNode) -> Plain:
        """What stands without quotation marks."""
        return Plain(node.value, meaning(node.value, node.tag.removeprefix(_TAG)))

    def refuse_tag(self, node: yaml.Node) -> Any:
        """Tags such as `!!binary` have no use here."""
        raise yaml.constructor.ConstructorError(
            None, None, f"the tag {node.tag.replace(_TAG, '!!')} is not known here; leave it out", node.start_mark
        )


for _kind in ("int", "float", "bool", "null", "timestamp"):
    _Loader.add_constructor(_TAG + _kind, _Loader.construct_plain)
for _kind in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(_TAG + _kind, _Loader.refuse_tag)
_Loader.add_constructor(_TAG + "map", _Loader.construct_map)
_Loader.add_constructor(None, _Loader.refuse_tag)
# 1e3 is a number to everybody but YAML 1.1.
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(rf"(?:{_FLOAT.pattern})\Z"), list("-+.0123456789"))


def meaning(text: str, kind: str) -> Any:
    """What a value without quotation marks stands for, where that is beyond doubt; else its text.

    In doubt are whole numbers with a leading zero (octal), numbers with colons (base 60), and dates.
    """
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in {"yes", "true", "on"}
    if kind == "int" and _DECIMAL.fullmatch(text):
        return int(text.replace("_", ""))
    if kind == "int" and _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if kind == "float" and _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if kind == "float" and text.lower().endswith((".inf", ".nan")):
        return float(text.replace(".", ""))
    return text


def read_yaml(path: Path) -> Any:
    """Read a YAML file, with `Plain` values in it.

    Raises:
        DecodingError: it cannot be read, or is not YAML of the kind that is used here; with the line and the mend.
    """
    try:
        with path.open("rb") as file:
            return decode_yaml(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise DecodingError(f"cannot be read: {error.strerror or error}") from None


def decode_yaml(data: bytes | str) -> Any:
    """Decode YAML that somebody else has written, with `Plain` values in it.

    Raises:
        DecodingError: as `read_yaml`.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise DecodingError("cannot be read: not UTF-8 text") from None
    if len(data) > MOST_BYTES:
        raise DecodingError(f"longer than {MOST_BYTES:,} bytes")
    try:
        check_levels(text)
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise DecodingError(explain(error, text)) from None
    except (RecursionError, MemoryError):
        raise DecodingError(f"nested more than {MOST_LEVELS} levels deep") from None
    except DecodingError:
        raise
    except ValueError as error:
        raise DecodingError(f"not valid YAML: {str(error)[:200]}") from None
    check_count(found)
    return found


def check_levels(text: str) -> None:
    """Raise DecodingError for what is nested too deeply, before anything is built of it."""
    level = 0
    for event in yaml.parse(text, Loader=_BASE):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            line = event.start_mark.line + 1 if event.start_mark else "?"
            raise DecodingError(f"line {line}: nested more than {MOST_LEVELS} levels deep")


def check_count(value: Any) -> None:
    """Raise DecodingError where aliases make more of a text than a file should hold, or an endless loop."""
    waiting, count = [(value, 1)], 0
    while waiting:
        found, level = waiting.pop()
        count += 1
        if count > MOST_VALUES or level > MOST_LEVELS:
            raise DecodingError("its aliases (*) unfold to too much; write the values out")
        if isinstance(found, dict | list):
            waiting += [(each, level + 1) for each in (found.values() if isinstance(found, dict) else found)]


def explain(error: yaml.YAMLError, text: str) -> str:
    """A decoder's error as line, reason and mend; what stands in the line is not repeated, it may be a secret."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if isinstance(error, yaml.reader.ReaderError):
        where = f"line {text.count(chr(10), 0, error.position) + 1}: "
    else:
        where = f"line {mark.line + 1}: " if mark else ""
    lines = text.split("\n")
    around = lines[mark.line][: mark.column + 1] if mark and mark.line < len(lines) else ""
    if around.endswith("\t") or ("token" in problem and "\t" in around):
        return f"{where}not valid YAML: a tab; indent with blanks"
    if "cannot start any token" in problem:
        fix = f"a text that begins with {around[-1:]} must stand in quotation marks"
    else:
        fix = next((fix for words, fix in _FIXES.items() if words in problem), "")
    return f"{where}not valid YAML: {problem}" + (f" ({fix})" if fix else "")


def fitted(raw: Any, kind: Any = Any) -> Any:
    """A decoded text with each `Plain` value as what the type wants there: a text as it was written, or its meaning.

    Args:
        raw: what `read_yaml` gives.
        kind: a type as msgspec knows it; what does not fit it is left for msgspec to refuse.
    """
    if isinstance(raw, Plain):
        if not wants_text(kind):
            return raw.value
        return "" if raw.value is None else raw.text
    if isinstance(raw, dict):
        return {key: fitted(value, type_below(kind, key)) for key, value in raw.items()}
    if isinstance(raw, list):
        return [fitted(value, type_below(kind, number)) for number, value in enumerate(raw)]
    return raw


def wants_text(kind: Any) -> bool:
    """Whether a value of this type can be a text."""
    for one in alternatives(kind):
        words = typing.get_origin(one) is Literal and all(isinstance(each, str) for each in typing.get_args(one))
        if one is str or words:
            return True
    return False


def alternatives(kind: Any) -> list[Any]:
    """The types of a union, without their annotations; one where it is none."""
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return [inner for one in typing.get_args(kind) for inner in alternatives(one)]
    return [kind]


def type_below(kind: Any, step: str | int) -> Any:
    """The type of what stands in a container of some type, under a key or at a place."""
    for one in alternatives(kind):
        origin, inner = typing.get_origin(one), typing.get_args(one)
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            for field in msgspec.structs.fields(one):
                if step in {field.name, field.encode_name}:
                    return field.type
        elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(step, str) and len(inner) == 2:
            return inner[1]
        elif origin is tuple and isinstance(step, int) and inner and Ellipsis not in inner:
            return inner[min(step, len(inner) - 1)]
        elif origin in {list, tuple, set, frozenset} and isinstance(step, int) and inner:
            return inner[0]
    return Any
