"""What the LED ring costs: processor while it moves and while it stands still, and memory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from bridges.led.strip.ws2812 import encoded_size
from tests.benchmarks.cost import cpu_seconds, resident_mb
from tests.benchmarks.rig import CAR, BenchError, Effort, Rig, bridge_command, now
from tests.benchmarks.table import Result, Rule

BASE = f"smartcar/{CAR}/led"
PIXELS = 16
SPI = Path(__file__).parent / "spi"


class Used(NamedTuple):
    """What a stretch of time has cost."""

    percent: float
    """Of one core."""
    frames_per_second: float


def ring(effort: Effort) -> list[Result]:
    """The LED bridge with a comet on 16 pixels, and with one colour."""
    seconds = effort.choose(30, 3)
    with Rig() as rig:
        frames = rig.folder / "spi"
        environment = {
            **rig.environment(LED__PIXELS=PIXELS),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(SPI), os.environ.get("PYTHONPATH")))),
            "BENCH_SPI": str(frames),
        }
        rig.client.subscribe(f"{BASE}/availability", f"{BASE}/ring/state", loop=rig.loop)
        program = rig._start("led", [*bridge_command()[:-1], "led"], environment)
        rig._await_ready(program, f"{BASE}/availability")
        moving = measure(rig, program.pid, frames, seconds, "comet", effort)
        still = measure(rig, program.pid, frames, seconds, "solid", effort)
        resident = resident_mb(program.pid)
    what = f"LED bridge, {PIXELS} pixels"
    return [
        Result(
            benchmark="ring",
            what=f"{what}, comet: processor, of one core; bare: one colour that stands still",
            unit="%",
            ours=moving.percent,
            bare=still.percent,
            rule=Rule.AT_MOST,
            limit=2,
        ),
        Result(
            benchmark="ring",
            what=f"{what}, comet: frames written",
            unit="Hz",
            ours=moving.frames_per_second,
            rule=Rule.AT_LEAST,
            limit=55,
        ),
        Result(
            benchmark="ring",
            what=f"{what}, one colour: frames written",
            unit="Hz",
            ours=still.frames_per_second,
            rule=Rule.AT_MOST,
            limit=0,
        ),
        Result(benchmark="ring", what=f"{what}: memory (VmRSS)", unit="MB", ours=resident),
    ]


def measure(rig: Rig, pid: int, frames: Path, seconds: int, effect: str, effort: Effort) -> Used:
    """Show an effect for so long; what it has cost."""
    command = {"state": "ON", "effect": effect, "color": {"r": 0, "g": 120, "b": 255}, "transition": 0}
    rig.client.publish(f"{BASE}/ring/set", json.dumps(command).encode())
    rig.loop.until(
        lambda: f'"effect":"{effect}"'.encode() in rig.client.messages.get(f"{BASE}/ring/state", b""),
        what=f"a ring that shows {effect}",
    )
    rig.loop.pause(effort.choose(4, 3))  # picture and memory are written, once
    began, before, written = now(), cpu_seconds(pid), frames.stat().st_size
    for second in range(seconds):
        rig.loop.pause(1)
        effort.tell(f"{effect}: {second + 1} of {seconds} s")
    passed = now() - began
    size = frames.stat().st_size - written
    if size % encoded_size(PIXELS):
        raise BenchError(f"{size} bytes are no whole frames")
    return Used(100 * (cpu_seconds(pid) - before) / passed, size / encoded_size(PIXELS) / passed)
