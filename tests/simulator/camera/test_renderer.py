"""The simulated camera: where things appear in the picture, what hides what, and labels that match the pixels."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartcar_mqtt.simulator.camera.furniture import FURNITURE
from smartcar_mqtt.simulator.camera.painters_order import painters_order
from smartcar_mqtt.simulator.camera.renderer import FOUND_KINDS, Camera, Frame, Label
from smartcar_mqtt.simulator.camera.scene import Scene, scene_of
from smartcar_mqtt.simulator.world.geometry import Box, Circle, Segment
from smartcar_mqtt.simulator.world.room import BoxObstacle, Lens, Obstacle, Room, RoundObstacle, Start, Wall
from smartcar_mqtt.simulator.world.world import World

COLUMNS, ROWS = 640, 480
AT_CENTRE = Lens(forward_m=0.0)
FOCUS_PX = COLUMNS / 2 / math.tan(math.radians(AT_CENTRE.opening_deg / 2))
RED, GREEN = "#e01010", "#10c010"


def ball(x: float, y: float, radius: float = 0.1, name: str = "ball") -> RoundObstacle:
    return RoundObstacle(name=name, kind="ball", at=(x, y), radius_m=radius, height_m=2 * radius, colour=RED)


def parcel(x: float, y: float, size: float = 0.3, height: float = 0.3, name: str = "parcel") -> BoxObstacle:
    return BoxObstacle(
        name=name, kind="box", at=(x, y), width_m=size, depth_m=size, height_m=height, colour=GREEN
    )  # fmt: skip


def before_the_car(
    *obstacles: Obstacle, heading_deg: float = 0.0, walls: tuple[Wall, ...] = (), **lens: float
) -> Scene:
    """The car at (0, 0) in the open, grey floor, these things before it."""
    return Scene(
        x_m=0, y_m=0, heading_deg=heading_deg, camera=Lens(**{"forward_m": 0.0, **lens}), walls=walls,
        obstacles=obstacles, floor_colour="#808080", floor_pattern="plain",
    )  # fmt: skip


def clear() -> Camera:
    return Camera(noise=0)


def coloured(frame: Frame, channel: int) -> np.ndarray:
    """Where a channel (blue 0, green 1, red 2) stands well above both others."""
    values = frame.astype(int)
    others = np.delete(values, channel, axis=2).max(axis=2)
    return np.asarray(values[:, :, channel] - others > 40)


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom around what is set."""
    rows, columns = np.nonzero(mask)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def only(labels: list[Label]) -> Label:
    (label,) = labels
    return label


class TestProjection:
    def test_a_ball_straight_ahead_is_in_the_middle_and_as_wide_as_a_pinhole_shows_it(self) -> None:
        label = only(clear().labelled(before_the_car(ball(0, 1.5)))[1])
        assert (label.left + label.right) / 2 == pytest.approx(COLUMNS / 2, abs=1)
        assert label.right - label.left == pytest.approx(0.2 / 1.5 * FOCUS_PX, rel=0.04)

    def test_the_foot_of_a_thing_stands_where_the_tilted_lens_shows_the_floor(self) -> None:
        scene = before_the_car(ball(0, 1.5, radius=0.02), height_m=0.13, pitch_deg=8.0)
        below = math.atan2(0.13, 1.5) + math.radians(8.0)
        assert only(clear().labelled(scene)[1]).bottom == pytest.approx(ROWS / 2 + FOCUS_PX * math.tan(below), abs=2)

    @pytest.mark.parametrize("turn_deg", [-20, -10, 10, 20])
    def test_it_moves_left_when_the_car_turns_right_and_the_other_way(self, turn_deg: float) -> None:
        label = only(clear().labelled(before_the_car(ball(0, 2.0), heading_deg=turn_deg, pitch_deg=0.0))[1])
        expected = COLUMNS / 2 - FOCUS_PX * math.tan(math.radians(turn_deg))
        assert (label.left + label.right) / 2 == pytest.approx(expected, abs=3)

    def test_it_grows_as_the_car_comes_nearer(self) -> None:
        widths = []
        for metres in (3.0, 2.0, 1.0, 0.5):
            label = only(clear().labelled(before_the_car(ball(0, metres)))[1])
            widths.append(label.right - label.left)
        assert widths == sorted(widths)
        assert widths[-1] > 5 * widths[0]

    def test_what_is_behind_the_car_is_not_seen(self) -> None:
        frame, labels = clear().labelled(before_the_car(ball(0, -1.0), parcel(0.4, -0.3)))
        assert labels == []
        assert not coloured(frame, 2).any()
        assert not coloured(frame, 1).any()

    def test_the_lens_stands_ahead_of_the_middle_of_the_car(self) -> None:
        near = only(clear().labelled(before_the_car(ball(0, 1.0), forward_m=0.2))[1])
        same = only(clear().labelled(before_the_car(ball(0, 0.8)))[1])
        assert near == same

    def test_a_camera_on_the_body_does_not_care_for_the_servo_and_one_on_it_pans_to_the_left_beyond_90(self) -> None:
        fixed = Scene(x_m=0, y_m=0, heading_deg=30, servo_deg=120)
        panned = Scene(x_m=0, y_m=0, heading_deg=30, servo_deg=120, camera=Lens(on_servo=True))
        assert (fixed.view_deg, panned.view_deg) == (30, 0)

    def test_a_picture_of_half_the_size_shows_the_same(self) -> None:
        scene = before_the_car(ball(0.2, 1.5))
        whole, half = (only(Camera(size, noise=0).labelled(scene)[1]) for size in ((640, 480), (320, 240)))
        assert tuple(each / 2 for each in whole[2:]) == pytest.approx(half[2:], abs=1.5)


