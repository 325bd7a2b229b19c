"""From a command that is published to the bytes on the serial line."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.rig import BASE, WARM_UP, Board, Effort, Rig, now
from tests.benchmarks.table import Result, Rule, percentile

DRIVE = f"{BASE}/drive/set"
BARE_BASE = "bare-car/motion"
BARE_DRIVE = f"{BARE_BASE}/drive/set"
SPACING_S = (0.030, 0.045)
"""Pause between two commands: neither feels what the other has left to do, DATA lines come at any point of it, and ours
stay below the 20 lines a second that reach the board."""
RAPID_HZ = 50
"""More than the 20 lines a second to which moves are held: so it is stops that come so often, and all are written."""


def drive(effort: Effort) -> list[Result]:
    """One command at a time, ours and the bare minimum's by turns."""
    repetitions = effort.choose(1500, 50)
    ours: list[float] = []
    bare: list[float] = []
    with Rig() as rig:
        board, bare_board = rig.board(), rig.board(frames_hz=0, answers=False)
        rig.bare("relay", bare_board.device, BARE_DRIVE)
        rig.bridge(board)
        for number in range(repetitions + WARM_UP):
            for times, target, topic in ((ours, board, DRIVE), (bare, bare_board, BARE_DRIVE)):
                took = rig.measure(target, b"FORWARD", partial(rig.client.publish, topic, b"forward"))
                if number >= WARM_UP:
                    times.append(took)
                rig.loop.pause(effort.random.uniform(*SPACING_S))
            effort.tell(f"{number + 1} of {repetitions + WARM_UP} commands")
    return [
        Result(
            benchmark="drive",
            what=f"drive/set published → bytes on the serial line, p{percent}",
            unit="ms",
            ours=percentile(ours, percent),
            bare=percentile(bare, percent),
            rule=Rule.RATIO,
            limit=limit,
            samples=len(ours),
        )
        for percent, limit in ((50, 1.2), (99, 1.5))
    ]


def rapid(effort: Effort) -> list[Result]:
    """Fifty stops a second, with a broker whose Nagle's algorithm holds small messages back.

    They are sent at QoS 0, the default of `mosquitto_pub`: at QoS 1 the plain client's own Nagle happens to keep step
    with the broker's, and there is little to gain.
    """
    commands = effort.choose(1500, 100)
    with Rig() as rig:
        board, bare_board = rig.board(), rig.board()
        rig.bare("plain", bare_board.device, BARE_BASE)
        rig.bridge(board)
        board.arrived.clear()
        sent: list[float] = []
        bare_sent: list[float] = []
        begin = now()
        for number in range(commands):
            # The two take turns half a period apart, each on a connection of its own to the broker.
            for half, (times, topic) in enumerate(((sent, DRIVE), (bare_sent, BARE_DRIVE))):
                rig.loop.pause(begin + (number + half / 2) / RAPID_HZ - now())
                times.append(rig.client.publish(topic, b"stop", qos=0))
            effort.tell(f"{number + 1} of {commands} commands")
        rig.loop.until(lambda: board.count(b"STOP") == bare_board.count(b"STOP") == commands, what="all the commands")
        ours, bare = matched(sent, board), matched(bare_sent, bare_board)
    return [
        Result(
            benchmark="rapid",
            what=f"stop published → STOP on the line, {RAPID_HZ} a second at QoS 0; bare: plain paho, p{percent}",
            unit="ms",
            ours=percentile(ours, percent),
            bare=percentile(bare, percent),
            rule=Rule.RATIO if percent == 99 else Rule.NONE,
            limit=0.25,
            samples=len(ours),
        )
        for percent in (50, 99)
    ]


def matched(sent: list[float], board: Board) -> list[float]:
    """Milliseconds from each command to its line; both are in the order in which they were sent."""
    arrived = [at for at, line in board.arrived if line == b"STOP"]
    return [(arrival - began) * 1000 for began, arrival in zip(sent, arrived, strict=True)][WARM_UP:]
