"""The face in time: transitions, what comes on top of an expression, sleep, and when there is something to draw."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import msgspec
import pytest

from bridges.display.animation.animator import FARTHEST, TRANSITION_S, Animator
from bridges.display.animation.gaze import RELEASE_S
from bridges.display.face.expressions import EXPRESSIONS, Pose

START = 1000.0
FPS = 15
SLEEP_AFTER_S = 300.0


class Film:
    """An animator, and its clock."""

    def __init__(self, *, seed: int = 1, sleep_after: float = SLEEP_AFTER_S, fps: float = FPS) -> None:
        self.now = START
        self.animator = Animator(random.Random(seed), START, fps=fps, sleep_after=sleep_after)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def express(self, name: str, *, rests: bool = False, settle: bool = True) -> None:
        self.animator.express(name, self.now, rests=rests)
        if settle:
            self.look()
            self.pass_time(1)

    @property
    def pose(self) -> Pose:
        return self.animator.pose(self.now)

    def look(self) -> None:
        """Ask for the pose as somebody does who draws it."""
        self.animator.pose(self.now)

    @property
    def expression(self) -> str:
        return self.animator.expression(self.now)

    def frames(self, seconds: float, hz: float = FPS) -> list[Pose]:
        """Poses at a fixed rate."""
        poses = []
        for _ in range(round(seconds * hz)):
            poses.append(self.pose)
            self.pass_time(1 / hz)
        return poses

    def play(self, seconds: float, act: Callable[[float], None] = lambda _now: None) -> list[tuple[float, Pose]]:
        """Poses at the moments that the animator asks for."""
        end = self.now + seconds
        shown = []
        while True:
            act(self.now)
            shown.append((self.now, self.pose))
            due = self.animator.next_change(self.now)
            if due is None or due > end:
                self.now = end
                return shown
            assert due > self.now
            self.now = due


@pytest.fixture
def film() -> Film:
    return Film()


def distance(a: Pose, b: Pose) -> float:
    """How different two faces are, by what differs most; degrees count as a full turn."""
    differences = (abs(x - y) for x, y in zip(msgspec.structs.astuple(a), msgspec.structs.astuple(b), strict=True))
    return max(
        difference / (360 if field in {"highlight_angle", "spin", "tilt"} else 1)
        for field, difference in zip(Pose.__struct_fields__, differences, strict=True)
    )


def without_highlight(pose: Pose) -> Pose:
    return msgspec.structs.replace(pose, highlight_angle=0.0)


def openness(pose: Pose) -> float:
    return max(pose.eye_open_left, pose.eye_open_right)


class TestTransitions:
    @pytest.mark.parametrize("name", EXPRESSIONS)
    def test_every_expression_is_reached(self, film: Film, name: str) -> None:
        film.express(name, settle=False)
        before = film.pose
        film.pass_time(TRANSITION_S)
        wanted = msgspec.structs.asdict(EXPRESSIONS[name])
        found = msgspec.structs.asdict(film.pose)
        for field in wanted.keys() - {"highlight_angle", "mouth_open"}:  # which go on by themselves
            assert found[field] == pytest.approx(wanted[field], abs=0.02), field
        assert before == EXPRESSIONS["base"]

    def test_they_are_eased_at_both_ends(self, film: Film) -> None:
        film.express("sad", settle=False)
        curves = [pose.mouth_curve for pose in film.frames(TRANSITION_S + 0.1, hz=200)]
        steps = [abs(b - a) for a, b in itertools.pairwise(curves)]
        assert steps[0] < max(steps) / 5
        assert steps[round(TRANSITION_S * 200) - 1] < max(steps) / 5
        assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(curves))

    def test_a_change_during_a_transition_goes_on_from_what_is_shown(self, film: Film) -> None:
        film.express("surprised", settle=False)
        film.pass_time(TRANSITION_S / 2)
        shown = film.pose
        film.express("sad", settle=False)
        assert distance(film.pose, shown) < 0.01
        film.pass_time(TRANSITION_S + 0.001)
        assert film.pose.mouth_curve == EXPRESSIONS["sad"].mouth_curve

    def test_nothing_ever_jumps(self) -> None:
        film = Film(seed=7)
        chance = random.Random(7)
        last = film.pose
        for number in range(8000):
            film.pass_time(0.005)
            if number % 90 == 0:
                film.express(chance.choice(list(EXPRESSIONS)), settle=False)
            if number % 37 == 0:
                film.animator.speech(chance.random(), film.now)
            if 2000 < number < 5000 and number % 20 == 0:
                film.animator.watch((chance.uniform(-1, 1), chance.uniform(-1, 1)), film.now)
            pose = film.pose
            assert distance(without_highlight(pose), without_highlight(last)) < 0.2
            turned = abs(pose.highlight_angle - last.highlight_angle)
            assert min(turned, 360 - turned) < 15
            last = pose


class TestBlinks:
    @pytest.mark.parametrize("name", ["base", "happy", "listening", "sad", "look_left", "excited"])
    def test_open_eyes_blink(self, film: Film, name: str) -> None:
        film.express(name)
        assert min(openness(pose) for pose in film.frames(20, hz=50)) < 0.1

    def test_both_eyes_do(self, film: Film) -> None:
        film.express("base")
        for pose in film.frames(20, hz=50):
            assert pose.eye_open_left == pose.eye_open_right

    def test_closed_eyes_do_not(self, film: Film) -> None:
        film.express("sleep")
        assert film.animator.next_change(film.now) is None
        assert {openness(pose) for pose in film.frames(60, hz=10)} == {0.0}

    def test_nobody_blinks_on_waking(self, film: Film) -> None:
        film.express("sleep")
        film.pass_time(100)
        film.express("base", settle=False)
        opening = [openness(pose) for pose in film.frames(3, hz=50)]
        assert opening == sorted(opening)


class TestGaze:
    def pupils(self, film: Film, seconds: float) -> set[tuple[float, float]]:
        return {(pose.pupil_x, pose.pupil_y) for pose in film.frames(seconds)}

    def test_the_face_looks_about_when_it_is_left_to_itself(self, film: Film) -> None:
        film.express("base")
        assert len(self.pupils(film, 60)) > 10

    @pytest.mark.parametrize("name", sorted(set(EXPRESSIONS) - {"base"}))
    def test_other_faces_look_where_they_look(self, film: Film, name: str) -> None:
        film.express(name)
        assert self.pupils(film, 60) == {(EXPRESSIONS[name].pupil_x, EXPRESSIONS[name].pupil_y)}

    @pytest.mark.parametrize("name", ["base", "happy", "listening", "speaking", "excited"])
    def test_it_looks_at_a_person(self, film: Film, name: str) -> None:
        film.express(name)
        for _ in range(15):
            film.animator.watch((1.0, 0.0), film.now)
            film.pass_time(0.1)
        assert film.pose.pupil_x > EXPRESSIONS[name].pupil_x + 0.5

    @pytest.mark.parametrize("name", ["look_left", "look_right", "look_up", "look_down", "sleep"])
    def test_not_so_a_face_that_has_to_look_somewhere(self, film: Film, name: str) -> None:
        film.express(name)
        film.animator.watch((1.0, 0.0), film.now)
        film.pass_time(0.5)
        assert film.pose.pupil_x == EXPRESSIONS[name].pupil_x

    def test_it_looks_away_from_a_person_when_it_has_to(self, film: Film) -> None:
        film.express("base")
        film.animator.watch((1.0, 0.0), film.now)
        film.pass_time(0.5)
        film.express("look_left", settle=False)
        film.look()
        film.pass_time(0.4)
        assert film.pose.pupil_x == EXPRESSIONS["look_left"].pupil_x

    def test_somebody_who_has_gone_is_not_looked_at_any_longer(self, film: Film) -> None:
        film.express("happy")
        film.animator.watch((1.0, 0.0), film.now)
        shown = film.play(RELEASE_S + 2)
        assert max(pose.pupil_x for _, pose in shown) > 0.5
        assert shown[-1][1].pupil_x == 0

    def test_the_pupils_stay_within_the_eyes(self, film: Film) -> None:
        film.express("curious")
        film.animator.watch((-1.0, -1.0), film.now)
        film.pass_time(0.9)
        assert film.pose.pupil_x == -FARTHEST


class TestMouth:
    def test_it_follows_the_level(self, film: Film) -> None:
        film.express("speaking")
        film.animator.speech(1.0, film.now)
        film.pass_time(0.15)
        loud = film.pose.mouth_open
        film.animator.speech(0.1, film.now)
        film.pass_time(0.29)
        assert film.pose.mouth_open < 0.3 < 0.9 < loud

    def test_it_talks_before_the_first_level_has_come(self, film: Film) -> None:
        film.express("speaking")
        openings = [pose.mouth_open for pose in film.frames(2)]
        assert max(openings) - min(openings) > 0.2

    def test_it_is_closed_in_a_pause_of_the_speech(self, film: Film) -> None:
        film.express("speaking")
        film.animator.speech(0.8, film.now)
        film.play(2)
        assert film.pose.mouth_open == 0

    @pytest.mark.parametrize("name", ["base", "happy", "sad"])
    def test_a_face_that_is_kept_speaks_too_and_has_its_own_mouth_afterwards(self, film: Film, name: str) -> None:
        film.express(name)
        own = EXPRESSIONS[name].mouth_open
        assert film.pose.mouth_open == own
        film.animator.speech(1.0, film.now)
        film.pass_time(0.2)
        assert film.pose.mouth_open > 0.9
        film.animator.speech(0.0, film.now)
        film.pass_time(0.29)
        assert film.pose.mouth_open < 0.1
        film.play(2)
        assert film.pose.mouth_open == own


class TestSleep:
    def test_who_is_left_alone_falls_asleep(self, film: Film) -> None:
        film.express("base", rests=True, settle=False)
        film.now = START + SLEEP_AFTER_S - 0.1
        assert film.expression == "base"
        film.now = START + SLEEP_AFTER_S
        assert film.expression == "sleep"
        film.look()
        film.pass_time(TRANSITION_S)
        assert openness(film.pose) == 0

    def test_it_is_told_in_time(self, film: Film) -> None:
        film.express("base", rests=True)
        shown = film.play(SLEEP_AFTER_S + 10)
        assert openness(shown[-1][1]) == 0
        assert shown[-1][0] < START + SLEEP_AFTER_S + 1

    @pytest.mark.parametrize("use", ["use", "person", "speech"])
    def test_use_keeps_it_awake_and_wakes_it_up(self, film: Film, use: str) -> None:
        def act() -> None:
            if use == "use":
                film.animator.use(film.now)
            elif use == "person":
                film.animator.watch((0.1, 0.1), film.now)
            else:
                film.animator.speech(0.2, film.now)

        film.express("base", rests=True)
        film.pass_time(SLEEP_AFTER_S - 2)
        act()
        film.pass_time(SLEEP_AFTER_S - 2)
        assert film.expression == "base"
        film.pass_time(10)
        assert film.expression == "sleep"
        act()
        assert film.expression == "base"

    def test_what_people_have_chosen_stays(self, film: Film) -> None:
        film.express("happy", rests=False)
        film.pass_time(10 * SLEEP_AFTER_S)
        assert film.expression == "happy"

    def test_a_sleep_that_people_have_chosen_is_not_ended_by_use(self, film: Film) -> None:
        film.express("sleep")
        film.animator.use(film.now)
        film.animator.watch((0.5, 0.5), film.now)
        film.animator.speech(0.5, film.now)
        assert film.expression == "sleep"

    def test_an_expression_that_is_chosen_is_seen_even_in_sleep(self, film: Film) -> None:
        film.express("base", rests=True)
        film.pass_time(2 * SLEEP_AFTER_S)
        assert film.expression == "sleep"
        film.express("happy")
        assert film.expression == "happy"

    def test_zero_is_never(self) -> None:
        film = Film(sleep_after=0)
        film.express("base", rests=True)
        film.pass_time(1e6)
        assert film.expression == "base"


class TestFrames:
    @pytest.mark.parametrize("fps", [5, 15, 30])
    def test_there_are_never_more_than_allowed(self, fps: float) -> None:
        film = Film(fps=fps)
        film.express("base", rests=True)
        moments = [at for at, _ in film.play(60)]
        film.express("excited")
        moments += [at for at, _ in film.play(5)]
        assert min(later - earlier for earlier, later in itertools.pairwise(moments)) > 1 / fps - 1e-6 or fps == 5

    def test_a_face_in_idleness_is_drawn_a_few_times_a_second_only(self, film: Film) -> None:
        film.express("base")
        assert len(film.play(120)) < 120 * 4

    def test_a_kept_face_is_drawn_for_its_blinks_alone(self, film: Film) -> None:
        film.express("happy")
        shown = film.play(600)
        blinks = 600 / 5.2
        assert len(shown) < blinks * 6

    def test_a_sleeping_face_is_not_drawn_at_all(self, film: Film) -> None:
        film.express("sleep")
        assert film.animator.next_change(film.now) is None

    @pytest.mark.parametrize("name", EXPRESSIONS)
    def test_between_two_frames_nothing_changes(self, name: str) -> None:
        """What would be drawn at any moment is what was drawn last, unless it moves."""
        film, shadow = Film(seed=3), Film(seed=3)
        for each in (film, shadow):
            each.express(name)
        drawn = film.play(30)
        for (at, pose), (following, _) in itertools.pairwise(drawn):
            shadow.now = at
            shadow.look()
            if following - at > 1.5 / FPS:
                shadow.now = math.nextafter(following, 0)
                assert shadow.pose == pose

    def test_moving_pictures_move_on(self, film: Film) -> None:
        film.express("excited")
        shown = film.play(3)
        assert len(shown) == pytest.approx(45, abs=2)
        turned = (shown[10][1].highlight_angle - shown[0][1].highlight_angle) % 360
        assert turned == pytest.approx(220 * (shown[10][0] - shown[0][0]), abs=1)


class TestSettled:
    def test_it_is_the_expression_itself(self, film: Film) -> None:
        for name in EXPRESSIONS:
            film.express(name, settle=False)
            assert film.animator.settled(film.now) == EXPRESSIONS[name]

    def test_what_passes_by_itself_is_not_in_it(self, film: Film) -> None:
        film.express("base")
        settled = set()
        for number in range(600):
            film.animator.speech(number % 7 / 7, film.now)
            film.look()
            settled.add(film.animator.settled(film.now))
            film.pass_time(0.1)
        assert settled == {EXPRESSIONS["base"]}

    def test_it_looks_at_a_person_who_sways_without_ever_changing(self, film: Film) -> None:
        film.express("base")
        settled = []
        for number in range(100):
            film.animator.watch((0.6 + 0.15 * math.sin(number), 0.0), film.now)
            settled.append(film.animator.settled(film.now))
            film.pass_time(0.1)
        assert len(set(settled)) == 1
        assert settled[0].pupil_x > 0.2
        film.animator.watch((-0.6, 0.0), film.now)
        assert film.animator.settled(film.now).pupil_x < -0.2
        film.pass_time(RELEASE_S)
        assert film.animator.settled(film.now) == EXPRESSIONS["base"]
