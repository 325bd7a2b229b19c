"""Fixtures of the display bridge's tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.display.desk import Desk


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes the bridge with a panel of its own; all of them are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(folder: Path = tmp_path, **options: object) -> Desk:
            desk = Desk(folder, **options)  # type: ignore[arg-type]
            stack.callback(desk.close)
            return desk

        yield make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """The bridge with its panel, at rest."""
    return make_desk()
