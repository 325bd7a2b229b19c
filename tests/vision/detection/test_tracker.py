"""The tracker: who is who over frames, and when something is new, has moved or is gone. Times are numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges.vision.detection.tracker import MOST_OBJECTS, Change, Position, Rules, Tracker, third_of
from bridges.vision.detection.types import Detection

FRAME_S = 0.1
SIDE = 0.1


def at(x: float, y: float = 0.5, *, label: str = "ball", score: float = 0.8, side: float = SIDE) -> Detection:
    """A detection with its middle there."""
    return Detection(label, score, (x - side / 2, y - side / 2, x + side / 2, y + side / 2))


class Film:
    """A tracker that is shown one frame after the other."""

    def __init__(self, rules: Rules | None = None, frame_s: float = FRAME_S) -> None:
        self.tracker = Tracker(rules)
        self.now = 100.0
        self.frame_s = frame_s
        self.log: list[tuple[str, int]] = []

    def show(self, *detections: Detection, times: int = 1) -> list[str]:
        """Show a frame some times; what has happened, in words."""
        said: list[str] = []
        for _ in range(times):
            self.now += self.frame_s
            events = self.tracker.update(detections, self.now)
            said += [f"{event.track.label} {event.track.id} {event.change}" for event in events]
        return said

    def ids(self) -> dict[int, float]:
        """Each object's id, and where it is across."""
        return {track.id: track.centre[0] for track in self.tracker.tracks}


@pytest.fixture
def film() -> Film:
    return Film()


class TestNew:
    def test_an_object_is_new_when_it_was_seen_in_three_frames(self, film: Film) -> None:
        assert film.show(at(0.5)) == []
        assert film.show(at(0.5)) == []
        assert film.tracker.tracks == []
        assert film.show(at(0.5)) == ["ball 1 new"]
        assert film.show(at(0.5), times=20) == []
        (track,) = film.tracker.tracks
        assert (track.id, track.label, track.first_seen, track.last_seen) == (1, "ball", 100.1, film.now)

    def test_three_of_the_last_five_frames_do(self, film: Film) -> None:
        assert film.show(at(0.5)) + film.show() + film.show(at(0.5)) + film.show() == []
        assert film.show(at(0.5)) == ["ball 1 new"]

    def test_a_flicker_is_never_new(self, film: Film) -> None:
        for _ in range(50):
            assert film.show(at(0.5), times=1) + film.show(times=2) == []
        assert film.tracker.tracks == []

    def test_flicker_all_over_the_picture_is_never_new(self, film: Film) -> None:
        random = np.random.default_rng(1)
        for _ in range(300):
            assert film.show(at(*random.uniform(0.05, 0.95, 2).tolist(), side=0.03)) == []

    def test_the_median_score_decides_not_the_best(self, film: Film) -> None:
        assert film.show(at(0.5, score=0.9)) + film.show(at(0.5, score=0.3), times=5) == []
        assert film.show(at(0.5, score=0.6), times=6)[-1:] == ["ball 1 new"]

    def test_once_it_counts_a_weak_score_does_not_end_it(self, film: Film) -> None:
        film.show(at(0.5), times=5)
        assert film.show(at(0.5, score=0.26), times=30) == []
        assert film.tracker.tracks[0].score == pytest.approx(0.26)

    def test_the_score_that_is_told_is_the_median(self, film: Film) -> None:
        for score in (0.5, 0.9, 0.7, 0.6, 0.8):
            film.show(at(0.5, score=score))
        assert film.tracker.tracks[0].score == pytest.approx(0.7)

    def test_ids_are_never_used_again(self, film: Film) -> None:
        film.show(at(0.2), times=3)
        film.show(times=30)
        assert film.show(at(0.2), times=3) == ["ball 2 new"]

    def test_two_labels_at_one_place_are_two_objects(self, film: Film) -> None:
        ball, cone = at(0.5), at(0.5, label="cone")
        said = film.show(ball, cone) + film.show(cone, ball) + film.show(ball, cone)
        assert said == ["ball 1 new", "cone 2 new"]

    def test_another_label_at_the_place_of_an_object_is_another_object(self, film: Film) -> None:
        film.show(at(0.5), times=3)
        assert film.show(at(0.5, label="cone"), times=25) == ["cone 2 new", "ball 1 gone"]

    def test_the_rules_can_be_changed(self) -> None:
        film = Film(Rules(seen=1, frames=1))
        assert film.show(at(0.5)) == ["ball 1 new"]


