"""The names of what a network can tell apart: from a text file, or from the network's own file."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smartcar_mqtt.config import hint

MOST_CHARACTERS = 1_000_000
"""Longer is no list of labels; the largest in use has 30,000."""
LONGEST_LABEL = 100


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


def read_names(text: str, where: str) -> tuple[str, ...]:
    """The labels of a network's own notes, written as a Python dict or list: `{0: 'person', 1: 'bicycle'}`.

    Raises:
        LabelError: it is something else.
    """
    try:
        names = ast.literal_eval(text) if len(text) <= MOST_CHARACTERS else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        names = None
    if isinstance(names, dict) and sorted(names, key=repr) == sorted(range(len(names)), key=repr):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LabelError(f"{where}: the labels inside the model cannot be read; name a label file")
    return checked(names, where)


def checked(labels: Sequence[str], where: str) -> tuple[str, ...]:
    """The labels, if they can serve as names."""
    if not labels:
        raise LabelError(f"{where}: holds no labels")
    for number, label in enumerate(labels):
        if not label or len(label) > LONGEST_LABEL or not label.isprintable():
            raise LabelError(f"{where}: label {number + 1} must be a name of 1 to {LONGEST_LABEL} characters")
    twice = [label for label, times in Counter(labels).items() if times > 1]
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
    return np.array([not only or label in only for label in labels], np.bool_)
