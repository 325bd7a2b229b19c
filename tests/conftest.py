"""Fixtures for every kind of test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mosquitto import Mosquitto


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A Mosquitto of its own for one test."""
    with Mosquitto() as mosquitto:
        yield mosquitto
