"""The LED bridge as systemd runs it: how it comes, and in what state each kind of end leaves the ring."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.led.bus import FakeBus
from tests.led.rig import LedRig

UNIT = Path(__file__).parents[2] / "deploy/systemd/smartcar-led.service"
DARK = [(0, 0, 0)] * 16
GREEN = {"r": 0, "g": 255, "b": 0}


@pytest.fixture
def make_rig(tmp_path: Path, bus: FakeBus) -> Iterator[Callable[..., LedRig]]:
    """Makes broker and bridge; ended with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(LedRig(tmp_path, bus, **settings))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_of_an_effect_leaves_the_ring_dark(
    make_rig: Callable[..., LedRig], bus: FakeBus, number: signal.Signals
) -> None:
    rig = make_rig()
    rig.light(effect="comet", color=GREEN, transition=0)
    rig.wait_frames(10)
    assert bus.newest != DARK
    rig.bridge.signal(number)
    assert rig.bridge.stop() == 0
    assert bus.newest == DARK
    assert rig.observer.wait("smartcar/car/led/availability", lambda seen: seen.payload == b"offline")


def test_a_failure_of_the_bridge_leaves_the_ring_dark(make_rig: Callable[..., LedRig], bus: FakeBus) -> None:
    rig = make_rig()
    rig.light(effect="solid", color=GREEN, transition=0)
    bus.fail_once()
    rig.observer.send("smartcar/car/led/ring/set", '{"state": "ON", "effect": "comet"}')
    rig.output.wait("the led bridge fails")
    assert rig.bridge.stop() == 1
    assert bus.newest == DARK


def test_after_a_kill_the_unit_leaves_the_ring_dark(make_rig: Callable[..., LedRig], bus: FakeBus) -> None:
    rig = make_rig()
    rig.light(effect="solid", color=GREEN, transition=0)
    rig.bridge.kill()
    assert bus.newest == [(0, 255, 0)] * 16
    found = re.search(r"^ExecStopPost=\S*/smartcar (.+)$", UNIT.read_text(), re.MULTILINE)
    assert found
    done = rig.command(*found[1].split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert bus.newest == DARK


def test_both_ends_leave_the_farewell(make_rig: Callable[..., LedRig], bus: FakeBus) -> None:
    rig = make_rig(LED__FAREWELL="#0a0b0c")
    rig.light(effect="solid", color=GREEN, transition=0)
    rig.bridge.stop()
    assert bus.newest == [(10, 11, 12)] * 16
    mark = bus.count
    assert rig.command("led", "off").returncode == 0
    assert bus.frames[mark:] == [[(10, 11, 12)] * 16]


def test_a_missing_ring_keeps_the_bridge_alive_and_the_command_says_why(
    make_rig: Callable[..., LedRig], bus: FakeBus
) -> None:
    bus.unplug()
    rig = make_rig()
    state = rig.state(link=False)
    assert "dtparam=spi=on" in state["attributes"]["link"]["reason"]
    assert rig.bridge.running
    done = rig.command("led", "off")
    assert done.returncode == 1
    assert done.stderr == f"smartcar: {state['attributes']['link']['reason']}\n"
    assert rig.bridge.stop() == 0


def test_an_animation_is_not_held_up_by_commands(make_rig: Callable[..., LedRig], bus: FakeBus) -> None:
    """Commands, pictures and messages arrive on other threads; each frame is whole all the same."""
    rig = make_rig(LED__PICTURE="still")
    for level in range(60):
        rig.observer.send(
            "smartcar/car/led/ring/set",
            f'{{"state": "ON", "effect": "solid", "color": {{"r": {level}, "g": {level}, "b": {level}}}}}',
        )
    rig.observer.wait("smartcar/car/led/ring/state", lambda seen: seen.json["color"] == {"r": 59, "g": 59, "b": 59})
    rig.bridge.stop()
    assert all(len(frame) == 16 for frame in bus.frames)
    assert bus.newest == DARK
