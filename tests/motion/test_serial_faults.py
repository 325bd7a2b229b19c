"""What Home Assistant is told, and what the wheels do, when the serial line or one of its ends is not as it should be.

Real broker, real bridge process, real serial code; the board at the other end is the twin.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.motion.rig import BASE, HALT, START_S, Rig
from tests.motion.serial_line.test_pace import most_in_a_second

MakeRig = Callable[..., Rig]
SPIN = (-255, 255)


def keeper_of(rig: Rig) -> int:
    """The process of the bridge's keeper."""
    found = Path(f"/proc/{rig.bridge.pid}/task").glob("*/children")
    (pid,) = [int(number) for path in found for number in path.read_text().split()]
    return pid


class TestDeafBoard:
    def test_a_car_that_does_not_confirm_stop_counts_as_moving(self, rig: Rig) -> None:
        rig.obeyed("left", 5)
        rig.twin.deaf()
        mark = rig.mark
        try:
            stop = rig.ask_later("stop")
            state = rig.settle(stop_unconfirmed=True, motion="left", link=True)
            assert state["attributes"]["stop_unconfirmed"]["reason"] == "the ESP32 does not confirm STOP"
            assert rig.world.wheels == SPIN
            assert rig.client.answer(stop)["status"] == "expired"
            answer = rig.drive("left", 1)
            assert answer["status"] == "blocked"
            assert "does not confirm STOP" in answer["reason"]
            rig.world.let_pass(1)
            stops = [each for each in rig.twin.received_since(mark) if each.line == "STOP"]
            assert max(later.time - sooner.time for sooner, later in itertools.pairwise(stops)) < 0.6
            assert rig.motions(mark) == []
        finally:
            rig.twin.deaf(False)
        rig.settle(stop_unconfirmed=False, motion="stopped")
        rig.world.wait_wheels(HALT)
        rig.obeyed("left", 0.2)

    def test_so_does_one_whose_lease_has_ended(self, rig: Rig) -> None:
        rig.obeyed("left", 0.3)
        rig.twin.deaf()
        rig.settle(stop_unconfirmed=True, motion="left", control="nobody")
        rig.twin.deaf(False)
        rig.settle(stop_unconfirmed=False, motion="stopped")


class TestKeeper:
    def test_one_that_is_killed_stops_the_car_and_is_replaced(self, own_rig: Rig) -> None:
        assert own_rig.settle(keeper=True)["attributes"]["keeper"] == {"reason": "", "replaced": 0}
        own_rig.obeyed("left", 5)
        since, killed = own_rig.client.count, keeper_of(own_rig)
        os.kill(killed, signal.SIGKILL)
        own_rig.world.wait_wheels(HALT, timeout=1)
        state = own_rig.wait_state(since=since, keeper=False)
        assert "has ended" in state["attributes"]["keeper"]["reason"]
        state = own_rig.settle(keeper=True)
        assert state["attributes"]["keeper"] == {"reason": "", "replaced": 1}
        assert keeper_of(own_rig) != killed
        own_rig.settle(motion="stopped")
        own_rig.obeyed("left", 0.2)

    def test_one_that_is_frozen_is_replaced_though_nobody_drives(self, own_rig: Rig) -> None:
        since, frozen = own_rig.client.count, keeper_of(own_rig)
        os.kill(frozen, signal.SIGSTOP)
        state = own_rig.wait_state(since=since, keeper=False)
        assert "does not answer" in state["attributes"]["keeper"]["reason"]
        own_rig.settle(keeper=True)
        own_rig.obeyed("left", 0.2)

    def test_while_there_is_none_the_car_does_not_move(self, own_rig: Rig) -> None:
        """It is frozen, and the bridge has not noticed yet: the command is obeyed or not, but the car stops."""
        own_rig.obeyed("left", 5)
        os.kill(keeper_of(own_rig), signal.SIGSTOP)
        own_rig.world.wait_wheels(HALT, timeout=2)
        own_rig.bridge.kill()
        own_rig.world.let_pass(0.5)
        assert own_rig.world.wheels == HALT