class TestMoved:
    def test_jitter_is_no_movement_and_keeps_the_id(self, film: Film) -> None:
        random = np.random.default_rng(2)
        film.show(at(0.5), times=3)
        for _ in range(300):
            x, y = (0.5 + random.normal(0, 0.012, 2)).tolist()
            side = SIDE * float(random.uniform(0.8, 1.25))
            assert film.show(at(x, y, score=float(random.uniform(0.3, 0.9)), side=side)) == []
        assert list(film.ids()) == [1]

    def test_a_way_of_a_tenth_of_the_picture_is_told_again_and_again(self, film: Film) -> None:
        film.show(at(0.40), times=3)
        said = [film.show(at(0.40 + step * 0.021)) for step in range(1, 12)]
        assert [step for step, events in enumerate(said, 1) if events] == [5, 10]
        assert said[4] == ["ball 1 moved"]

    def test_a_change_of_the_third_is_told_at_once(self, film: Film) -> None:
        film.show(at(0.32), times=3)
        assert film.tracker.tracks[0].position is Position.LEFT
        assert film.show(at(0.35)) == []
        assert film.show(at(0.37)) == ["ball 1 moved"]
        assert film.tracker.tracks[0].position is Position.CENTRE

    def test_at_a_border_it_does_not_flap(self, film: Film) -> None:
        film.show(at(0.32), times=3)
        for x in itertools.islice(itertools.cycle([0.345, 0.325]), 40):
            assert film.show(at(x)) == []

    def test_the_event_tells_where_it_is(self, film: Film) -> None:
        film.show(at(0.2), times=3)
        film.now += 0.1
        (event,) = film.tracker.update([at(0.31)], film.now)
        assert event.change is Change.MOVED
        assert event.track.centre == (pytest.approx(0.31), pytest.approx(0.5))

    @pytest.mark.parametrize(
        ("x", "before", "position"),
        [
            (0.0, None, "left"),
            (0.33, None, "left"),
            (0.34, None, "centre"),
            (0.66, None, "centre"),
            (0.67, None, "right"),
            (0.35, Position.LEFT, "left"),
            (0.37, Position.LEFT, "centre"),
            (0.68, Position.LEFT, "right"),
            (0.31, Position.CENTRE, "centre"),
            (0.30, Position.CENTRE, "left"),
            (0.69, Position.CENTRE, "centre"),
            (0.70, Position.CENTRE, "right"),
            (0.65, Position.RIGHT, "right"),
            (0.63, Position.RIGHT, "centre"),
            (0.32, Position.RIGHT, "left"),
        ],
    )
    def test_thirds(self, x: float, before: Position | None, position: str) -> None:
        assert third_of(x, before, 0.03) == position


class TestGone:
    def test_an_object_is_gone_after_two_seconds_without_it(self, film: Film) -> None:
        film.show(at(0.5), times=3)
        assert film.show(times=19) == []
        assert len(film.tracker.tracks) == 1
        assert film.show(times=2) == ["ball 1 gone"]
        assert film.tracker.tracks == []

    def test_it_is_gone_by_time_alone_when_no_frames_come(self, film: Film) -> None:
        film.show(at(0.5), times=3)
        assert film.tracker.expire(film.now + 1.99) == []
        assert [event.change for event in film.tracker.expire(film.now + 2.0)] == [Change.GONE]
        assert film.tracker.expire(film.now + 9) == []

    def test_what_never_counted_goes_without_a_word(self, film: Film) -> None:
        film.show(at(0.5), times=2)
        assert film.show(times=40) == []

    def test_dropouts_keep_the_id(self, film: Film) -> None:
        """A detector that misses every second frame, and sometimes ten of them."""
        film.show(at(0.5), times=3)
        for missing in [1, 1, 3, 10, 1, 15, 2]:
            assert film.show(times=missing) + film.show(at(0.5)) == []
        assert list(film.ids()) == [1]

    def test_an_object_behind_another_one_comes_back_as_itself(self, film: Film) -> None:
        """A ball rolls behind a box, and comes out at its other side more than its own size further on."""
        said: list[str] = []
        for step in range(35):
            x = 0.1 + step * 0.02
            hidden = 0.31 < x < 0.47
            said += film.show(at(0.4, 0.45, label="box", side=0.3), *([] if hidden else [at(x, 0.6)]))
        assert [each for each in said if "new" in each] == ["box 1 new", "ball 2 new"]
        assert not any("gone" in each for each in said)

    def test_when_detection_ends_all_are_gone(self, film: Film) -> None:
        film.show(at(0.2), at(0.8), times=3)
        assert [(event.change, event.track.id) for event in film.tracker.clear()] == [("gone", 1), ("gone", 2)]
        assert film.tracker.tracks == []
        assert film.tracker.clear() == []


