"""A scan by the whole bridge, in a simulated room: where the car looks, where it ends, what is told of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from smartcar_mqtt.simulator.world.wiring import CROSSED, DOCUMENTED, Wiring
from tests.motion.rig import BASE, HALT, WORDS, Rig
from tests.support.watched_world import CORRIDOR_EAST

MakeRig = Callable[..., Rig]


class TestScan:
    @pytest.mark.parametrize(
        ("wiring", "settings"),
        [(DOCUMENTED, {}), (CROSSED, {"MOTION__SWAP_LEFT_RIGHT": "false"})],
        ids=["as documented, default setting", "sides exchanged, other setting"],
    )
    def test_it_looks_around_clockwise_and_comes_back(
        self, make_rig: MakeRig, wiring: Wiring, settings: dict[str, object]
    ) -> None:
        rig = make_rig(room=CORRIDOR_EAST, wiring=wiring, settings=settings)
        since = rig.client.count
        scan = rig.ask_later("scan")
        rig.settle(motion="scanning", control="manual")
        assert rig.client.answer(scan, timeout=15)["status"] == "done"
        state = rig.settle(motion="stopped", best_heading=90)
        rig.world.let_pass(0.3)
        home = (rig.world.pose.heading_deg + 180) % 360 - 180
        assert abs(home) < 20, "half a loop of the firmware is about 10 degrees"
        details = state["attributes"]["best_heading"]
        assert [each["heading"] for each in details["readings"]] == [0, 45, 90, 135, 180, 225, 270, 315]
        assert details["distance_cm"] > 100
        headings = [each.heading_deg for each in rig.world.wheel_changes if each.wheels != HALT]
        assert len(headings) == 8
        for step, heading in enumerate(headings):
            error = (heading - 45 * step + 180) % 360 - 180
            assert abs(error) < 25, (step, heading)
        picture = rig.client.wait_topic(f"{BASE}/radar", since=since)
        image = Image.open(io.BytesIO(picture.payload))
        image.load()
        assert (image.format, image.size) == ("PNG", (480, 480))
        assert rig.look_again(f"{BASE}/radar").retained

    @pytest.mark.parametrize("interruption", ["stop", "drive", "emergency"])
    def test_it_is_interrupted_within_one_step(self, rig: Rig, interruption: str) -> None:
        mark = rig.mark
        scan = rig.ask_later("scan")
        rig.wait_line(WORDS["right"], since=mark)
        rig.world.wait_wheels((255, -255))
        mark = rig.mark
        if interruption == "stop":
            assert rig.ask("drive", "stop")["status"] == "done"
        elif interruption == "drive":
            rig.obeyed("backward", 0.2)
        else:
            assert rig.ask("emergency_stop", "ON")["status"] == "done"
        answer = rig.client.answer(scan)
        assert answer["status"] == "blocked"
        assert "interrupted" in answer["reason"]
        rig.settle(motion="stopped")
        rig.world.let_pass(0.6)
        assert WORDS["right"] not in rig.lines(mark)
        assert rig.world.wheels == HALT

    def test_a_second_one_is_blocked(self, rig: Rig) -> None:
        scan = rig.ask_later("scan")
        rig.settle(motion="scanning")
        assert rig.ask("scan")["reason"] == "a scan is under way"
        rig.ask("stop")
        assert rig.client.answer(scan)["status"] == "blocked"