class TestFlood:
    def test_it_does_not_reach_the_board(self, rig: Rig) -> None:
        mark = rig.mark
        begin = time.monotonic()
        for number in range(1200):
            rig.client.publish(f"{BASE}/drive/set", ("left", "right")[number % 2])
            while time.monotonic() < begin + number / 400:
                time.sleep(0.001)
        written = [(each.time, each.line) for each in rig.twin.received_since(mark)]
        assert most_in_a_second(written) <= 21, "which the board counts as they arrive"
        stop_mark = rig.mark
        assert rig.ask("stop")["status"] == "done"
        rig.world.wait_wheels(HALT)
        rig.world.let_pass(0.5)
        assert rig.motions(rig.wait_line("STOP", since=stop_mark).number) == []

    def test_a_renewal_while_the_last_is_unconfirmed_is_not_written(self, rig: Rig) -> None:
        mark = rig.mark
        for _ in range(40):
            rig.client.publish(f"{BASE}/drive/set", "left")
        rig.world.let_pass(0.5)
        assert len(rig.lines(mark)) <= 5


class TestGap:
    def test_no_forward_by_readings_from_before_a_freeze(self, own_rig: Rig) -> None:
        own_rig.bridge.signal(signal.SIGSTOP)
        own_rig.world.let_pass(1.0)  # so the kernel's buffer holds a clear way
        own_rig.block_way(15)
        own_rig.twin.look(lambda _world, _board: None)
        own_rig.world.let_pass(0.4)
        mark = own_rig.mark
        own_rig.bridge.signal(signal.SIGCONT)
        for _ in range(200):
            own_rig.client.publish(f"{BASE}/drive/set", "forward")
            time.sleep(0.002)
        own_rig.settle(link=True, warning_zone=True)
        assert own_rig.motions(mark) == []


class TestSilentLine:
    def test_it_is_told_what_it_is(self, make_rig: MakeRig) -> None:
        rig = make_rig(start=False)
        rig.twin.silence()
        rig.launch()
        state = rig.wait_state(timeout=START_S, link=False, keeper=True)
        rig.client.wait(
            lambda each: (
                each.topic == f"{BASE}/state" and "nothing comes" in each.json()["attributes"]["link"]["reason"]
            ),
            what="a link's reason",
        )
        state = rig.state
        assert all(word in state["attributes"]["link"]["reason"] for word in ("is open", "power", "RX and TX", "baud"))
        rig.world.let_pass(4.5)
        assert sum("nothing comes" in line for line in rig.output.lines) == 1
        rig.twin.silence(False)
        assert rig.settle(link=True)["attributes"]["link"]["reason"] == ""

    def test_damage_is_told_too(self, make_rig: MakeRig) -> None:
        rig = make_rig(start=False)
        rig.twin.silence()
        rig.launch()
        rig.wait_state(timeout=START_S, link=False, keeper=True)
        for _ in range(8):
            rig.twin.raw(b"\x8c\xfe\x00" * 10 + b"\n")
            rig.world.let_pass(0.3)
        rig.client.wait(
            lambda each: each.topic == f"{BASE}/state" and "damaged" in each.json()["attributes"]["link"]["reason"],
            what="a link's reason",
        )


@pytest.mark.parametrize("stray", [b"\0", b"\xff", b"\xff\0" * 200])
def test_a_restart_is_recognised_behind_stray_bytes(rig: Rig, stray: bytes) -> None:
    rig.twin.look(lambda _world, board: None)
    mark = rig.mark
    rig.twin.reboot()
    rig.twin.raw(stray)
    rig.wait_line("STOP", since=mark, timeout=2)
    rig.wait_line("SPEED:100", since=mark, timeout=2)  # it is another firmware, perhaps
    rig.settle(link=True, motion="stopped")