class TestHiding:
    def test_a_wall_hides_what_stands_behind_it(self) -> None:
        wall = Wall(points=((-2, 1.0), (2, 1.0)))
        frame, labels = clear().labelled(before_the_car(ball(0, 1.5), walls=(wall,)))
        assert labels == []
        assert not coloured(frame, 2).any()

    def test_what_stands_before_the_wall_is_seen(self) -> None:
        wall = Wall(points=((-2, 2.0), (2, 2.0)))
        assert only(clear().labelled(before_the_car(ball(0, 1.5), walls=(wall,)))[1]).kind == "ball"

    @pytest.mark.parametrize(("ball_y", "seen"), [(0.7, True), (1.4, False)])
    def test_of_two_things_the_nearer_one_is_in_front(self, ball_y: float, seen: bool) -> None:
        frame = clear().picture(before_the_car(parcel(0, 1.0, 0.4, 0.5), ball(0, ball_y, 0.06)))
        assert coloured(frame, 2).any() == seen

    def test_a_long_wall_beside_a_ball_does_not_cover_it_though_its_middle_is_nearer(self) -> None:
        beside = Wall(points=((0.3, 0.2), (0.3, 6.0)))
        frame, labels = clear().labelled(before_the_car(ball(0, 3.9), walls=(beside,)))
        assert only(labels).kind == "ball"
        behind = before_the_car(ball(0.6, 1.5), walls=(beside,))
        assert clear().labelled(behind)[1] == []
        assert coloured(frame, 2).any()

    def test_a_thing_that_is_half_hidden_keeps_the_box_of_what_is_seen_and_beyond_that_has_none(self) -> None:
        whole = only(clear().labelled(before_the_car(ball(0, 2.0, 0.2)))[1])
        for shift, expected in ((0.10, True), (-0.05, False)):
            shield = parcel(shift + 0.3, 1.0, 0.6, 0.6)
            labels = [
                each for each in clear().labelled(before_the_car(ball(0, 2.0, 0.2), shield))[1] if each.kind == "ball"
            ]
            assert bool(labels) == expected
            if labels:
                assert labels[0].left == whole.left
                assert labels[0].right < whole.right - 10

    def test_the_order_is_right_where_distances_alone_would_mislead(self) -> None:
        long, small = Segment(-5, 1, 5, 1.2), Circle(4, 0.95, 0.1)
        assert painters_order([small, long], lambda each: each, (0, 0)) == [long, small]
        box, before, behind = Box(0, 2, 2, 0.5, 0, 1), Circle(1.9, 1.3, 0.1), Segment(-3, 2.6, 3, 2.6)
        for things in ([box, before, behind], [before, behind, box], [behind, box, before]):
            assert painters_order(things, lambda each: each, (0, 0)) == [behind, box, before]

    def test_things_within_each_other_keep_their_order(self) -> None:
        outer, inner = Box(0, 2, 1, 1, 0, 1), Box(0, 2, 0.1, 0.1, 0, 1)
        assert painters_order([outer, inner], lambda each: each, (0, 0)) == [outer, inner]


