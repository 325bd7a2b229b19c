"""How soon the car stops: at a wall, and when it is told to while the broker is busy with pictures."""

from __future__ import annotations

import signal

from tests.benchmarks.bare import FRAME_BYTES, FRAMES_PER_SECOND
from tests.benchmarks.latency import DRIVE
from tests.benchmarks.rig import BASE, WARM_UP, Board, Effort, Rig, data_line, now
from tests.benchmarks.table import Result, Rule, percentile

STOP = f"{BASE}/stop/set"
CLEAR_OF_WALL = data_line()
AT_WALL = data_line(center=8, obstacle=True)
MOVE_S = (0.008, 0.016)
"""How long the car moves before something happens."""
BLOCKS = 20


def wall(effort: Effort) -> list[Result]:
    """A DATA line tells of an obstacle while the car drives forward."""
    repetitions = effort.choose(1000, 50)
    ours: list[float] = []
    bare: list[float] = []
    with Rig() as rig:
        board, bare_board = rig.board(), rig.board(frames_hz=0, answers=False)
        rig.bare("wall", bare_board.device)
        rig.bridge(board)
        for number in range(repetitions + WARM_UP):
            board.send(CLEAR_OF_WALL)
            rig.loop.pause(effort.random.uniform(*MOVE_S))
            rig.measure(board, b"FORWARD", lambda: rig.client.publish(DRIVE, b"forward"))
            rig.loop.pause(effort.random.uniform(*MOVE_S))
            took = rig.measure(board, b"STOP", lambda: at_wall(board))
            rig.loop.pause(effort.random.uniform(*MOVE_S))
            bare_took = rig.measure(bare_board, b"STOP", lambda: at_wall(bare_board))
            if number >= WARM_UP:
                ours.append(took)
                bare.append(bare_took)
            effort.tell(f"{number + 1} of {repetitions + WARM_UP} obstacles")
    return [
        Result(
            benchmark="wall",
            what=f"DATA line with an obstacle → STOP on the serial line; bare: pyserial, p{percent}",
            unit="ms",
            ours=percentile(ours, percent),
            bare=percentile(bare, percent),
            rule=Rule.AT_MOST,
            limit=limit,
            samples=len(ours),
        )
        for percent, limit in ((50, 1.0), (99, 3.0))
    ]


def at_wall(board: Board) -> float:
    """Show the wall; returns when."""
    at = now()
    board.send(AT_WALL)
    return at


def video(effort: Effort) -> list[Result]:
    """Stops in blocks, by turns without and with frames that another client publishes on the same broker."""
    block = effort.choose(60, 5)
    blocks = effort.choose(BLOCKS, 4)
    without: list[float] = []
    with_video: list[float] = []
    with Rig() as rig:
        board = rig.board()
        rig.bridge(board)
        rig.bare("viewer")
        camera = rig.bare("video")
        measure_stops(rig, board, effort, WARM_UP)
        for number in range(blocks):
            camera.signal(signal.SIGUSR1 if number % 2 else signal.SIGUSR2)
            rig.loop.pause(0.2)
            times = with_video if number % 2 else without
            times += measure_stops(rig, board, effort, block)
            effort.tell(f"{number + 1} of {blocks} blocks of {block} stops")
    frames = f"{FRAMES_PER_SECOND} frames/s of {FRAME_BYTES // 1000} kB"
    return [
        Result(
            benchmark="video",
            what=f"stop published → STOP on the serial line, beside {frames}; bare: without, p{percent}",
            unit="ms",
            ours=percentile(with_video, percent),
            bare=percentile(without, percent),
            rule=Rule.RATIO if percent == 99 else Rule.NONE,
            limit=1.5,
            samples=len(with_video),
        )
        for percent in (50, 99)
    ]


def measure_stops(rig: Rig, board: Board, effort: Effort, repetitions: int) -> list[float]:
    """Milliseconds that each stop of a moving car took."""
    times = []
    for _ in range(repetitions):
        rig.measure(board, b"FORWARD", lambda: rig.client.publish(DRIVE, b"forward"))
        rig.loop.pause(effort.random.uniform(*MOVE_S))
        times.append(rig.measure(board, b"STOP", lambda: rig.client.publish(STOP, b"PRESS")))
        rig.loop.pause(effort.random.uniform(*MOVE_S))
    return times
