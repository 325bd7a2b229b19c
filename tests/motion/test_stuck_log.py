"""A log that nobody reads keeps neither a stop from the wheels nor the bridge from its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.motion.rig import HALT, MOTIONS, START_S, Rig
from tests.support.environment import SMARTCAR, car_environment

REFUSALS = 2000
TOGETHER = 100
SOON_S = 0.25
"""The bench measures the time itself; here a busy machine must not fail."""


@pytest.mark.parametrize("stream", ["pipe", "terminal"])
def test_a_log_that_blocks_blocks_nothing_else(make_rig: Callable[..., Rig], stream: str) -> None:
    rig = make_rig(start=False)
    reading, writing = os.pipe() if stream == "pipe" else os.openpty()
    settings = {
        "MQTT__HOST": rig.broker.host,
        "MQTT__PORT": rig.broker.port,
        "MOTION__DEVICE": rig.device,
        "CAR__STATE_DIRECTORY": rig.folder / "state",
        "LOGGING__DIRECTORY": "",
    }
    mark = rig.client.count
    bridge = subprocess.Popen(
        [SMARTCAR, "run", "motion"],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
        env=car_environment(settings, rig.folder),
    )
    os.close(writing)
    try:
        rig.wait_state(since=mark, link=True, motion="stopped", timeout=START_S)
        for _ in range(REFUSALS // TOGETHER):
            refused = [rig.ask_later("drive", f"nonsense {number} {'x' * 60}") for number in range(TOGETHER)]
            rig.client.answer(refused[-1], timeout=20)
        rig.obeyed("left", 5)
        for entity, payload in (("stop", "PRESS"), ("emergency_stop", "ON")):
            line = rig.mark
            sent = time.monotonic()
            rig.client.post(f"smartcar/car/motion/{entity}/set", payload)
            assert rig.wait_line("STOP", since=line).time - sent < SOON_S
        rig.world.wait_wheels(HALT)
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(5) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            bridge.kill()
        bridge.wait()
        os.close(reading)
    assert not MOTIONS & {rig.lines()[-1].upper()}
