"""The keeper against everything that may happen to it and to the bridge: frozen, thawed, killed, starved, both in turn.

Real processes on real serial lines, several cars at once. Each case is done a few times; SMARTCAR_KEEPER_RUNS sets how
often (`make test-keeper`: a hundred times), and the worst time until the wheels stood is printed.
"""

from __future__ import annotations

import ast
import concurrent.futures
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridges.motion.keeper import program
from bridges.motion.keeper.supervisor import ANSWER_S, MARGIN_S, PING_MOVING_S, PING_S
from tests.motion.keeper_rig import HALT, Car, is_running, send

RUNS = int(os.environ.get("SMARTCAR_KEEPER_RUNS", "4"))
AT_ONCE = 4
LOOP_S = 0.16
"""The firmware reads commands once in a loop, which lasts as long at most."""
SLACK_S = 0.6
"""How much later something may come on a machine that runs other tests beside."""
LOOK_S = PING_S + PING_MOVING_S + ANSWER_S
"""Until the bridge notices a keeper that is frozen."""
FREEZE_S = (3.0, 7.0)

Case = Callable[[Car, random.Random], float]


def bridge_killed(car: Car, chance: random.Random) -> float:
    car.go()
    car.rest(chance.uniform(0, 0.3))
    began = time.monotonic()
    send(signal.SIGKILL, car.process.pid)
    return car.halted(2) - began


def keeper_killed_then_bridge(car: Car, chance: random.Random) -> float:
    car.go()
    began = time.monotonic()
    send(signal.SIGKILL, car.keeper)
    car.rest(chance.uniform(0.02, 0.4))
    send(signal.SIGKILL, car.process.pid)
    return car.halted(2) - began


def keeper_killed_then_bridge_frozen(car: Car, chance: random.Random) -> float:
    car.go()
    began = time.monotonic()
    send(signal.SIGKILL, car.keeper)
    car.rest(chance.uniform(0.02, 0.4))
    send(signal.SIGSTOP, car.process.pid)
    return car.halted(2) - began


def bridge_killed_then_keeper(car: Car, chance: random.Random) -> float:
    car.go()
    keeper = car.keeper
    began = time.monotonic()
    send(signal.SIGKILL, car.process.pid)
    car.rest(chance.uniform(0.05, 0.4))
    if is_running(keeper):
        send(signal.SIGKILL, keeper)
    return car.halted(2) - began


def keeper_frozen(car: Car, chance: random.Random) -> float:
    car.go()
    frozen = car.keeper
    began = time.monotonic()
    mark = car.mark
    send(signal.SIGSTOP, frozen)
    took = car.halted(LOOK_S + SLACK_S) - began
    car.wait(lambda line: line.get("keeper") and line["replaced"], since=mark, what="another keeper")
    assert not is_running(frozen)
    assert car.keeper != frozen
    car.go("right")
    send(signal.SIGKILL, car.process.pid)
    car.halted(2)
    return took


def bridge_frozen(car: Car, chance: random.Random) -> float:
    lease = chance.uniform(0.3, 1.0)
    began = car.go(seconds=lease)
    send(signal.SIGSTOP, car.process.pid)
    took = car.halted(lease + MARGIN_S + SLACK_S) - began - lease
    car.rest(chance.uniform(*FREEZE_S) - lease)
    return max(took, thawed_and_killed(car, car.process.pid))


def both_frozen(car: Car, chance: random.Random) -> float:
    car.go(seconds=0.5)
    pids = (car.process.pid, car.keeper)
    send(signal.SIGSTOP, *pids)
    car.rest(chance.uniform(*FREEZE_S))
    return thawed_and_killed(car, *chance.sample(pids, 2))


def thawed_and_killed(car: Car, *frozen: int) -> float:
    """Thaw them: the wheels stand; drive again, kill the bridge: they stand again. The longer of both times."""
    began = time.monotonic()
    moving = car.world.wheels != HALT
    send(signal.SIGCONT, *frozen)
    first = car.halted(1 + SLACK_S) - began if moving else 0.0
    for _ in range(20):
        answer = car.drive("right", 5)
        if answer["answer"] == "done":
            break
        car.rest(0.1)
    assert answer["answer"] == "done", answer
    began = time.monotonic()
    send(signal.SIGKILL, car.process.pid)
    return max(first, car.halted(2) - began)


