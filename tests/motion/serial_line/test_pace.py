"""How much reaches the ESP32: it looks at its sensors only when it has read all lines."""

from __future__ import annotations

import pytest

from bridges.motion.serial_line.pace import BURST, LINES_PER_S, Pace
from tests.motion.bench import Bench

TICK_S = 0.0025  # 400 commands a second


def flood(bench: Bench, directions: list[str], seconds: float, *, confirm: bool = True) -> list[tuple[float, str]]:
    """Commands 400 times a second; each line and when it was written. The ESP32 confirms in its loops."""
    lines = []
    for number in range(round(seconds / TICK_S)):
        bench.drive(directions[number % len(directions)], 1)
        bench.clock.advance(TICK_S)
        bench.scheduler.run_due()
        lines += [(bench.clock.monotonic(), line) for line in bench.written()]
        if number % 40 == 39:
            bench.frame()
            if confirm:
                bench.confirm()
    return lines


def most_in_a_second(lines: list[tuple[float, str]]) -> int:
    times = [at for at, line in lines if line != "STOP"]
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


def test_no_second_has_more_lines() -> None:
    pace, now, written = Pace(), 0.0, []
    while now < 10:
        if pace.may_write(now):
            written.append((now, "LEFT"))
        now += 0.001
    assert most_in_a_second(written) <= LINES_PER_S
    assert len(written) >= 150, "and it is used"


def test_after_a_rest_some_may_follow_each_other_at_once() -> None:
    pace = Pace()
    assert [pace.may_write(100.0) for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert not pace.may_write(pace.next_at(100.0) - 0.001)
    assert pace.may_write(pace.next_at(100.0) + 0.001)


def test_a_renewal_is_not_written_again_before_the_last_one_is_confirmed(bench: Bench) -> None:
    for _ in range(50):
        bench.drive("left", 1)
    assert bench.written() == ["LEFT"]
    assert bench.answers == []
    bench.confirm()
    assert [str(answer.status) for answer in bench.answers] == ["done"] * 50
    bench.drive("left", 1)
    assert bench.written() == ["LEFT"]


def test_it_is_renewed_all_the_same(bench: Bench) -> None:
    bench.drive("left", 0.5)
    bench.clock.advance(0.4)
    bench.drive("left", 0.5)
    assert bench.written() == ["LEFT"]
    bench.confirm()
    bench.frame()
    bench.clock.advance(0.3)
    bench.scheduler.run_due()
    assert bench.chassis.motion == "left"
    assert bench.link.watched_s == 0.5


@pytest.mark.parametrize("directions", [["left"], ["left", "right"], ["forward", "left", "backward"]])
def test_a_flood_of_moves_does_not_reach_the_esp32(bench: Bench, directions: list[str]) -> None:
    lines = flood(bench, directions, 3)
    assert most_in_a_second(lines) <= LINES_PER_S
    bench.pass_time(2)
    asked = round(3 / TICK_S)
    assert len(bench.answers) == asked, "each request has its answer"
    assert {str(answer.status) for answer in bench.answers} <= {"done", "expired"}


def test_a_flood_of_other_words_does_not_either(bench: Bench) -> None:
    lines = []
    for number in range(1200):
        bench.obey(lambda request, degrees=number % 181: bench.chassis.turn_servo(degrees, request))
        bench.obey(lambda request: bench.chassis.send_word("status", request))
        bench.clock.advance(TICK_S)
        bench.scheduler.run_due()
        lines += [(bench.clock.monotonic(), line) for line in bench.written()]
    assert most_in_a_second(lines) <= LINES_PER_S
    bench.pass_time(0.2)
    assert "SERVO:113" in [line for _, line in lines] + bench.written(), "the newest is written in the end"


def test_the_newest_move_is_the_one_that_is_written(bench: Bench) -> None:
    for direction in ("left", "right", "backward", "left", "right", "backward"):
        bench.drive(direction, 1)
    bench.pass_time(0.2, confirming=False)
    assert bench.written() == ["LEFT", "RIGHT", "BACKWARD", "BACKWARD"], (
        "three at once, and then the newest of the others"
    )


def test_stop_passes_everything_and_what_waited_is_not_written(bench: Bench) -> None:
    for direction in ("left", "right") * 10:
        bench.drive(direction, 1)
    bench.written()
    bench.drive("stop")
    assert bench.written() == ["STOP"]
    bench.pass_time(1)
    assert [line for line in bench.written() if line != "STOP"] == []
    assert len(bench.answers) == 21


def test_no_stop_waits(bench: Bench) -> None:
    for _ in range(100):
        bench.drive("stop")
    assert bench.written() == ["STOP"] * 100
