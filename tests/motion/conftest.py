"""Fixtures of the motion bridge's tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.motion.bench import Bench
from tests.motion.rig import HALT, Rig


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Makes the bridge's process with broker, serial line and twin; ended with the test."""
    with contextlib.ExitStack() as stack:

        def make(**options: object) -> Rig:
            return stack.enter_context(Rig(tmp_path, **options))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def own_rig(make_rig: Callable[..., Rig]) -> Rig:
    """One for a test that breaks it."""
    return make_rig()


@pytest.fixture(scope="module")
def lasting_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all tests of a file that leave it whole."""
    with Rig(tmp_path_factory.mktemp("motion")) as rig:
        yield rig


@pytest.fixture
def rig(lasting_rig: Rig) -> Rig:
    """That one, the car at its start and standing: seed firmware, a room of two by three metres."""
    rig = lasting_rig
    if rig.state["emergency_stop"]:
        rig.ask("emergency_stop", "OFF")
    if rig.state["motion"] != "stopped" or rig.world.wheels != HALT:
        rig.ask("stop")
    rig.change(lambda world: world.reset())
    rig.settle(motion="stopped", link=True, emergency_stop=False, warning_zone=False)
    return rig


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The chassis on a hand-moved clock, its serial line a list."""
    return Bench(monkeypatch)