class TestLabels:
    @pytest.mark.parametrize("at", [(0.0, 0.8), (0.3, 1.2), (-0.5, 2.0)])
    @pytest.mark.parametrize(("thing", "channel"), [(ball, 2), (parcel, 1)])
    def test_the_box_lies_around_the_pixels(self, thing: type, channel: int, at: tuple[float, float]) -> None:
        frame, labels = clear().labelled(before_the_car(thing(*at)))
        assert only(labels)[2:] == pytest.approx(bounds(coloured(frame, channel)), abs=2)

    @pytest.mark.parametrize("kind", FOUND_KINDS)
    def test_each_kind_is_labelled_with_its_name(self, kind: str) -> None:
        thing: Obstacle = RoundObstacle(name="it", kind=kind, at=(0, 2.0), radius_m=0.15, height_m=0.5)
        if kind == "box":
            thing = parcel(0, 2.0, name="it")
        assert [(each.kind, each.name) for each in clear().labelled(before_the_car(thing))[1]] == [(kind, "it")]

    @pytest.mark.parametrize("kind", [*FURNITURE, "something else"])
    @pytest.mark.parametrize("shape", ["circle", "rectangle"])
    def test_all_else_is_drawn_in_any_shape_and_not_labelled(self, kind: str, shape: str) -> None:
        thing: Obstacle = RoundObstacle(name="it", kind=kind, at=(0, 2.0), radius_m=0.3, height_m=0.8)
        if shape == "rectangle":
            thing = BoxObstacle(name="it", kind=kind, at=(0, 2.0), width_m=0.9, depth_m=0.5, height_m=0.8)
        empty = clear().picture(before_the_car())
        frame, labels = clear().labelled(before_the_car(thing))
        assert labels == []
        assert np.any(frame[:250, 300:340] != empty[:250, 300:340])

    def test_what_is_far_and_small_is_not_labelled(self) -> None:
        assert clear().labelled(before_the_car(ball(0, 16.0, 0.05)))[1] == []

    def test_what_sticks_in_only_at_the_edge_is_not_labelled(self) -> None:
        edge = 1.5 * (COLUMNS / 2) / FOCUS_PX
        assert clear().labelled(before_the_car(ball(edge + 0.08, 1.5)))[1] == []
        assert only(clear().labelled(before_the_car(ball(edge, 1.5)))[1]).right == COLUMNS

    @settings(max_examples=60, deadline=None)
    @given(st.floats(0.01, 3.99), st.floats(0.01, 2.99), st.floats(0, 360))
    def test_from_everywhere_even_from_within_a_thing_there_is_a_picture_with_boxes_inside_it(
        self, x: float, y: float, heading: float
    ) -> None:
        world = World.load("living_room")
        world.set_pose(x, y, heading)
        frame, labels = Camera((160, 120), noise=0).labelled(scene_of(world))
        assert frame.shape == (120, 160, 3)
        assert frame.dtype == np.uint8
        for each in labels:
            assert 0 <= each.left < each.right <= 160
            assert 0 <= each.top < each.bottom <= 120
        assert len({each.name for each in labels}) == len(labels)

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(["ball", "cone", "person", "box", "couch", "table", "shelf", "cabinet", "chair", "plant"]),
        st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)) | st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
        st.floats(1e-6, 1e4),
        st.floats(1e-6, 1e4),
    )
    def test_whatever_is_put_anywhere_in_any_size_there_is_a_picture(
        self, kind: str, at: tuple[float, float], size: float, height: float
    ) -> None:
        for thing in (
            RoundObstacle(name="it", kind=kind, at=at, radius_m=size, height_m=height),
            BoxObstacle(name="it", kind=kind, at=at, width_m=size, depth_m=2 * size, height_m=height, turned_deg=30),
        ):
            frame, _ = Camera((80, 60)).labelled(before_the_car(thing))
            assert frame.shape == (60, 80, 3)


