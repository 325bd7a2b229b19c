"""A flood of commands that are refused: memory is bounded, what is not told one by one is counted, a stop gets through.

FLOOD_MESSAGES=200000 makes it as long as the figure in the README.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from tests.motion.rig import BASE, HALT, Rig

MESSAGES = int(os.environ.get("FLOOD_MESSAGES", "20000"))
PAYLOADS = ("nonsense", '{"direction": "up"}', '{"direction": "left", "duration": -1}', "x" * 200)
MOST_MB = 45
SOON_S = 0.5
"""The bench measures the time itself; here a busy machine must not fail."""


def resident_mb(pid: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


class Flood:
    """Messages as fast as `mosquitto_pub` sends them, or so many a second."""

    def __init__(self, rig: Rig, *, a_second: int | None = None) -> None:
        host, port = rig.broker.host, str(rig.broker.port)
        command = ["mosquitto_pub", "-h", host, "-p", port, "-q", "1", "-t", f"{BASE}/drive/set", "-l"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        self._a_second = a_second

    def send(self, count: int) -> None:
        assert self._process.stdin is not None
        began = time.monotonic()
        for number in range(count):
            self._process.stdin.write(PAYLOADS[number % len(PAYLOADS)] + "\n")
            if self._a_second and number % 10 == 0:
                self._process.stdin.flush()
                time.sleep(max(0.0, began + number / self._a_second - time.monotonic()))
        self._process.stdin.flush()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0


def test_memory_is_bounded_and_what_was_not_told_is_counted(own_rig: Rig) -> None:
    rig = own_rig
    mark = rig.mark
    flood = Flood(rig)
    flood.send(MESSAGES)
    flood.end()
    answer = rig.client.ask(f"{BASE}/stop/set", "PRESS", timeout=60)
    assert answer["status"] == "done"
    assert resident_mb(rig.bridge.pid) <= MOST_MB
    assert rig.motions(mark) == []
    rig.obeyed_soon("left", 0.1)


def test_a_stop_in_the_middle_of_a_flood_is_on_the_line_soon(own_rig: Rig) -> None:
    rig = own_rig
    rig.obeyed("left", 5)
    flood = Flood(rig, a_second=1100)
    flood.send(1100)
    mark = rig.mark
    sent = time.monotonic()
    rig.client.post(f"{BASE}/stop/set", "PRESS")
    flood.send(550)
    assert rig.wait_line("STOP", since=mark).time - sent < SOON_S
    flood.end()
    rig.world.wait_wheels(HALT)
