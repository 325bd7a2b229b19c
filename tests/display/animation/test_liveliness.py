"""Blinks, glances, and a mouth that speaks: each on a time line of its own, at any frame rate."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from bridges.display.animation.blinking import BLINK_S, LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Blinking
from bridges.display.animation.gaze import (
    AHEAD,
    GLANCE_X,
    GLANCE_Y,
    LONGEST_REST_S,
    RELEASE_S,
    SHORTEST_REST_S,
    Gaze,
    Place,
)
from bridges.display.animation.highlight import Highlight
from bridges.display.animation.speech import GENTLE, SILENT_S, Mouth

START = 50.0


def moments(seconds: float, *, hz: float, start: float = START) -> Iterator[float]:
    return (start + number / hz for number in range(round(seconds * hz)))


class TestBlinking:
    def blinks(self, seconds: float, hz: float) -> list[list[tuple[float, float]]]:
        """Each blink as its moments and how far the lids are shut then."""
        blinking = Blinking(random.Random(1), START)
        looks = [(at, blinking.shut(at)) for at in moments(seconds, hz=hz)]
        groups = itertools.groupby(looks, key=lambda look: look[1] > 0)
        return [list(group) for shut, group in groups if shut]

    def test_intervals_are_random_and_within_the_limits(self) -> None:
        begins = [blink[0][0] for blink in self.blinks(600, 100)]
        pauses = [later - earlier for earlier, later in itertools.pairwise([START, *begins])]
        assert min(pauses) >= SHORTEST_PAUSE_S - 0.02
        assert max(pauses) <= LONGEST_PAUSE_S + BLINK_S + 0.02
        assert max(pauses) - min(pauses) > 2
        assert len({round(pause, 1) for pause in pauses}) > 15

    def test_a_blink_shuts_the_eyes_wholly_and_smoothly(self) -> None:
        for blink in self.blinks(60, 1000):
            shut = [value for _, value in blink]
            assert blink[-1][0] - blink[0][0] == pytest.approx(BLINK_S, abs=0.01)
            assert max(shut) == pytest.approx(1, abs=0.01)
            assert all(abs(later - earlier) < 0.05 for earlier, later in itertools.pairwise([0, *shut, 0]))

    def test_it_tells_when_to_look_again(self) -> None:
        blinking = Blinking(random.Random(1), START)
        begins = blinking.next_change(START)
        assert begins is not None
        assert START + SHORTEST_PAUSE_S <= begins <= START + LONGEST_PAUSE_S
        assert blinking.shut(begins - 0.001) == 0
        during = begins + BLINK_S / 2
        assert blinking.shut(during) == pytest.approx(1)
        assert blinking.next_change(during) == during
        after = begins + BLINK_S
        assert blinking.shut(after) == 0
        following = blinking.next_change(after)
        assert following is not None
        assert following >= after + SHORTEST_PAUSE_S

    def test_without_leave_there_is_none(self) -> None:
        blinking = Blinking(random.Random(1), START)
        blinking.allow(START, allowed=False)
        assert blinking.next_change(START) is None
        assert [blinking.shut(at) for at in moments(60, hz=50)] == [0] * 3000
        blinking.allow(START + 60, allowed=True)
        begins = blinking.next_change(START + 60)
        assert begins is not None
        assert begins >= START + 60 + SHORTEST_PAUSE_S

    def test_a_blink_that_has_begun_is_ended(self) -> None:
        blinking = Blinking(random.Random(1), START)
        begins = blinking.next_change(START)
        assert begins is not None
        before = blinking.shut(begins + BLINK_S / 4)
        blinking.allow(begins + BLINK_S / 4, allowed=False)
        assert blinking.shut(begins + BLINK_S / 4) == before
        assert blinking.shut(begins + BLINK_S) == 0
        assert blinking.next_change(begins + BLINK_S) is None

    def test_a_blink_that_nobody_looked_at_in_time_is_not_made_up_for(self) -> None:
        blinking = Blinking(random.Random(1), START)
        late = START + 3600
        assert blinking.shut(late) == 0
        following = blinking.next_change(late)
        assert following is not None
        assert following >= late + SHORTEST_PAUSE_S


class TestGaze:
    def wandering(self, seed: int = 1) -> Gaze:
        gaze = Gaze(random.Random(seed), START)
        gaze.wander(START, allowed=True)
        return gaze

    def test_idle_pupils_glance_about_and_come_back(self) -> None:
        gaze = self.wandering()
        looks = [gaze.look(at) for at in moments(120, hz=15)]
        away = [place for place in looks if place != AHEAD]
        assert 0.2 < len(away) / len(looks) < 0.8
        assert len({(round(x, 1), round(y, 1)) for x, y in away}) > 8
        assert all(abs(x) <= GLANCE_X and abs(y) <= GLANCE_Y for x, y in looks)
        returns = sum(b == AHEAD != a for a, b in itertools.pairwise(looks))
        assert returns > 10

    def test_between_two_glances_nothing_is_to_be_drawn(self) -> None:
        gaze = self.wandering()
        assert gaze.look(START) == AHEAD
        due = gaze.next_change(START)
        assert due is not None
        assert START + SHORTEST_REST_S <= due <= START + LONGEST_REST_S
        gaze.look(due)
        assert gaze.next_change(due) == due
        settled = due + 0.4
        place = gaze.look(settled)
        assert place != AHEAD
        later = gaze.next_change(settled)
        assert later is not None
        assert later > settled
        assert gaze.look(later - 0.001) == place

    def test_without_leave_to_wander_it_rests(self) -> None:
        gaze = self.wandering()
        gaze.look(START + LONGEST_REST_S)
        gaze.wander(START + LONGEST_REST_S, allowed=False)
        assert [gaze.look(at) for at in moments(60, hz=2, start=START + LONGEST_REST_S + 1)] == [AHEAD] * 120
        assert gaze.next_change(START + 200) is None

    def test_it_follows_a_person_smoothly_and_arrives(self) -> None:
        gaze = self.wandering()
        gaze.watch((0.8, -0.4), START)
        looks = [gaze.look(at) for at in moments(0.9, hz=30)]
        assert all(abs(b[0] - a[0]) < 0.25 for a, b in itertools.pairwise([AHEAD, *looks]))
        assert looks[-1] == (0.8, -0.4)

    def test_the_way_does_not_depend_on_how_often_one_looks(self) -> None:
        seldom, often = Gaze(random.Random(1), START), Gaze(random.Random(1), START)
        for gaze in (seldom, often):
            gaze.watch((1, 1), START)
        for at in moments(0.2, hz=200):
            often.look(at)
        assert often.look(START + 0.2) == pytest.approx(seldom.look(START + 0.2))

    def test_while_somebody_is_there_it_does_not_glance_about(self) -> None:
        gaze = self.wandering()
        looks: set[Place] = set()
        for at in moments(20, hz=10):
            gaze.watch((0.5, 0.0), at)
            if at > START + 1:
                looks.add(gaze.look(at))
        assert looks == {(0.5, 0.0)}

    def test_a_person_who_is_not_seen_again_is_released(self) -> None:
        gaze = Gaze(random.Random(1), START)
        gaze.watch((1, 0), START)
        gaze.look(START + 0.9)
        assert gaze.next_change(START + 0.9) == START + RELEASE_S
        assert gaze.look(START + RELEASE_S) == (1, 0)
        assert gaze.person is None
        assert gaze.look(START + RELEASE_S + 1) == AHEAD
        assert gaze.next_change(START + RELEASE_S + 1) is None

    def test_places_beyond_the_edge_count_as_the_edge(self) -> None:
        gaze = Gaze(random.Random(1), START)
        gaze.watch((7.0, -7.0), START)
        assert gaze.look(START + 0.99) == (1.0, -1.0)


class TestMouth:
    def test_it_opens_fast_and_closes_slower(self) -> None:
        mouth = Mouth(START)
        mouth.level(1.0, START)
        opened = mouth.opening(START + 0.05)
        assert opened > 0.8
        mouth.level(0.0, START + 0.05)
        assert opened > mouth.opening(START + 0.1) > 0.3

    def test_it_follows_the_level_without_jumps(self) -> None:
        mouth = Mouth(START)
        chance = random.Random(1)
        openings = []
        for at in moments(10, hz=150):
            if round((at - START) * 150) % 10 == 0:
                mouth.level(chance.random(), at)
            openings.append(mouth.opening(at))
        assert all(abs(b - a) < 0.25 for a, b in itertools.pairwise(openings))
        assert max(openings) > 0.8
        assert min(openings[10:]) < 0.3

    def test_it_closes_when_no_levels_come_any_more(self) -> None:
        mouth = Mouth(START)
        mouth.level(0.9, START)
        assert mouth.opening(START + SILENT_S - 0.01) > 0.8
        assert mouth.next_change(START + SILENT_S - 0.01) == START + SILENT_S
        assert mouth.opening(START + SILENT_S) > 0.8
        assert mouth.next_change(START + SILENT_S) == START + SILENT_S
        assert mouth.opening(START + SILENT_S + 1) == 0
        assert mouth.voice == 0
        assert mouth.next_change(START + SILENT_S + 1) is None

    def test_one_who_speaks_moves_the_mouth_gently_until_levels_come(self) -> None:
        mouth = Mouth(START)
        mouth.talk(START, talks=True)
        openings = [mouth.opening(at) for at in moments(4, hz=15)]
        assert 0.2 < max(openings) <= GENTLE
        turns = sum((b > a) != (c > b) for a, b, c in zip(openings, openings[1:], openings[2:], strict=False))
        assert turns > 10
        assert mouth.voice == 1
        assert mouth.next_change(START + 4) == START + 4
        mouth.level(0.0, START + 4)
        assert mouth.opening(START + 5) == 0
        assert mouth.next_change(START + 5) is None

    def test_the_next_time_it_is_gentle_again(self) -> None:
        mouth = Mouth(START)
        mouth.talk(START, talks=True)
        mouth.level(1, START)
        mouth.talk(START + 1, talks=False)
        mouth.talk(START + 2, talks=True)
        assert max(mouth.opening(START + 2 + number / 15) for number in range(15)) > 0.2

    @pytest.mark.parametrize(("loudness", "expected"), [(-3, 0), (0.4, 0.4), (17, 1)])
    def test_levels_out_of_range_are_limited(self, loudness: float, expected: float) -> None:
        mouth = Mouth(START)
        mouth.level(loudness, START)
        assert mouth.opening(START + 0.29) == pytest.approx(expected, abs=0.01)


class TestHighlight:
    def test_it_goes_around_and_comes_to_rest_without_a_jump(self) -> None:
        highlight = Highlight(START)
        highlight.spin(220, START)
        assert highlight.moves
        assert highlight.angle(START + 1) == pytest.approx(220)
        assert highlight.angle(START + 2) == pytest.approx(80)
        highlight.spin(0, START + 2)
        angles = [highlight.angle(START + 2 + number / 100) for number in range(100)]
        assert angles == sorted(angles, reverse=True)
        assert angles[0] == pytest.approx(80)
        assert angles[-1] == 0
        assert not highlight.moves

    def test_it_takes_the_shorter_way(self) -> None:
        highlight = Highlight(START)
        highlight.spin(220, START)
        highlight.spin(0, START + 1)
        assert 220 < highlight.angle(START + 1.05) < 360
