"""Safety rule 3: losing anything stops the car. One test for each thing that can be lost; see test_safety_rules.py."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.motion.rig import BASE, HALT, START_S, WORDS, Rig
from tests.motion.test_safety_rules import SLACK_S, seconds_between

MakeRig = Callable[..., Rig]


class TestRule3LosingAnythingStopsTheCar:
    def test_broker_killed(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        mark = own_rig.mark
        own_rig.broker.kill()
        own_rig.wait_line("STOP", since=mark, timeout=1)
        own_rig.world.wait_wheels(HALT)
        online = own_rig.client.count
        mark = own_rig.mark
        own_rig.broker.start()
        own_rig.wait_online(b"online", since=online, timeout=10)
        assert own_rig.lines(mark)[0] == "STOP"
        own_rig.wait_state(since=online, motion="stopped", link=True)

    def test_broker_frozen(self, own_rig: Rig) -> None:
        mark = own_rig.mark
        own_rig.obeyed("left", 1)
        own_rig.broker.pause()
        assert seconds_between(own_rig, WORDS["left"], "STOP", since=mark) <= 1.0 + SLACK_S
        own_rig.world.wait_wheels(HALT)

    def test_serial_data_older_than_half_a_second(self, rig: Rig) -> None:
        rig.obeyed("left", 5)
        mark = rig.mark
        rig.twin.silence()
        rig.wait_line("STOP", since=mark, timeout=0.5 + 3 * SLACK_S)
        rig.settle(link=False, motion="left", stop_unconfirmed=True)  # who knows whether it was heard
        for direction in ("forward", "backward", "left", "right"):
            answer = rig.drive(direction, 1)
            assert answer["status"] == "blocked"
            assert "no data" in answer["reason"]
        assert rig.ask("scan")["status"] == "blocked"
        mark = rig.mark
        rig.twin.silence(False)
        rig.settle(link=True, motion="stopped", stop_unconfirmed=False)
        assert rig.lines(mark)[0] == "STOP"
        rig.obeyed("left", 0.2)

    def test_serial_line_unplugged_and_plugged_in_again(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        own_rig.twin.unplug()
        state = own_rig.settle(
            link=False, motion="left", stop_unconfirmed=True, keeper=None, obstacle=None, warning_zone=None
        )
        assert (
            "unplugged" in state["attributes"]["link"]["reason"] or "not there" in state["attributes"]["link"]["reason"]
        )
        assert own_rig.drive("left", 1)["status"] == "blocked"
        mark = own_rig.mark
        own_rig.twin.replug()
        state = own_rig.settle(link=True, motion="stopped", stop_unconfirmed=False, keeper=True)
        assert (state["reconnects"], state["obstacle"], state["motion"]) == (1, False, "stopped")
        assert own_rig.lines(mark)[:2] == ["STOP", "STOP"]
        assert own_rig.motions(mark) == []
        own_rig.obeyed("left", 0.2)

    def test_restart_of_the_board(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        mark = own_rig.mark
        since = own_rig.client.count
        own_rig.twin.reboot()
        own_rig.wait_line("STOP", since=mark, timeout=0.5 + 3 * SLACK_S)
        own_rig.wait_state(since=since, motion="stopped")
        own_rig.wait_frames(3)
        assert own_rig.world.wheels == HALT
        assert own_rig.motions(mark) == []
        assert "no OTA" in own_rig.state["firmware"]

    def test_end_of_the_bridge_by_sigterm(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        mark = own_rig.mark
        since = own_rig.client.count
        assert own_rig.bridge.stop() == 0
        own_rig.wait_online(b"offline", since=since)
        assert set(own_rig.lines(mark)) == {"STOP"}
        own_rig.world.wait_wheels(HALT)

    def test_kill_9_of_the_bridge(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        since = own_rig.client.count
        own_rig.bridge.kill()
        own_rig.world.wait_wheels(HALT, timeout=1)
        own_rig.wait_online(b"offline", since=since)  # the last will

    def test_a_frozen_bridge(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 0.5)
        own_rig.bridge.signal(signal.SIGSTOP)
        try:
            own_rig.world.wait_wheels((-255, 255))
            own_rig.world.wait_wheels(HALT, timeout=3)
        finally:
            own_rig.bridge.signal(signal.SIGCONT)
        own_rig.settle(motion="stopped", link=True)
        mark = own_rig.mark
        own_rig.obeyed_soon("right", 0.3)  # and it goes on as if nothing had been
        own_rig.wait_line("STOP", since=own_rig.wait_line(WORDS["right"], since=mark).number)

    def test_the_keeper_leaves_a_bridge_alone_that_works(self, own_rig: Rig) -> None:
        for direction in ("left", "right", "left"):
            own_rig.obeyed(direction, 0.3)
        own_rig.settle(motion="stopped")
        mark = own_rig.mark
        own_rig.world.let_pass(2.0)  # longer than the keeper would wait
        assert own_rig.lines(mark) == []

    def test_kill_9_of_the_bridge_in_the_middle_of_a_line(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        mark = own_rig.mark
        half_written(own_rig, b"FORWARD")
        own_rig.bridge.kill()
        own_rig.wait_line("STOP", since=mark)
        assert own_rig.lines(mark) == ["FORWARDSTOP", "STOP"]
        own_rig.world.let_pass(0.5)
        assert own_rig.world.wheels == HALT

    def test_kill_9_and_a_new_bridge(self, own_rig: Rig) -> None:
        own_rig.bridge.kill()
        own_rig.start_bridge()
        own_rig.obeyed("left", 0.2)

    def test_end_of_the_bridge_by_ctrl_c(self, own_rig: Rig) -> None:
        own_rig.obeyed("left", 5)
        own_rig.bridge.signal(signal.SIGINT)
        own_rig.wait_online(b"offline")
        own_rig.world.wait_wheels(HALT)

    def test_the_first_line_of_every_connection_is_stop(self, make_rig: MakeRig) -> None:
        rig = make_rig(start=False)
        rig.broker.stop()  # its STOP at each connection to the broker shall not help out
        half_written(rig, b"FORWARD")  # what a killed program may have left in the board
        rig.launch()
        stuck = rig.wait_line("FORWARDSTOP", timeout=START_S)
        first = rig.wait_line("STOP")
        assert first.number == stuck.number + 1
        assert first.time == stuck.time, "both at once: nothing else has to happen before the second"
        rig.wait_line("SPEED:100", since=first.number)
        rig.world.let_pass(0.3)
        assert rig.world.wheels == HALT
        assert rig.motions(first.number) == []

    @pytest.mark.parametrize("protocol", ["5", "3.1.1"])
    def test_a_retained_forward_never_moves_the_car_at_start(self, make_rig: MakeRig, protocol: str) -> None:
        rig = make_rig(start=False, settings={"MQTT__PROTOCOL": protocol})
        for entity, payload in (("drive", "forward"), ("forward", "PRESS"), ("scan", "PRESS")):
            rig.client.publish(f"{BASE}/{entity}/set", payload, retain=True)
        rig.start_bridge()
        for entity in ("drive", "forward", "scan"):
            assert "never obeyed" in rig.wait_result(command=entity, status="refused")["reason"]
        rig.wait_frames(3)
        assert rig.motions() == []

    def test_a_live_command_with_the_retain_flag_is_refused_too(self, own_rig: Rig) -> None:
        mark = own_rig.mark
        answer = own_rig.ask("drive", "forward", retain=True)
        assert answer["status"] == "refused"
        assert "retained" in answer["reason"]
        own_rig.wait_frames(2)
        assert own_rig.lines(mark) == []


def half_written(rig: Rig, text: bytes) -> None:
    """Bytes without an end of line, as a program leaves them that was killed while it wrote."""
    port = os.open(rig.twin.device, os.O_WRONLY | os.O_NOCTTY)
    try:
        os.write(port, text)
    finally:
        os.close(port)
    rig.world.let_pass(0.3)
