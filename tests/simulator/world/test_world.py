"""The simulated room: loading, sonars, gas, kinematics, collisions."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from smartcar_mqtt.simulator.world.room import (
    BoxObstacle,
    Car,
    Gas,
    Room,
    RoomError,
    RoundObstacle,
    Sonar,
    Start,
    Wall,
    load_room,
    parse_room,
)
from smartcar_mqtt.simulator.world.world import World

CENTRE = 1
RADIUS_M = 0.11
KEYS = st.sampled_from(["start", "at", "walls", "points", "obstacles", "shape", "name", "car", "sonars"])
YAML_DATA = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def at_origin(obstacle: str) -> str:
    """A room file with the car at (0, 0) and this obstacle."""
    return f"start: {{at: [0, 0]}}\nobstacles: [{obstacle}]"


def open_field(**parts: object) -> Room:
    """No walls at all, the car at (0, 0) looking north."""
    return Room(**{"start": Start(at=(0.0, 0.0)), **parts})  # type: ignore[arg-type]


def wall_ahead(distance_m: float, *, turned_deg: float = 0.0) -> Room:
    """A long wall whose nearest point straight ahead is that far from the front of the car."""
    away, turn = distance_m + RADIUS_M, math.radians(turned_deg)
    along = (5 * math.cos(turn), 5 * math.sin(turn))
    return open_field(walls=(Wall(points=((-along[0], away - along[1]), (along[0], away + along[1]))),))


class TestRoomFiles:
    @pytest.mark.parametrize("name", ["living_room", "corridor"])
    def test_shipped_rooms_can_be_used(self, name: str) -> None:
        assert World.load(name).clearance_m > 0.05

    def test_the_living_room_has_a_metre_and_a_half_ahead_and_things_for_a_camera(self) -> None:
        world = World.load("living_room")
        ahead = world.distance_cm(CENTRE)
        assert ahead is not None
        assert 140 <= ahead <= 160
        assert {"ball", "person", "chair"} <= {each.kind for each in world.obstacles}

    def test_in_the_corridor_nothing_answers_straight_ahead(self) -> None:
        assert World.load("corridor").distance_cm(CENTRE) is None

    def test_a_room_file_of_ones_own(self, tmp_path: Path) -> None:
        path = tmp_path / "cell.yaml"
        path.write_text("start: {at: [1, 1], heading_deg: 90}\n")
        assert World.load(path).pose == (1, 1, pytest.approx(90))
        assert World.load(str(path)).pose == (1, 1, pytest.approx(90))

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "start: {at: [0, 0]}\nwals: []",
                'r.yaml: the room has the unknown key "wals": write "walls" or remove it.',
            ),
            ("start: {at: [0, 0]}\nqqqqqq: []", 'r.yaml: the room has the unknown key "qqqqqq": remove it.'),
            ("walls: []", 'r.yaml: the room lacks the key "start": add it.'),
            (
                "start: {at: [0, 0]}\ncar: {radius_m: wide}",
                "r.yaml: car.radius_m is wrong (expected `float`, got `str`): correct the value.",
            ),
            (
                "start: {at: [0, 0]}\ncar: {radius_m: -1}",
                "r.yaml: car.radius_m is wrong (expected `float` > 0.0): correct the value.",
            ),
            (
                "start: {at: [0, 0]}\nwalls: [{points: [[1, 1]]}]",
                "r.yaml: walls[0].points has fewer than 2 different points: add the end.",
            ),
            (
                at_origin("{shape: circle, name: pouf, kind: chair, at: [0.2, 0], radius_m: 0.2}"),
                'r.yaml: start.at puts the car into obstacles[0] "pouf": move one of them.',
            ),
            (
                at_origin("{shape: rectangle, name: bed, kind: bed, at: [0, 0], width_m: 2, depth_m: 2}"),
                'r.yaml: start.at puts the car into obstacles[0] "bed": move one of them.',
            ),
            (
                "start: {at: [0, 0]}\nwalls: [{points: [[-1, 0.05], [1, 0.05]]}]",
                "r.yaml: start.at puts the car into walls[0]: move one of them.",
            ),
            ("start: {at: [.nan, 0]}", "r.yaml: start.at[0] is nan, beyond any room: write an ordinary number."),
        ],
    )
    def test_what_is_wrong_is_told_in_one_sentence_with_file_key_and_fix(self, text: str, sentence: str) -> None:
        with pytest.raises(RoomError) as error:
            parse_room(text, source="r.yaml")
        assert str(error.value) == sentence

    def test_two_obstacles_of_one_name_are_an_error(self) -> None:
        ball = "{shape: circle, name: ball, kind: ball, at: [2, 2], radius_m: 0.1}"
        with pytest.raises(RoomError, match='obstacles has the name "ball" 2 times'):
            parse_room(at_origin(f"{ball}, {ball}"), source="r.yaml")

    def test_broken_yaml_names_the_line(self) -> None:
        with pytest.raises(RoomError, match=r"this is not YAML .*line \d"):
            parse_room("start: {at: [0, 0]}\nwalls: [", source="r.yaml")

    def test_an_unknown_name_lists_the_shipped_rooms(self) -> None:
        with pytest.raises(RoomError, match="corridor, living_room"):
            load_room("ballroom")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(RoomError, match=r"nowhere\.yaml"):
            load_room(tmp_path / "nowhere.yaml")

    @given(YAML_DATA)
    def test_whatever_is_written_a_room_or_a_room_error_comes_out(self, data: object) -> None:
        with contextlib.suppress(RoomError):
            assert isinstance(parse_room(yaml.safe_dump(data), source="r.yaml"), Room)


class TestSonar:
    @pytest.mark.parametrize("distance_m", [0.02, 0.1, 0.2, 0.205, 1.0, 4.0, 5.0])
    def test_a_wall_ahead_reads_its_distance_in_whole_centimetres_cut_off(self, distance_m: float) -> None:
        assert World(wall_ahead(distance_m)).distance_cm(CENTRE) == int(distance_m * 100 + 1e-6)

    def test_beyond_its_range_there_is_no_echo(self) -> None:
        assert World(wall_ahead(5.2)).distance_cm(CENTRE) is None

    def test_an_empty_room_has_no_echo(self) -> None:
        assert [World(open_field()).distance_cm(sensor) for sensor in range(3)] == [None, None, None]

    def test_touching_reads_0_and_just_in_front_reads_the_least_the_sensor_can(self) -> None:
        world = World(wall_ahead(1.0))
        world.set_pose(0, 0.995, 0)
        assert world.distance_cm(CENTRE) == 0
        world.set_pose(0, 0.985, 0)
        assert world.distance_cm(CENTRE) == 2

    def test_left_centre_and_right_look_30_degrees_apart(self) -> None:
        for sensor, degrees in enumerate((-30, 0, 30)):
            bearing = math.radians(degrees)
            at = (1.5 * math.sin(bearing), 1.5 * math.cos(bearing))
            ball = RoundObstacle(name="ball", kind="ball", at=at, radius_m=0.1)
            world = World(open_field(obstacles=(ball,)))
            heard = [world.distance_cm(each) for each in range(3)]
            assert heard[sensor] == 129  # 1.5 m less the ball and the car, 1.29 m, from rim to rim
            assert [cm for number, cm in enumerate(heard) if abs(number - sensor) > 1] in ([None], [])

    def test_the_headings_are_those_of_a_compass(self) -> None:
        east = BoxObstacle(name="box", kind="box", at=(2.0, 0.0), width_m=1.0, depth_m=1.0)
        world = World(open_field(obstacles=(east,)))
        assert world.distance_cm(CENTRE) is None
        world.set_pose(0, 0, 90)
        assert world.distance_cm(CENTRE) == 139
        world.set_pose(0, 0, 120)
        assert world.distance_cm(0) == 139

    def test_a_turned_box_is_nearer_with_its_corner(self) -> None:
        box = BoxObstacle(name="box", kind="box", at=(0.0, 2.0), width_m=1.0, depth_m=1.0, turned_deg=45)
        sonars = tuple(Sonar(name=name, bearing_deg=0, grazing_deg=None) for name in "abc")
        world = World(open_field(obstacles=(box,), sonars=sonars))
        assert world.distance_cm(CENTRE) == int((2 - math.sqrt(0.5) - RADIUS_M) * 100)

    @pytest.mark.parametrize("x", [index / 100 for index in range(-24, 25, 3)])
    def test_a_thin_table_leg_anywhere_in_the_cone_is_heard(self, x: float) -> None:
        leg = RoundObstacle(name="leg", kind="table", at=(x, 1.11), radius_m=0.01)
        assert World(open_field(obstacles=(leg,))).distance_cm(CENTRE) == int((math.hypot(x, 1.0) - 0.01) * 100)

    def test_a_wall_hit_at_a_grazing_angle_throws_the_sound_away(self) -> None:
        assert World(wall_ahead(1.0, turned_deg=30)).distance_cm(CENTRE) is not None
        assert World(wall_ahead(1.0, turned_deg=80)).distance_cm(CENTRE) is None

    def test_without_the_grazing_rule_the_same_wall_answers(self) -> None:
        room = wall_ahead(1.0, turned_deg=80)
        sonars = tuple(Sonar(name=name, bearing_deg=0, grazing_deg=None) for name in "abc")
        world = World(Room(start=room.start, walls=room.walls, sonars=sonars))
        assert world.distance_cm(CENTRE) is not None

    def test_what_stands_in_front_hides_what_stands_behind(self) -> None:
        world = World(wall_ahead(2.0))
        world.put_obstacle(RoundObstacle(name="ball", kind="ball", at=(0, 1.0), radius_m=0.1))
        assert world.distance_cm(CENTRE) == 79
        world.move_obstacle("ball", 0, 1.5)
        assert world.distance_cm(CENTRE) == 129
        world.remove_obstacle("ball")
        assert world.distance_cm(CENTRE) == 200

    def test_noise_and_missed_echoes_come_from_the_seed(self) -> None:
        sonars = tuple(Sonar(name=name, bearing_deg=0, noise_cm=2, no_echo_chance=0.2) for name in "abc")
        room = Room(start=Start(at=(0, 0)), walls=wall_ahead(1.0).walls, sonars=sonars)
        first, again, other = (World(room, seed=seed) for seed in (1, 1, 2))
        series = [[world.distance_cm(CENTRE) for _ in range(200)] for world in (first, again, other)]
        assert series[0] == series[1] != series[2]
        assert 20 <= series[0].count(None) <= 60
        heard = [cm for cm in series[0] if cm is not None]
        assert 98.5 <= sum(heard) / len(heard) <= 100.5
        assert max(heard) - min(heard) > 4


class TestGas:
    def test_it_is_clean_air_plus_a_cloud_that_thins_out(self) -> None:
        world = World(open_field(gas=Gas(at=(0, 0), strength_raw=1000, radius_m=1.0, clean_air_raw=200)))
        assert world.gas_raw() == 1200
        world.set_pose(1, 0, 0)
        assert world.gas_raw() == 200 + round(1000 / math.e)
        world.set_pose(9, 0, 0)
        assert world.gas_raw() == 200

    def test_it_is_a_12_bit_number_and_can_be_set(self) -> None:
        world = World(open_field(gas=Gas(clean_air_raw=200)))
        world.set_gas_raw(9999)
        assert world.gas_raw() == 4095
        world.set_gas_raw(0)
        assert world.gas_raw() == 200


class TestDriving:
    def test_forward_at_full_power_makes_full_speed_after_the_lag(self) -> None:
        world = World(open_field())
        world.drive(255, 255)
        world.step(2.0)
        assert world.speed_m_s == pytest.approx(0.45)
        assert world.pose == (pytest.approx(0), pytest.approx(0.45 * (2 - 0.06), abs=1e-6), 0)

    def test_half_power_is_half_speed_and_minus_is_backwards(self) -> None:
        world = World(open_field())
        world.drive(-128, -128)
        world.step(2.0)
        assert world.speed_m_s == pytest.approx(-0.45 * 128 / 255)

    def test_the_car_coasts_a_little_after_the_power_is_off(self) -> None:
        world = World(open_field())
        world.drive(255, 255)
        world.step(1.0)
        before = world.pose.y_m
        world.drive(0, 0)
        world.step(1.0)
        assert world.pose.y_m - before == pytest.approx(0.45 * 0.06, abs=0.001)
        assert world.speed_m_s == 0

    def test_without_lag_it_starts_and_stops_at_once(self) -> None:
        world = World(open_field(car=Car(motor_lag_s=0, coast_lag_s=0)))
        world.drive(255, 255)
        world.step(1.0)
        world.drive(0, 0)
        world.step(1.0)
        assert world.pose.y_m == pytest.approx(0.45)

    def test_200_ms_of_turning_are_45_degrees_clockwise_when_the_left_wheel_goes_forward(self) -> None:
        world = World(open_field())
        world.drive(255, -255)
        world.step(0.2)
        world.drive(0, 0)
        world.step(1.0)
        assert world.pose.heading_deg == pytest.approx(45, abs=0.1)
        assert math.hypot(*world.pose[:2]) < 1e-9

    def test_the_way_does_not_depend_on_how_time_is_cut(self) -> None:
        fine, coarse = World(open_field()), World(open_field())
        for world in (fine, coarse):
            world.drive(255, 100)
        coarse.step(3.0)
        for _ in range(1000):
            fine.step(0.003)
        assert fine.pose == pytest.approx(coarse.pose, abs=1e-3)

    def test_time_does_not_go_backwards(self) -> None:
        with pytest.raises(ValueError, match="backwards"):
            World(open_field()).step(-0.1)

    def test_reset_puts_everything_back(self) -> None:
        world = World.load("living_room", seed=5)
        first = [world.distance_cm(CENTRE) for _ in range(20)]
        world.drive(255, 100)
        world.remove_obstacle("ball")
        world.set_gas_raw(4000)
        world.step(5)
        world.reset()
        assert world.pose == (2.0, 1.0, 0.0)
        assert world.speed_m_s == 0
        assert "ball" in {each.name for each in world.obstacles}
        assert [world.distance_cm(CENTRE) for _ in range(20)] == first


class TestCollisions:
    def test_a_wall_stops_the_car_which_touches_it_and_is_counted_once(self) -> None:
        world = World(wall_ahead(0.5))
        world.drive(255, 255)
        world.step(5.0)
        assert world.pose.y_m == pytest.approx(0.5, abs=0.005)
        assert world.touching
        assert world.collisions == 1
        assert world.distance_cm(CENTRE) == 0

    def test_it_can_turn_and_back_away_and_then_is_free(self) -> None:
        world = World(wall_ahead(0.5))
        world.drive(255, 255)
        world.step(3.0)
        world.drive(255, -255)
        world.step(1.0)
        assert world.pose.heading_deg > 90
        world.set_pose(*world.pose[:2], 0)
        world.drive(-255, -255)
        world.step(1.0)
        assert not world.touching
        assert world.pose.y_m < 0.2

    def test_what_is_put_onto_the_car_does_not_trap_it_for_ever(self) -> None:
        world = World(open_field())
        world.put_obstacle(RoundObstacle(name="cat", kind="cat", at=(0, 0.2), radius_m=0.15))
        world.drive(255, 255)
        world.step(1.0)
        assert world.pose.y_m == 0
        world.drive(-255, -255)
        world.step(1.0)
        assert world.pose.y_m < -0.3

    @given(
        st.lists(st.tuples(st.integers(-255, 255), st.integers(-255, 255), st.floats(0, 1.5)), max_size=20),
    )
    def test_no_drive_whatever_ends_inside_something(self, moves: list[tuple[int, int, float]]) -> None:
        world = World.load("living_room")
        for left, right, seconds in moves:
            world.drive(left, right)
            world.step(seconds)
            assert world.clearance_m >= -1e-9


def test_60_s_of_driving_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    def drive(seed: int) -> list[object]:
        world = World.load("living_room", seed=seed)
        seen: list[object] = []
        for tick in range(6000):
            if tick % 60 == 0:
                left, right = [(255, 255), (255, -255), (-255, -255), (200, 255)][tick // 60 % 4]
                world.drive(left, right)
            world.step(0.01)
            if tick % 8 == 0:
                seen += [world.pose, *(world.distance_cm(sensor) for sensor in range(3)), world.gas_raw()]
        return seen

    assert drive(1) == drive(1)
    assert drive(1) != drive(2)
