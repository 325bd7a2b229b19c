"""What the face costs: one changed frame, the processor while it stands still and while it lives, and memory."""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bridges.display.face.expressions import EXPRESSIONS, between
from bridges.display.panel.framebuffer import Framebuffer
from bridges.display.portrait import compose
from bridges.display.text.caption import Caption
from tests.benchmarks.cost import cpu_seconds, resident_mb
from tests.benchmarks.rig import CAR, READY_S, BenchError, Effort, Rig, now
from tests.benchmarks.table import Result, Rule
from tests.display.panel.panel_file import PanelFile

BASE = f"smartcar/{CAR}/display"
WIDTH, HEIGHT = 480, 320
UNTOUCHED = 0x5A
"""Painted over the panel behind the bridge's back: what is something else afterwards has been written."""


def face(effort: Effort) -> list[Result]:
    """The face on a panel of 480 by 320 pixels of 16 bits, which is a file."""
    changed = changed_frames(effort)
    with Rig() as rig:
        file = PanelFile(rig.folder, WIDTH, HEIGHT)
        file.plug_in()
        rig.client.subscribe(f"{BASE}/availability", f"{BASE}/state", loop=rig.loop)
        command = [sys.executable, "-m", "tests.display.on_a_file", str(file.sysfs)]
        program = rig._start("display", command, environment(rig, file))
        rig._await_ready(program, f"{BASE}/availability")
        still = measure(rig, program.pid, file, "sleep", effort)
        living = measure(rig, program.pid, file, "base", effort)
        resident = resident_mb(program.pid)
    what = f"display bridge, {WIDTH}x{HEIGHT}"
    return [
        Result(
            benchmark="face",
            what="a changed frame: drawn, converted, written; median",
            unit="ms",
            ours=statistics.median(changed),
            rule=Rule.AT_MOST,
            limit=1.2,
            samples=len(changed),
        ),
        Result(
            benchmark="face",
            what=f"{what}, an unchanged face: processor, of one core",
            unit="%",
            ours=still.percent,
            rule=Rule.AT_MOST,
            limit=0.5,
        ),
        Result(
            benchmark="face",
            what=f"{what}, an unchanged face: written to the panel",
            unit="bytes",
            ours=still.written,
            rule=Rule.AT_MOST,
            limit=0,
        ),
        Result(
            benchmark="face",
            what=f"{what}, a face that blinks and looks about: processor",
            unit="%",
            ours=living.percent,
        ),
        Result(benchmark="face", what=f"{what}: memory (VmRSS)", unit="MB", ours=resident),
    ]


def changed_frames(effort: Effort) -> list[float]:
    """Milliseconds for each frame of transitions between all expressions."""
    steps = 15
    took: list[float] = []
    with tempfile.TemporaryDirectory(prefix="smartcar-bench-") as folder:
        file = PanelFile(Path(folder), WIDTH, HEIGHT)
        file.plug_in()
        panel = Framebuffer(file.device, sysfs=file.sysfs)
        panel.open()
        no_caption = Caption("", WIDTH, HEIGHT)
        for number in range(effort.choose(10, 1)):
            for before, after in itertools.pairwise(EXPRESSIONS.values()):
                for step in range(steps):
                    pose = between(before, after, (step + 0.5) / steps)
                    began = now()
                    written = panel.show(compose(pose, no_caption, 0.0, "dark"))
                    took.append((now() - began) * 1000)
                    if not written:
                        raise BenchError("a frame that has changed was not written")
            effort.tell(f"{len(took)} frames ({number + 1})")
        panel.close()
    return took


class Used(NamedTuple):
    """What a stretch of time has cost."""

    percent: float
    """Of one core."""
    written: int
    """Bytes of the panel that have been written."""


def measure(rig: Rig, pid: int, file: PanelFile, expression: str, effort: Effort) -> Used:
    """Show an expression for a while; what that has cost."""
    seconds = effort.choose(30, 3)
    rig.client.publish(f"{BASE}/expression/set", expression.encode())
    rig.loop.until(
        lambda: f'"expression":"{expression}"'.encode() in rig.client.messages.get(f"{BASE}/state", b""),
        READY_S,
        what=f"a face that shows {expression}",
    )
    rig.loop.pause(effort.choose(4, 3))  # the transition, and the picture for Home Assistant
    with file.device.open("r+b") as panel:
        panel.write(bytes([UNTOUCHED]) * (WIDTH * HEIGHT * 2))
    began, before = now(), cpu_seconds(pid)
    for second in range(seconds):
        rig.loop.pause(1)
        effort.tell(f"{expression}: {second + 1} of {seconds} s")
    used = cpu_seconds(pid) - before
    return Used(100 * used / (now() - began), sum(byte != UNTOUCHED for byte in file.content))


def environment(rig: Rig, file: PanelFile) -> dict[str, str]:
    """The bridge's environment: our broker and panel, nothing of this user's settings."""
    return rig.environment(DISPLAY__DEVICE=file.device, DISPLAY__SLEEP_AFTER=0)
