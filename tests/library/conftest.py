"""What the tests of the library share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.library.example import Desk
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer


@pytest.fixture
def observer(broker: Mosquitto) -> Iterator[Observer]:
    """Sees everything that passes through the test's broker."""
    with Observer(broker.port) as watching:
        yield watching


@pytest.fixture
def desk() -> Desk:
    """A lamp without a network, on a clock that the test moves, already announced."""
    return Desk()


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    """A daemon sets up the log of its whole process; a test gives it back."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