class TestWhoIsWho:
    def test_two_that_cross_keep_their_ids(self, film: Film) -> None:
        """Also while the detector takes both for one, as it does when they overlap."""
        for step in range(40):
            pair = [at(0.2 + step * 0.015, 0.49), at(0.8 - step * 0.015, 0.51)]
            merged = abs(pair[0].box[0] - pair[1].box[0]) < SIDE * 0.9
            film.show(*([pair[step % 2]] if merged else pair))
            if step == 5:
                left, right = sorted(film.ids(), key=film.ids().__getitem__)
        ids = film.ids()
        assert ids.keys() == {left, right}
        assert ids[left] > 0.7 > 0.3 > ids[right]

    def test_neighbours_do_not_swap(self, film: Film) -> None:
        random = np.random.default_rng(3)
        film.show(at(0.45), at(0.55), times=3)
        left, right = sorted(film.ids(), key=film.ids().__getitem__)
        for _ in range(200):
            jitter = random.normal(0, 0.008, 4).tolist()
            pair = [at(0.45 + jitter[0], 0.5 + jitter[1]), at(0.55 + jitter[2], 0.5 + jitter[3])]
            assert film.show(*(pair if random.random() < 0.5 else pair[::-1])) == []
        assert film.ids()[left] < 0.5 < film.ids()[right]

    def test_a_flicker_beside_an_object_does_not_take_its_place(self, film: Film) -> None:
        film.show(at(0.5), times=3)
        film.show(at(0.5), at(0.54))
        film.show(at(0.535))
        assert film.ids() == {1: pytest.approx(0.535)}

    def test_a_small_object_that_moves_by_its_own_size_each_frame_is_one(self, film: Film) -> None:
        said: list[str] = []
        for step in range(20):
            said += film.show(at(0.1 + step * 0.03, side=0.03))
        assert [each for each in said if "new" in each] == ["ball 1 new"]

    def test_at_two_frames_a_second_a_walking_person_is_one(self) -> None:
        film = Film(frame_s=0.5)
        said: list[str] = []
        for step in range(14):
            said += film.show(Detection("person", 0.7, (step * 0.06, 0.2, step * 0.06 + 0.15, 0.9)))
        assert [each for each in said if "new" in each] == ["person 1 new"]

    def test_a_turning_car_makes_all_move_and_none_new(self, film: Film) -> None:
        film.show(at(0.5), at(0.7), at(0.9), times=3)
        for step in range(30):
            shift = 0.4 * math.sin(step / 15 * math.pi) * 0.5
            said = film.show(at(0.5 - shift), at(0.7 - shift), at(0.9 - shift))
            assert not any("new" in each or "gone" in each for each in said)
        assert [x for _, x in sorted(film.ids().items())] == sorted(film.ids().values())


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_whatever_comes_the_bookkeeping_is_right(seed: int) -> None:
    """Each object is new once, then moves, then is gone once; and what is there is what was told."""
    random = np.random.default_rng(seed)
    tracker = Tracker(Rules(seen=2, frames=3, gone_after_s=0.5))
    alive: set[int] = set()
    ever: set[int] = set()
    now = 0.0
    for _ in range(60):
        now += float(random.choice([0.0, 0.05, 0.1, 0.4]))
        places = np.round(random.random((random.integers(0, 6), 2)) * 4) / 4
        boxes = [at(*place, label=str(random.choice(["ball", "cone"]))) for place in places.tolist()]
        events = tracker.clear() if random.random() < 0.02 else tracker.update(boxes, now)
        for event in events:
            number = event.track.id
            if event.change is Change.NEW:
                assert number not in ever
                alive.add(number)
                ever.add(number)
            else:
                assert number in alive
                if event.change is Change.GONE:
                    alive.remove(number)
        assert {track.id for track in tracker.tracks} == alive


def test_a_picture_full_of_noise_is_bounded(film: Film) -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        film.show(*(at(*random.random(2).tolist(), side=0.02, label=str(number % 80)) for number in range(300)))
    assert len(film.tracker.tracks) <= MOST_OBJECTS
