"""How many DATA lines a second become telemetry without one being lost."""

from __future__ import annotations

from tests.benchmarks.rig import BASE, Board, Effort, Rig, data_line, now
from tests.benchmarks.table import Result, Rule

WIRE_BYTES_PER_SECOND = 115_200 / 10
"""A start bit and a stop bit go with each byte."""
LINES = tuple(data_line(gas=number) for number in range(500))
WIRE_LINES_PER_SECOND = WIRE_BYTES_PER_SECOND * len(LINES) / sum(map(len, LINES))
TARGET = 20
STEP = 1.15
MOST_STEPS = 20
TICK_S = 0.004


class Feed:
    """Writes DATA lines at an even rate, a few at a time, as a burst of a serial port comes."""

    def __init__(self, board: Board, lines_per_second: float, seconds: float) -> None:
        self._board = board
        self._rate = lines_per_second
        self.total = round(lines_per_second * seconds)
        self.sent = 0
        self.overrun = False
        """The bridge was so late that the kernel's buffer was full: on a real line, bytes would be lost now."""
        self._began = now()

    @property
    def done(self) -> bool:
        """Whether nothing more is to be written."""
        return self.overrun or self.sent == self.total

    def write_due(self) -> None:
        """Write the lines whose time has come."""
        wanted = min(self.total, int((now() - self._began) * self._rate))
        data = b"".join(LINES[number % len(LINES)] for number in range(self.sent, wanted))
        self.overrun = self._board.send(data) < len(data)
        self.sent = wanted


def telemetry(effort: Effort) -> list[Result]:
    """Search by steps, from twenty times what the wire carries on upwards (or downwards, where that fails)."""
    seconds = effort.choose(5, 1)
    steps = effort.choose(MOST_STEPS, 2)
    best = 0.0
    with Rig() as rig:
        board = rig.board()
        rig.bridge(board)
        rig.bare("count", f"{BASE}/telemetry")
        board.due = None  # only the feed from now on
        rate = WIRE_LINES_PER_SECOND * TARGET * 1.001
        lost_at_target, bad_at_target = sustain(rig, board, rate, seconds)
        fails = bool(lost_at_target or bad_at_target)
        for _ in range(steps):
            if not fails:
                best = rate
            factor = STEP if best else 1 / STEP
            if fails and best:
                break
            rate *= factor
            effort.tell(f"{rate:.0f} lines/s")
            fails = any(sustain(rig, board, rate, seconds))
            if best == 0 and not fails:
                best = rate
                break
    wire = f"{WIRE_LINES_PER_SECOND:.0f} lines/s that 115200 baud carry"
    return [
        Result(
            benchmark="telemetry",
            what=f"lines lost or damaged in {seconds} s at {TARGET} × the {wire}",
            unit="lines",
            ours=lost_at_target + bad_at_target,
            rule=Rule.AT_MOST,
            limit=0,
        ),
        Result(
            benchmark="telemetry",
            what="highest rate without a lost line; bare: what the wire carries",
            unit="lines/s",
            ours=best,
            bare=WIRE_LINES_PER_SECOND,
            rule=Rule.AT_LEAST,
            limit=round(WIRE_LINES_PER_SECOND * TARGET),
        ),
    ]


def sustain(rig: Rig, board: Board, rate: float, seconds: float) -> tuple[int, int]:
    """Lines that were lost or came in disorder at this rate, and those that the bridge calls damaged."""
    ask(rig, b"reset")
    bad_before = bad_lines(rig)
    feed = Feed(board, rate, seconds)
    while not feed.done:
        feed.write_due()
        rig.loop.pause(TICK_S)
    received, disordered = ask(rig)
    deadline = now() + 5
    while received < feed.sent and now() < deadline:
        rig.loop.pause(0.1)
        before = received
        received, disordered = ask(rig)
        if received == before:
            break
    rig.loop.pause(1.0)  # the next regular state message
    board.send(data_line())
    rig.loop.pause(0.6)
    return max(feed.sent - received, disordered, int(feed.overrun)), bad_lines(rig) - bad_before


def ask(rig: Rig, payload: bytes = b"?") -> tuple[int, int]:
    """What the counting program has received so far, and how often the order was broken."""
    rig.client.messages.pop("bare/counted", None)
    rig.client.publish("bare/ask", payload)
    rig.loop.until(lambda: "bare/counted" in rig.client.messages, what="a count")
    received, disordered = rig.client.messages["bare/counted"].split()
    return int(received), int(disordered)


def bad_lines(rig: Rig) -> int:
    """The bridge's own count of damaged lines."""
    state = rig.client.messages[f"{BASE}/state"]
    return int(state.partition(b'"bad_lines":')[2].partition(b",")[0])
