"""The names of a network's classes: from a text file, or from the metadata of the model."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from smartcar_mqtt.config import hint

MOST_CHARACTERS = 1_000_000
"""Longest text that is read; the largest list in use has 30,000 characters."""
LONGEST_LABEL = 100
MOST_LABELS = 25_000
"""The largest sets of detection in use have 1,203 (LVIS) and 9,600 classes."""
LONGEST_NUMBER = 6
"""Digits of a label's number."""
NOTHING = "N/A"
"""Label of an unused class number, as 12 is in COCO; it may occur several times."""
NOTES = ("names", "class_names", "classes", "labels", "id2label")
"""Keys of the metadata under which exporters store labels, the usual one first."""
TOKEN = re.compile(r"""\s*(?:([][(){},:]|-?[0-9]+|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))?\s*""")
"""One token of what Python writes for a flat list or dict, with the blanks around it."""


class LabelError(ValueError):
    """Labels cannot be read, or there is no such label."""


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels of a text file, one in each line.

    Raises:
        LabelError: it cannot be read, has an empty line between others, or a label twice.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise LabelError(f"{path}: the label file cannot be read: {reason}") from None
    if len(text) > MOST_CHARACTERS:
        raise LabelError(f"{path}: too long for a label file; it must hold one label in each line")
    return checked([line.strip() for line in text.rstrip().splitlines()], str(path))


def names_note(notes: Mapping[str, str]) -> str | None:
    """The labels in a model's metadata, as text; None: there are none."""
    return next((notes[key] for key in NOTES if key in notes), None)


def read_names(text: str, where: str) -> tuple[str, ...]:
    """Read labels of a model's metadata: a list, or an object from numbers to labels, as JSON or as a Python literal.

    `{0: 'person', 1: 'bicycle'}`, `{"0": "person"}`, `["person"]`. Numbers that are left out are unused classes.
    Nested values are refused without being parsed, so the depth of a hostile text does not matter.

    Raises:
        LabelError: it is something else.
    """
    entries: object = None
    if len(text) <= MOST_CHARACTERS:
        try:
            entries = msgspec.json.decode(text, type=dict[str, str] | list[str])  # nested values are refused
        except ValueError:
            entries = read_literal(text)
    if isinstance(entries, dict):
        entries = in_order(entries)
    if not isinstance(entries, list) or not all(isinstance(name, str) for name in entries):
        raise LabelError(f"{where}: the labels inside the model cannot be read; name a label file")
    return checked([name.strip() for name in entries], where)


def in_order(entries: Mapping[object, object]) -> list[object] | None:
    """The values of an object by their numbers; None where the keys are no numbers, or some are far too large."""
    numbered: dict[int, object] = {}
    for key, value in entries.items():
        if isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) <= LONGEST_NUMBER:
            key = int(key)  # noqa: PLW2901 - as JSON writes numbers that are keys
        if not isinstance(key, int) or isinstance(key, bool) or not 0 <= key < MOST_LABELS or key in numbered:
            return None
        numbered[key] = value
    return [numbered.get(number, NOTHING) for number in range(max(numbered, default=-1) + 1)]


def read_literal(text: str) -> object:
    """Read a flat Python literal: list, tuple or dict of strings and numbers; None: it is something else.

    Read token by token: Python's own parser recurses, and deeply nested text can crash the process.
    """
    tokens: list[str] = []
    place = 0
    while (found := TOKEN.match(text, place)) is not None and found.end() > place:
        place = found.end()
        if found[1] is not None:
            tokens.append(found[1])
    if place != len(text) or len(tokens) < 2 or tokens[0] + tokens[-1] not in {"[]", "()", "{}"}:
        return None
    is_dict, inner = tokens[0] == "{", tokens[1:-1]
    if inner and inner[-1] == ",":
        inner.pop()
    if not inner:
        return {} if is_dict else []
    step = 4 if is_dict else 2
    keys: list[object] = []
    values: list[object] = []
    for begin in range(0, len(inner) + 1, step):
        item = inner[begin : begin + step]
        marks = item[1::2]
        if marks != ([":", ","] if is_dict else [","])[: len(marks)] or len(item) < step - 1:
            return None
        try:
            read = [ast.literal_eval(each) for each in item[::2]]
        except (ValueError, SyntaxError, MemoryError):
            return None  # a number with leading zeros, an escape that is none
        keys.append(read[0])
        values.append(read[-1])
    return dict(zip(keys, values, strict=True)) if is_dict else values


def checked(labels: Sequence[str], where: str) -> tuple[str, ...]:
    """The labels, if all of them are valid."""
    if not labels:
        raise LabelError(f"{where}: holds no labels")
    if len(labels) > MOST_LABELS:
        raise LabelError(f"{where}: holds {len(labels)} labels; a detector has at most {MOST_LABELS}")
    for number, label in enumerate(labels):
        if not label or len(label) > LONGEST_LABEL or not label.isprintable():
            raise LabelError(f"{where}: label {number + 1} must be a name of 1 to {LONGEST_LABEL} characters")
    twice = [label for label, times in Counter(labels).items() if times > 1 and label.upper() != NOTHING]
    if twice:
        raise LabelError(f"{where}: the label {twice[0]!r} stands there twice")
    return tuple(labels)


def wanted_labels(labels: Sequence[str], only: Collection[str]) -> NDArray[np.bool_]:
    """For each label, whether it is asked for; with nothing asked for in particular, all are.

    Raises:
        LabelError: one that is asked for does not exist.
    """
    for name in only:
        if name not in labels:
            raise LabelError(f"{name!r} is not a label of this model{hint(name, labels)}")
    return np.array([(not only or label in only) and label.upper() != NOTHING for label in labels], np.bool_)
