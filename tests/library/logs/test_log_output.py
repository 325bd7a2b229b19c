"""The log never makes a bridge wait: what cannot be written is left out, counted, and told afterwards."""

from __future__ import annotations

import logging
import threading

import pytest

from smartcar_mqtt.logs.output import QueuedOutput

PATIENCE_S = 5.0


class StuckOutput(logging.Handler):
    """An output that takes nothing until it is released, as a pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.stuck = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.stuck.set()
        assert self.released.wait(PATIENCE_S)
        self.lines.append(self.format(record))


@pytest.fixture
def output() -> StuckOutput:
    return StuckOutput()


@pytest.fixture
def logger(output: StuckOutput) -> logging.Logger:
    """A logger whose lines go there, ten of them at a time."""
    found = logging.getLogger("test.stuck")
    found.setLevel("INFO")
    found.propagate = False
    found.handlers.clear()
    found.addHandler(QueuedOutput([output], most_waiting=10))
    return found


def test_who_logs_does_not_wait_and_what_is_missing_is_told(logger: logging.Logger, output: StuckOutput) -> None:
    logger.info("first")
    assert output.stuck.wait(PATIENCE_S)
    for number in range(100):
        logger.info("line %d", number)  # would wait for ever
    output.released.set()
    queued = logger.handlers[0]
    assert isinstance(queued, QueuedOutput)
    assert queued.written(PATIENCE_S)
    logger.info("after")
    assert queued.end(PATIENCE_S)
    kept = [f"line {number}" for number in range(10)]
    missing = "90 lines of the log are missing here: it was not read or written in time"
    assert output.lines == ["first", missing, *kept, "after"]


def test_the_end_does_not_wait_for_an_output_that_is_stuck(logger: logging.Logger, output: StuckOutput) -> None:
    logger.info("first")
    assert output.stuck.wait(PATIENCE_S)
    queued = logger.handlers[0]
    assert isinstance(queued, QueuedOutput)
    assert not queued.end(0.05)
    output.released.set()


def test_the_end_writes_what_is_waiting(logger: logging.Logger, output: StuckOutput) -> None:
    output.released.set()
    for number in range(5):
        logger.info("line %d", number)
    queued = logger.handlers[0]
    assert isinstance(queued, QueuedOutput)
    assert queued.end(PATIENCE_S)
    assert output.lines == [f"line {number}" for number in range(5)]


def test_a_line_says_what_was_so_when_it_was_logged(logger: logging.Logger, output: StuckOutput) -> None:
    things = ["a"]
    logger.info("first")
    logger.info("things: %s", things)
    things.append("b")
    try:
        {}["why"]
    except KeyError:
        logger.exception("it fails")
    logger.info("%d mistakes", "no")
    output.released.set()
    queued = logger.handlers[0]
    assert isinstance(queued, QueuedOutput)
    assert queued.end(PATIENCE_S)
    assert output.lines[1] == "things: ['a']"
    assert output.lines[2].startswith("it fails\nTraceback")
    assert output.lines[2].endswith("KeyError: 'why'")
    assert output.lines[3] == "%d mistakes ('no',)"
