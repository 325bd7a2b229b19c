"""What is wrong with a value of the configuration, in a sentence with key, value and what is allowed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from smartcar_mqtt.untrusted.addresses import mask_address, mask_secrets
from smartcar_mqtt.untrusted.visible import has_hidden
from smartcar_mqtt.untrusted.yaml_text import Plain, alternatives, type_below

MOST_SHOWN = 80
"""Characters of a wrong value that are shown."""


def explain(message: str, raw: object, kind: type[msgspec.Struct], source: str, name: str) -> str:
    """The message of msgspec as: file, key, value, what is allowed.

    Args:
        message: what msgspec says.
        raw: the section as it was written, perhaps with `Plain` values.
        kind: its structure.
        source: where it stands.
        name: what it is called.
    """
    text, _, where = message.partition(" - at `$")
    path = re.findall(r"\.?([^.`\[\]]+)", where)
    structure: Any = kind
    value: Any = raw
    for step in path:
        value = below(value, step)
        structure = type_below(structure, int(step) if step.isdigit() else step)
    key = ".".join([name, *path])
    unknown = re.search(r"unknown field `(.*)`", text, re.DOTALL)
    if unknown:
        return f"{source}: {key}.{unknown[1]}: unknown key{hint(unknown[1], known_keys(structure))}"
    if not text.startswith(("Expected", "Invalid", "Object")):
        # A section's own check, in words already; it may begin with the field that it is about.
        field, colon, reason = text.partition(": ")
        if colon and field in known_keys(structure):
            key, text = f"{key}.{field}", reason
        return f"{source}: {key}: {mask_secrets(text)}"
    allowed = describe(structure)
    doubtful = value.value if isinstance(value, Plain) else value
    if isinstance(doubtful, str) and re.fullmatch(r"[-+]?(0\d|\d+[:-])[\d:._-]*", doubtful) and "number" in allowed:
        allowed += ", in decimal, without a leading zero"  # 010, 1:30, dates
    return f"{source}: {key}: {shown(value)} is not allowed (expected: {allowed})"


def shown(value: object) -> str:
    """A wrong value as it may be shown: short, on one line, and without secrets."""
    if isinstance(value, dict | list | tuple):
        return "a list" if isinstance(value, list | tuple) else "what stands below it"
    masked = mask_address(value) if isinstance(value, str) else str(value) if isinstance(value, Plain) else value
    text = repr(masked) if not isinstance(value, Plain) else str(masked)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def below(value: object, step: str) -> object:
    """What stands in a container under a key or at a place; the container itself where msgspec does not say which."""
    if isinstance(value, dict):
        return value.get(step, value)
    if isinstance(value, list | tuple) and step.isdigit() and int(step) < len(value):
        found: object = value[int(step)]
        return found
    return value


def known_keys(kind: Any) -> list[str]:
    """The keys that a section may have."""
    return [key for one in alternatives(kind) for key in getattr(one, "__struct_fields__", ())]


def problem_of(section: msgspec.Struct) -> str | None:
    """What is wrong with values that their types allow: `key: reason`; None where nothing is.

    No setting is infinite, and a control character in a text would go on to terminals, topics and names.
    """
    for name in section.__struct_fields__:
        waiting = [getattr(section, name)]
        while waiting:
            value = waiting.pop()
            if isinstance(value, msgspec.Struct):
                inner = problem_of(value)
                if inner:
                    return f"{name}.{inner}"
            elif isinstance(value, float) and not math.isfinite(value):
                return f"{name}: {value} is not allowed (expected: a finite number)"
            elif isinstance(value, str) and name != "password" and has_hidden(value):
                return f"{name}: {shown(value)} is not allowed: it holds a control character"
            elif isinstance(value, dict):
                waiting += [*value, *value.values()]
            elif isinstance(value, list | tuple | set | frozenset):
                waiting += value
    return None


def describe(kind: Any) -> str:
    """A field's type and range, in words."""
    import msgspec.inspect  # noqa: PLC0415 - only an error needs it

    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    if isinstance(info, msgspec.inspect.BoolType):
        return "true or false"
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        word = "a whole number" if isinstance(info, msgspec.inspect.IntType) else "a number"
        bounds = [
            f"{sign} {bound:g}"
            for sign, bound in (
                ("from", info.ge),
                ("above", info.gt),
                ("to" if info.ge is not None or info.gt is not None else "at most", info.le),
                ("below", info.lt),
            )
            if bound is not None
        ]
        return " ".join([word, *bounds])
    if isinstance(info, msgspec.inspect.StrType):
        if info.pattern:
            return f"a text of the form {info.pattern.replace(chr(92) + 'Z', '$')}"
        lengths = [
            f"{word} {length}"
            for word, length in (("at least", info.min_length), ("at most", info.max_length))
            if length is not None
        ]
        return f"a text of {' and '.join(lengths)} characters" if lengths else "a text"
    sequences = msgspec.inspect.ListType | msgspec.inspect.VarTupleType | msgspec.inspect.TupleType
    return "a list" if isinstance(info, sequences) else "keys with values"


def hint(word: str, known: Iterable[str]) -> str:
    """What may have been meant, and what is known."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})"
