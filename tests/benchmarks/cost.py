"""What a bridge costs: processor and memory at work, and the time until it is there."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.rig import BASE, DISCOVERY, FRAMES_HZ, READY_S, Effort, Rig, bridge_command, now
from tests.benchmarks.table import Result, Rule

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def idle(effort: Effort) -> list[Result]:
    """The motion bridge while the ESP32 sends its 20 frames a second and nobody drives."""
    seconds = effort.choose(30, 3)
    with Rig() as rig:
        board = rig.board()
        pid = rig.bridge(board).pid
        rig.loop.pause(effort.choose(3, 1))
        keepers = children(pid)
        began, before = now(), sum(cpu_seconds(each) for each in (pid, *keepers))
        for second in range(seconds):
            rig.loop.pause(1)
            effort.tell(f"{second + 1} of {seconds} s")
        used = sum(cpu_seconds(each) for each in (pid, *keepers)) - before
        passed = now() - began
        resident, keeper_own = resident_mb(pid), sum(proportional_mb(each) for each in keepers)
    what = f"motion bridge at {FRAMES_HZ:g} frames/s"
    return [
        Result(
            benchmark="idle",
            what=f"{what}: processor, of one core, children included",
            unit="%",
            ours=100 * used / passed,
            rule=Rule.AT_MOST,
            limit=1.5,
        ),
        Result(benchmark="idle", what=f"{what}: memory (VmRSS)", unit="MB", ours=resident, rule=Rule.AT_MOST, limit=35),
        Result(
            benchmark="idle",
            what="its keeper: memory (Pss: pages shared with the bridge by half)",
            unit="MB",
            ours=keeper_own,
        ),
    ]


def children(pid: int) -> list[int]:
    """The processes that this one has started and that still live."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for path in found for number in path.read_text().split()]


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND


def resident_mb(pid: int) -> float:
    """VmRSS in MB (of 1024 kB)."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def proportional_mb(pid: int) -> float:
    """Pss in MB (of 1024 kB): what is shared with other processes counts by its share."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def start(effort: Effort) -> list[Result]:
    """From the start of the process to a car that Home Assistant can see, next to starting Python with paho."""
    repetitions = effort.choose(10, 3)
    ours: list[float] = []
    bare: list[float] = []
    with Rig() as rig:
        environment = rig.environment(MOTION__DEVICE=rig.board().device)
        for number in range(repetitions + 1):
            took = seconds_to_online(rig, environment)
            began = now()
            subprocess.run([sys.executable, "-c", "import paho.mqtt.client"], check=True)
            if number:  # the first one reads the programs from the disk
                ours.append(took)
                bare.append(now() - began)
            effort.tell(f"{number + 1} of {repetitions + 1} starts")
    return [
        Result(
            benchmark="start",
            what="process start → online, discovery published, median; bare: `import paho.mqtt.client`",
            unit="s",
            ours=statistics.median(ours),
            bare=statistics.median(bare),
            rule=Rule.AT_MOST,
            limit=0.5,
            samples=len(ours),
        )
    ]


def seconds_to_online(rig: Rig, environment: dict[str, str]) -> float:
    """Start the bridge on a broker that does not know it yet, wait until it is there, end it."""
    messages = rig.client.messages
    for topic in (DISCOVERY, f"{BASE}/availability", f"{BASE}/state"):
        rig.client.publish(topic, b"", retain=True)
    rig.loop.until(lambda: not any(messages.values()), what="an empty broker")
    with (rig.folder / "start.txt").open("wb") as output:
        began = now()
        process = subprocess.Popen(bridge_command(), env=environment, stdout=output, stderr=output)
        try:
            rig.loop.until(
                lambda: messages.get(f"{BASE}/availability") == b"online" and bool(messages.get(DISCOVERY)),
                READY_S,
                what="a bridge that is online",
            )
            took = now() - began
        finally:
            process.terminate()
            process.wait(10)
    rig.loop.until(lambda: messages.get(f"{BASE}/availability") == b"offline", what="the end of the bridge")
    return took