def bridge_frozen_around_a_command(car: Car, chance: random.Random) -> float:
    """At any moment of a command's way through it: whether it was written before the freeze or not."""
    worst = 0.0
    for _ in range(3):
        assert car.process.stdin is not None
        car.process.stdin.write("left 0.3\n")
        car.process.stdin.flush()
        began = time.monotonic()
        time.sleep(chance.uniform(0, 0.004))
        send(signal.SIGSTOP, car.process.pid)
        car.rest(0.3 + MARGIN_S + LOOP_S)
        if car.world.wheels != HALT:
            worst = max(worst, car.halted(SLACK_S) - began - 0.3)
        send(signal.SIGCONT, car.process.pid)
        car.rest(0.5)
        assert car.world.wheels == HALT, "what was left of it is not obeyed later"
    send(signal.SIGKILL, car.process.pid)
    return worst


def keeper_starved(car: Car, chance: random.Random) -> float:
    """It gets a fifth of the time, in pieces; then the bridge is killed."""
    keeper = car.keeper
    until = time.monotonic() + 3
    while time.monotonic() < until:
        if car.world.wheels == HALT:
            car.drive(chance.choice(["left", "right"]), 0.4)
        send(signal.SIGSTOP, keeper)
        car.rest(0.08)
        send(signal.SIGCONT, keeper)
        car.rest(0.02)
        assert is_running(keeper), "it answers in time all the same"
    car.go("backward")
    began = time.monotonic()
    send(signal.SIGKILL, car.process.pid)
    return car.halted(2) - began


def bridge_starved(car: Car, chance: random.Random) -> float:
    """The bridge gets a fifth of the time: a move ends in time all the same."""
    began = car.go(seconds=0.6)
    until = began + 3
    while time.monotonic() < until:
        send(signal.SIGSTOP, car.process.pid)
        car.rest(0.08)
        send(signal.SIGCONT, car.process.pid)
        car.rest(0.02)
    return car.halted(1) - began - 0.6


CASES: dict[Case, float] = {
    bridge_killed: LOOP_S,
    keeper_killed_then_bridge: LOOP_S,
    keeper_killed_then_bridge_frozen: LOOP_S,
    bridge_killed_then_keeper: LOOP_S,
    keeper_frozen: LOOK_S + LOOP_S,
    bridge_frozen: MARGIN_S + LOOP_S,
    both_frozen: LOOP_S,
    bridge_frozen_around_a_command: MARGIN_S + LOOP_S,
    keeper_starved: 0.1 + LOOP_S,
    bridge_starved: MARGIN_S + LOOP_S,
}
"""Each case and the seconds within which the wheels stand."""


@pytest.mark.timeout(120 + 20 * RUNS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_wheels_stand_in_time(case: Case, tmp_path: Path) -> None:
    def run(number: int) -> float:
        with Car(tmp_path / str(number)) as car:
            return case(car, random.Random(number))  # the same again where one fails

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        times = sorted(pool.map(run, range(RUNS)))
    print(f"\n{case.__name__}: {RUNS} times, worst {times[-1]:.3f} s, median {times[len(times) // 2]:.3f} s")
    assert times[-1] <= CASES[case] + SLACK_S


def test_a_frozen_keeper_of_a_killed_bridge_is_ended_by_the_next_one(tmp_path: Path) -> None:
    with Car(tmp_path) as car:
        car.go()
        frozen = car.keeper
        send(signal.SIGSTOP, frozen)
        send(signal.SIGKILL, car.process.pid)
        car.process.wait()
        car.rest(0.5)
        assert car.world.wheels != HALT, "nobody is there to stop it"
        began = time.monotonic()
        car.start()
        assert car.halted(5) - began < 3
        assert not is_running(frozen)
        assert f"process {frozen}" in car.log.read_text()
        car.go("right")


def test_a_keeper_whose_bridge_lives_is_left_alone(tmp_path: Path) -> None:
    with Car(tmp_path) as car:
        bridge, keeper = car.process.pid, car.keeper
        send(signal.SIGSTOP, keeper, bridge)
        mark = car.mark
        car.second()
        car.wait(lambda line: "in use by another program" in line.get("reason", ""), since=mark, what="a line in use")
        car.rest(1)
        assert is_running(keeper)
        send(signal.SIGCONT, bridge, keeper)
        car.wait(lambda line: line.get("link"), since=mark, what="the first one's link again")


def test_it_never_reads_the_wall_clock() -> None:
    tree = ast.parse(Path(program.__file__).read_text())
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {name for name in used if name.startswith("time.")} == {"time.clock_gettime", "time.CLOCK_BOOTTIME"}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"_signal", "posix", "select", "sys", "time"}
