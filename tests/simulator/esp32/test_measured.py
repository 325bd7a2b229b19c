"""The twin against figures that were measured on the robot's own firmware.

The firmware (seed facts, section 2) was compiled for a PC, with serial ports of 115200 baud, 128 bytes of transmitter
and 256 bytes of receive buffer, and HC-SR04 sensors whose echo begins 0.45 ms after their trigger; it ran in these
rooms with these lines. Times are milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from smartcar_mqtt.simulator.esp32.firmware import Firmware
from smartcar_mqtt.simulator.world.room import Car, Gas, Room, RoundObstacle, Sonar, Start, Wall
from smartcar_mqtt.simulator.world.world import World

TOLERANCE_MS = 1.5
CAR_RADIUS_M = 0.11
REACTION_S = 0.001
"""How long the Pi of these tests takes to answer a line with STOP."""

SONARS = tuple(
    Sonar(name=name, bearing_deg=bearing, cone_deg=10.0)
    for name, bearing in (("left", -90.0), ("centre", 0.0), ("right", 90.0))
)
ROLLERS = Car(full_speed_m_s=1e-9)
"""A car whose wheels turn in the air: what is ahead comes nearer by the hand of the test."""
BETWEEN_WALLS = Room(
    start=Start(at=(0, 0)),
    walls=(Wall(points=((-1, -1), (-1, 9))), Wall(points=((1, -1), (1, 9)))),
    sonars=(SONARS[0], SONARS[1], SONARS[2]),
    car=ROLLERS,
)
IN_THE_OPEN = Room(start=Start(at=(0, 0)), sonars=(SONARS[0], SONARS[1], SONARS[2]), car=ROLLERS)
EAST_IS_FREE = Room(
    start=Start(at=(0, 0)), walls=(Wall(points=((-0.5, -0.5), (-0.5, 0.5), (3, 0.5), (3, -0.5), (-0.5, -0.5))),)
)


def wall_ahead(centimetres: float | None) -> Room:
    away = CAR_RADIUS_M + (centimetres or 0) / 100
    walls = () if centimetres is None else (Wall(points=((-9.0, away), (9.0, away))),)
    return Room(start=Start(at=(0, 0)), walls=walls, gas=Gas(clean_air_raw=321))


def thing(centimetres: float, radius_m: float) -> RoundObstacle:
    return RoundObstacle(
        name="thing", kind="box", at=(0, CAR_RADIUS_M + radius_m + centimetres / 100), radius_m=radius_m
    )


class Run:
    """A board that is told lines and things at given times, and a Pi that may answer."""

    def __init__(self, world: World, *, answers: bool = False) -> None:
        self.world = world
        self.board = Firmware(world)
        self.now = 0.0
        self.lines: list[tuple[float, str]] = []
        self.halted_at: float | None = None
        self._answer_at: float | None = None
        self._answers = answers

    def until(self, end: float, received: bytes = b"", *, stop_when_halted: bool = False) -> None:
        """Let time pass up to `end`; `received` is written now."""
        self._take(self.board.advance(self.now, received))
        while not (stop_when_halted and self.halted_at is not None):
            moment = min(self.board.next_event, self.board.next_output, self._answer_at or end, end)
            self.now = moment
            sent = self.board.advance(moment)
            if self._answer_at is not None and self._answer_at <= moment:
                self._answer_at = None
                sent += self.board.advance(moment, b"STOP\n")
            self._take(sent)
            if self.halted_at is None and not any(self.board.pins):
                self.halted_at = moment
            if moment >= end:
                break

    def _take(self, sent: bytes) -> None:
        lines = [line.decode("ascii") for line in sent.split(b"\r\n")[:-1]]
        self.lines += [(self.now * 1000, line) for line in lines]
        if self._answers and any("WARNING" in line and "WARNING:0" not in line for line in lines):
            self._answers = False
            self._answer_at = self.now + REACTION_S


@pytest.mark.parametrize(
    ("ahead_cm", "loop_ms"),
    [(5, 52.48), (11, 53.53), (20, 55.22), (50, 60.58), (100, 69.56), (200, 87.41), (300, 105.37), (400, 123.21),
     (None, 140.14)],
)  # fmt: skip
def test_a_loop_lasts_as_long_so_that_data_comes_7_to_19_times_a_second(ahead_cm: float | None, loop_ms: float) -> None:
    run = Run(World(wall_ahead(ahead_cm)))
    run.until(5.0)
    times = [when for when, line in run.lines if line.startswith("DATA:")]
    assert (times[-1] - times[-11]) / 10 == pytest.approx(loop_ms, abs=0.05)


def assert_measured(run: Run, measured: list[tuple[float, str]]) -> None:
    """These lines have come next to each other, each at its time."""
    first = next(number for number, (_, line) in enumerate(run.lines) if line == measured[0][1])
    came = run.lines[first : first + len(measured)]
    assert [line for _, line in came] == [line for _, line in measured]
    assert [when for when, _ in came] == pytest.approx([when for when, _ in measured], abs=TOLERANCE_MS)


def test_zones_are_told_at_the_same_moments() -> None:
    run = Run(World(wall_ahead(300)))
    run.until(0.5)
    run.world.put_obstacle(thing(15, 2))
    run.until(0.8)
    run.world.put_obstacle(thing(8, 2))
    run.until(1.1)
    rest = "MQ2:321,SERVO:90,LMOTOR:0,RMOTOR:0"
    assert_measured(
        run,
        [
            (528.2, "ALERT:COLLISION:WARNING_ZONE,S1:17,S2:15,S3:17"),
            (535.1, f"DATA:S1:17,S2:15,S3:17,{rest},OBSTACLE:0,WARNING:1"),
            (585.3, f"DATA:S1:17,S2:15,S3:17,{rest},OBSTACLE:0,WARNING:1"),
            *((when, f"DATA:S1:17,S2:15,S3:17,{rest},OBSTACLE:0,WARNING:1") for when in (639.7, 694.0, 748.3, 802.7)),
            (852.8, "ALERT:COLLISION:EMERGENCY_STOP,S1:9,S2:8,S3:9"),
            *((when, f"DATA:S1:9,S2:8,S3:9,{rest},OBSTACLE:1,WARNING:1") for when in (859.5, 908.4, 961.4, 1014.4)),
        ],
    )  # fmt: skip


def test_a_scan_turns_counter_clockwise_and_is_told_at_the_same_moments() -> None:
    run = Run(World(EAST_IS_FREE))
    run.until(1.0)
    run.until(3.4, b"SCAN\nSTOP\n")
    assert_measured(
        run,
        [
            (1028.0, "SCAN:START"),
            (1031.0, "SCAN:POS:0,S1:41,S2:39,S3:41"),
            (1339.8, "SCAN:POS:45,S1:39,S2:47,S3:39"),
            (1648.3, "SCAN:POS:90,S1:41,S2:39,S3:42"),
            (1957.1, "SCAN:POS:135,S1:39,S2:47,S3:39"),
            (2265.6, "SCAN:POS:180,S1:41,S2:39,S3:42"),
            (2577.0, "SCAN:POS:225,S1:86,S2:47,S3:39"),
            (2902.7, "SCAN:POS:270,S1:66,S2:289,S3:60"),
            (3226.1, "SCAN:POS:315,S1:39,S2:50,S3:289"),
            (3228.2, "SCAN:BEST:270,DIST:138"),
            (3229.5, "SCAN:COMPLETE"),
            (3230.6, "ACK:SCAN:OK"),
            (3231.7, "ACK:STOP:OK"),
        ],
    )


def test_a_line_begun_on_usb_is_ended_on_the_pis_line() -> None:
    run = Run(World(wall_ahead(100)))
    run.until(1.0)
    run.board.type_on_usb(b"LEFT\n")
    run.until(1.2)
    run.board.type_on_usb(b"STA")
    run.until(1.3)
    run.until(1.4, b"TUS\n")
    heard = [(when, line) for when, line in run.lines if line.startswith(("ACK", "STATUS"))]
    assert [line for _, line in heard] == ["ACK:LEFT:OK", "STATUS:SERVO:90,LMOTOR:0,RMOTOR:0"]
    assert [when for when, _ in heard] == pytest.approx([1032.5, 1340.8], abs=TOLERANCE_MS)


@pytest.mark.parametrize(
    ("room", "near_cm", "pi_stops", "least_ms", "median_ms", "most_ms"),
    [
        (BETWEEN_WALLS, 15, True, 70.3, 113.7, 160.9),
        (IN_THE_OPEN, 15, True, 142.9, 224.9, 282.8),
        (BETWEEN_WALLS, 8, False, 7.1, 50.6, 97.8),
        (IN_THE_OPEN, 8, False, 31.1, 113.0, 170.9),
    ],
    ids=["warning, sides hear", "warning, sides blind", "stop zone, sides hear", "stop zone, sides blind"],
)
def test_the_wheels_stop_as_late_after_something_has_come_near(
    room: Room, near_cm: float, pi_stops: bool, least_ms: float, median_ms: float, most_ms: float
) -> None:
    chance = random.Random(1)
    times_ms = []
    for _ in range(300):
        at = 2 + chance.random() * 0.2
        run = Run(World(room), answers=pi_stops)
        run.until(1.0)
        run.until(at, b"FORWARD\n")
        run.world.put_obstacle(thing(near_cm, 0.5))
        run.halted_at = None
        run.until(at + 3, stop_when_halted=True)
        assert run.halted_at is not None
        times_ms.append((run.halted_at - at) * 1000)
    times_ms.sort()
    found = [times_ms[0], times_ms[len(times_ms) // 2], times_ms[-1]]
    assert found == pytest.approx([least_ms, median_ms, most_ms], abs=TOLERANCE_MS)


@pytest.mark.parametrize(("moves_a_second", "median_ms"), [(20, 55.4), (100, 73.2), (400, 107.8), (600, 2154.9)])
def test_a_flood_of_commands_makes_it_blind(moves_a_second: int, median_ms: float) -> None:
    chance = random.Random(1)
    times_ms = []
    for _ in range(40):
        at = 2 + chance.random() * 0.2
        run = Run(World(BETWEEN_WALLS))
        run.until(1.0)
        run.until(1.1, b"FORWARD\n")
        put = False
        for number in range(3 * moves_a_second):
            moment = 1.1 + number / moves_a_second
            if not put and moment >= at:
                put = True
                run.until(at)
                run.world.put_obstacle(thing(8, 0.5))
                run.halted_at = None
            run.until(moment, stop_when_halted=put)
            if put and run.halted_at is not None:
                break
            run.until(moment, b"FORWARD\n", stop_when_halted=put)
        run.until(9, stop_when_halted=True)
        assert run.halted_at is not None
        times_ms.append((run.halted_at - at) * 1000)
    times_ms.sort()
    assert times_ms[len(times_ms) // 2] == pytest.approx(median_ms, rel=0.15)


@pytest.mark.parametrize(
    ("written", "dropped", "obeyed"), [(200, 0, 25), (300, 22, 34), (500, 136, 41), (1000, 488, 45), (2000, 1202, 58)]
)
def test_what_finds_the_receive_buffer_full_is_dropped(written: int, dropped: int, obeyed: int) -> None:
    run = Run(World(wall_ahead(100)))
    run.until(1.0)
    run.until(4.0, b"SERVO:1\n" * (written // 8))
    assert run.board.lost_bytes == pytest.approx(dropped, abs=8), "within half a millisecond of the line"
    assert sum(line.startswith("ACK:SERVO:OK") for _, line in run.lines) == pytest.approx(obeyed, abs=1)


class ToldDistances(World):
    """A world that says from some moment on what the next measurements are."""

    def __init__(self) -> None:
        super().__init__(Room(start=Start(at=(0, 0))))
        self.told: Iterator[int | None] = iter(())

    def distance_cm(self, sensor: int) -> int | None:
        return next(self.told, 100)


@pytest.mark.parametrize(
    ("readings", "best"),
    [
        ({2: (50, 50, 51), 5: (50, 51, 51)}, "SCAN:BEST:90,DIST:50"),
        ({2: (50, 50, 51), 5: (51, 51, 51)}, "SCAN:BEST:225,DIST:51"),
        ({2: (None, None, 200), 5: (0, 199, 202)}, "SCAN:BEST:90,DIST:200"),
        ({7: (500, None, None)}, "SCAN:BEST:315,DIST:500"),
        (dict.fromkeys(range(8), (None, None, None)), "SCAN:BEST:0,DIST:0"),
        (dict.fromkeys(range(8), (0, 0, 0)), "SCAN:BEST:0,DIST:0"),
    ],
)
def test_the_best_heading_of_a_scan_is_that_of_whole_numbers(
    readings: dict[int, tuple[int | None, int | None, int | None]], best: str
) -> None:
    world = ToldDistances()
    run = Run(world)
    run.until(1.04)  # in its rest: the measurements of one more loop come before it reads the command
    steps = [readings.get(step, (10, 10, 10)) for step in range(8)]
    world.told = iter([100, 100, 100, *(distance_cm for step in steps for distance_cm in step)])
    run.until(5.0, b"SCAN\n")
    assert [line for _, line in run.lines if line.startswith("SCAN:BEST")] == [best]
