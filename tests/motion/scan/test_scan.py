"""Looking around: eight readings an eighth of a turn apart, back to the start, and the picture of it."""

from __future__ import annotations

import io
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bridges.motion.scan.radar import BACKGROUND, SIZE, draw
from bridges.motion.scan.scan import STEPS, Phase, Reading, Scan
from bridges.motion.serial_line.protocol import Frame

TURN_S, SETTLE_S = 0.2, 0.1


def frame(center: int | None = 100) -> Frame:
    return Frame(None, center, None, 150, 90, 0, 0, obstacle=False, warning=False)


class Car:
    """A car that obeys once in each loop, right after its DATA line, as the firmware does."""

    def __init__(self, loop_s: float, *, jitter_s: float = 0.0, seed: int = 0) -> None:
        self.loop_s, self.jitter_s = loop_s, jitter_s
        self.random = random.Random(seed)
        self.now = 50.0
        self.scan = Scan(TURN_S, SETTLE_S, self.now)
        self.turned_s = 0.0
        self.headings: list[float] = []
        self.complete = False

    def run(self) -> None:
        """All of a scan: `headings` are those of the readings, in eighths of a turn."""
        told: Phase | None = None
        turning = False
        for _ in range(500):
            loop_s = self.loop_s + self.random.uniform(-self.jitter_s, self.jitter_s)
            self.now += loop_s
            self.turned_s += loop_s if turning else 0.0
            order, told = told, None
            readings = len(self.scan.readings)
            told = self.scan.frame(self.now, frame()) or told
            if len(self.scan.readings) > readings:
                self.headings.append(self.turned_s / TURN_S)
            if order is Phase.TURNING:
                turning = True
                told = self.scan.turn_confirmed(self.now) or told
            elif order is Phase.HALTING:
                turning = False
                if self.scan.halt_confirmed(self.now):
                    self.complete = True
                    return


class TestSteps:
    def test_it_reads_then_turns_then_stops_and_settles(self) -> None:
        scan = Scan(TURN_S, SETTLE_S, settled_at=10.0)
        assert scan.frame(10.0, frame(80)) is Phase.TURNING
        assert scan.frame(10.1, frame()) is None  # the ESP32 has not begun to turn yet
        assert scan.turn_confirmed(10.1) is None
        assert scan.frame(10.2, frame()) is Phase.HALTING  # obeyed a loop later: 0.2 s
        assert scan.frame(10.3, frame()) is None
        assert scan.halt_confirmed(10.3) is False
        assert scan.turned_s == pytest.approx(0.2)
        assert scan.frame(10.35, frame(7)) is None  # not settled yet
        assert scan.frame(10.45, frame(90)) is Phase.TURNING
        assert [(each.heading, each.center) for each in scan.readings] == [(0, 80), (45, 90)]

    def test_no_frame_counts_before_it_has_settled(self) -> None:
        scan = Scan(TURN_S, SETTLE_S, settled_at=10.0)
        assert scan.frame(9.99, frame()) is None
        assert scan.readings == []

    def test_a_stop_that_nobody_wrote_for_the_scan_ends_no_turn(self) -> None:
        scan = Scan(TURN_S, SETTLE_S, settled_at=10.0)
        scan.frame(10.0, frame())
        scan.turn_confirmed(10.1)
        assert scan.halt_confirmed(10.1) is False
        assert scan.phase is Phase.TURNING

    def test_it_has_eight_readings_and_one_turn_after_the_last(self) -> None:
        car = Car(0.1)
        car.run()
        assert car.complete
        assert [reading.heading for reading in car.scan.readings] == [0, 45, 90, 135, 180, 225, 270, 315]
        assert car.turned_s == pytest.approx(STEPS * TURN_S, abs=0.051)

    @given(loop_s=st.floats(0.06, 0.155), jitter_s=st.floats(0, 0.015), seed=st.integers(0, 5))
    def test_whatever_the_loop_lasts_errors_do_not_add_up(self, loop_s: float, jitter_s: float, seed: int) -> None:
        car = Car(loop_s, jitter_s=jitter_s, seed=seed)
        car.run()
        assert car.complete
        most = (loop_s / 2 + 2.5 * jitter_s + 0.02) / TURN_S  # half a loop, as the wheels obey no finer
        assert [step for step, heading in enumerate(car.headings) if abs(heading - step) > most] == []
        assert car.turned_s / TURN_S == pytest.approx(STEPS, abs=most)

    def test_a_turn_that_the_lease_ended_counts_as_long_as_it_was(self) -> None:
        scan = Scan(TURN_S, SETTLE_S, settled_at=10.0)
        scan.frame(10.0, frame())
        scan.turn_confirmed(10.1)
        scan.halting()
        scan.halt_confirmed(10.5)
        assert scan.turned_s == pytest.approx(0.4)


class TestBest:
    def scanned(self, *means: int | None) -> Scan:
        scan = Scan(TURN_S, SETTLE_S, settled_at=0.0)
        scan.readings = [Reading(45 * step, mean, mean, None) for step, mean in enumerate(means)]
        return scan

    def test_it_is_the_heading_with_the_highest_mean(self) -> None:
        best = self.scanned(50, None, 300, 200).best()
        assert best is not None
        assert best.heading == 90

    def test_a_mean_is_of_those_that_hear_an_echo(self) -> None:
        assert Reading(0, 100, None, 50).mean_cm == 75
        assert Reading(0, 0, 0, 0).mean_cm == 0
        assert Reading(0, None, None, None).mean_cm is None

    def test_without_any_echo_there_is_none(self) -> None:
        assert self.scanned(None, None, None).best() is None

    def test_among_equals_it_is_the_first(self) -> None:
        best = self.scanned(100, 100).best()
        assert best is not None
        assert best.heading == 0


class TestRadar:
    READINGS = tuple(Reading(45 * step, 60 + 20 * step, 80 + 20 * step, None) for step in range(STEPS))

    def picture(self, readings: tuple[Reading, ...], best: Reading | None) -> Image.Image:
        picture = Image.open(io.BytesIO(draw(readings, best)))
        picture.load()
        return picture

    @pytest.mark.parametrize("best", [None, READINGS[7]])
    def test_it_is_a_png_of_480_pixels(self, best: Reading | None) -> None:
        picture = self.picture(self.READINGS, best)
        assert (picture.format, picture.size) == ("PNG", (SIZE, SIZE))
        assert SIZE == 480

    @pytest.mark.parametrize(
        "readings", [(), (Reading(0, None, None, None),), (Reading(0, 0, 0, 0),), (Reading(315, 514, 514, 514),)]
    )
    def test_readings_of_any_kind_can_be_drawn(self, readings: tuple[Reading, ...]) -> None:
        assert self.picture(readings, readings[0] if readings else None).size == (SIZE, SIZE)

    def test_what_stands_to_the_right_is_drawn_to_the_right(self) -> None:
        picture = self.picture((Reading(90, 150, 150, 150),), None).convert("RGB")
        offset = round(SIZE / 2 * 0.92 * 120 / 300 * math.cos(math.radians(20)))
        middle = SIZE // 2
        right, left = (picture.getpixel((middle + side * offset, middle + 40)) for side in (1, -1))
        assert sum(abs(a - b) for a, b in zip(right, BACKGROUND, strict=True)) > 60  # type: ignore[arg-type]
        assert sum(abs(a - b) for a, b in zip(left, BACKGROUND, strict=True)) < 10  # type: ignore[arg-type]
