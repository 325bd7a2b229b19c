"""Fixtures and hooks for every kind of test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["broker", "pytest_make_collect_report", "pytest_runtest_makereport"]


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A Mosquitto of its own for one test."""
    with Mosquitto() as mosquitto:
        yield mosquitto