class TestLightAndNoise:
    def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(self) -> None:
        scene = before_the_car(ball(0, 1.5))
        series = []
        for seed in (1, 1, 2):
            camera = Camera(noise=3.0, seed=seed)
            series.append([camera.picture(scene) for _ in range(3)])
        assert all(np.array_equal(a, b) for a, b in zip(series[0], series[1], strict=True))
        assert not np.array_equal(series[0][0], series[2][0])
        assert not np.array_equal(series[0][0], series[0][1])

    def test_noise_has_the_strength_that_is_asked_for(self) -> None:
        scene = before_the_car()
        noisy, plain = Camera(noise=4.0).picture(scene), clear().picture(scene)
        off = noisy.astype(int)[300:] - plain.astype(int)[300:]
        assert off.std() == pytest.approx(4.0, rel=0.1)
        assert abs(off.mean()) < 0.2

    def test_light_makes_all_darker_and_can_tint(self) -> None:
        scene = before_the_car()
        plain = clear().picture(scene).astype(float)
        dark = Camera(noise=0, light=0.5).picture(scene)
        warm = Camera(noise=0, light=(0.8, 1.0, 1.0)).picture(scene)
        assert dark.mean() == pytest.approx(plain.mean() / 2, abs=1)
        assert (warm[:, :, 0].mean() / plain[:, :, 0].mean()) == pytest.approx(0.8, abs=0.01)
        assert np.array_equal(warm[:, :, 2], plain[:, :, 2])

    def test_each_picture_is_an_array_of_its_own(self) -> None:
        camera = clear()
        first = camera.picture(before_the_car(ball(0, 1.5)))
        kept = first.copy()
        camera.picture(before_the_car(parcel(0, 1.0)))
        assert np.array_equal(first, kept)


class TestWorld:
    def test_a_ball_and_a_person_put_into_the_world_are_seen_and_taken_out_again(self) -> None:
        world = World(Room(start=Start(at=(0.0, 0.0)), camera=AT_CENTRE))
        world.put_obstacle(ball(-0.3, 1.5))
        world.put_obstacle(RoundObstacle(name="eve", kind="person", at=(0.4, 2.5), radius_m=0.22, height_m=1.7))
        assert {each.name for each in clear().labelled(scene_of(world))[1]} == {"ball", "eve"}
        world.move_obstacle("ball", 0, -1)
        world.remove_obstacle("eve")
        assert clear().labelled(scene_of(world))[1] == []

    def test_a_scene_stays_as_it_was_taken(self) -> None:
        world = World(Room(start=Start(at=(0.0, 0.0)), camera=AT_CENTRE, obstacles=(ball(0, 1.5),)))
        before = scene_of(world)
        world.remove_obstacle("ball")
        assert [each.name for each in before.obstacles] == ["ball"]

    def test_driving_forward_makes_the_ball_grow(self) -> None:
        world = World(Room(start=Start(at=(0.0, 0.0)), obstacles=(ball(0, 2.0),)))
        first = only(clear().labelled(scene_of(world))[1])
        world.drive(255, 255)
        world.step(2.0)
        later = only(clear().labelled(scene_of(world))[1])
        assert later.right - later.left > 1.4 * (first.right - first.left)

    def test_the_living_room_shows_two_things_to_find_at_the_start_and_the_others_after_a_turn(self) -> None:
        world = World.load("living_room")
        seen = {each.kind for each in clear().labelled(scene_of(world))[1]}
        assert seen == {"ball", "person"}
        world.set_pose(1.4, 0.8, 60)
        assert {each.kind for each in clear().labelled(scene_of(world))[1]} >= {"cone", "box"}

    def test_the_simulated_car_itself_needs_neither_numpy_nor_opencv(self) -> None:
        code = (
            "import sys, smartcar_mqtt.simulator.control.process, smartcar_mqtt.simulator.control.client; "
            "print(sorted({'numpy', 'cv2'} & set(sys.modules)))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "[]"
