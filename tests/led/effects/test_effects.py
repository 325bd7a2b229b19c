"""What holds for every effect, and what people's effects look like."""

from __future__ import annotations

import colorsys
import difflib
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.led.effects.base import MOST_PIXELS
from bridges.led.effects.colours import BLACK, HUE_STEPS, HUES, Colour, blend, dimmed, driven, ramp, scale
from bridges.led.effects.decorative import BREATHE_S, COMET_S, POLICE_S, RAINBOW_S
from bridges.led.effects.registry import EFFECTS, Effect, Kind
from tests.led.effects.flashes import flashes, luminance
from tests.led.effects.make_golden import GOLDEN, path, strips

RED: Colour = (255, 0, 0)
TEAL: Colour = (0, 128, 128)
ALL = pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
EFFECT = st.sampled_from(list(EFFECTS.values()))
COUNT = st.integers(1, MOST_PIXELS)
COLOUR = st.tuples(*[st.integers(0, 255)] * 3)


def draw(name: str, t: float, count: int = 16, colour: Colour = RED) -> list[Colour]:
    return EFFECTS[name].draw(t, count, colour)


def brightest(colours: list[Colour]) -> int:
    return max(range(len(colours)), key=lambda pixel: sum(colours[pixel]))


class TestEveryEffect:
    def test_these_are_there_in_this_order(self) -> None:
        assert (
            list(EFFECTS)
            == (
                "solid rainbow comet theatre_chase fire police breathe "
                "idle wakeword_detected listening transcribing thinking tts_processing speaking error "
                "assistant_offline muted booting shutting_down "
                "emergency_stop obstacle link_lost"
            ).split()
        )
        assert {effect.name for effect in EFFECTS.values() if effect.kind is Kind.SAFETY} == {
            "emergency_stop",
            "obstacle",
            "link_lost",
        }

    @ALL
    def test_it_looks_as_it_did(self, effect: Effect) -> None:
        golden, now = path(effect).read_text(), strips(effect)
        changed = "\n".join(difflib.unified_diff(golden.splitlines(), now.splitlines(), "golden", "now", n=0))
        assert now == golden, f"{changed}\nif that is meant: python -m tests.led.effects.make_golden"

    def test_no_golden_strip_is_left_over(self) -> None:
        assert {file.stem for file in GOLDEN.glob("*.txt")} == set(EFFECTS)

    @given(effect=EFFECT, t=st.floats(0, 1e7), count=COUNT, colour=COLOUR)
    def test_it_gives_each_pixel_a_colour_at_any_time(
        self, effect: Effect, t: float, count: int, colour: Colour
    ) -> None:
        colours = effect.draw(t, count, colour)
        assert len(colours) == count
        assert all(type(channel) is int and 0 <= channel <= 255 for pixel in colours for channel in pixel)

    @given(effect=EFFECT, t=st.floats(0, 100), count=COUNT)
    def test_it_depends_on_nothing_else(self, effect: Effect, t: float, count: int) -> None:
        random.seed(1)
        first = effect.draw(t, count, RED)
        random.seed(2)
        effect.draw(t + 1, count, TEAL)
        assert effect.draw(t, count, RED) == first

    @ALL
    def test_it_takes_the_colour_only_if_it_says_so(self, effect: Effect) -> None:
        taken = [effect.draw(t, 16, RED) != effect.draw(t, 16, TEAL) for t in (0.1, 0.4, 1.0)]
        assert set(taken) == {effect.colourful}

    @ALL
    def test_it_says_truly_when_it_is_still(self, effect: Effect) -> None:
        begin = 0.0 if effect.fps == 0 else effect.settles_after_s
        if begin is None:
            seen = {tuple(effect.draw(t / 40, 16, effect.colour)) for t in range(80)}
            assert len(seen) > 1
            assert not effect.still(1000.0)
        else:
            assert effect.still(begin)
            assert len({tuple(effect.draw(begin + t / 7, 16, effect.colour)) for t in range(70)}) == 1
        if effect.settles_after_s is not None:
            before = effect.settles_after_s - 0.02
            assert not effect.still(before)
            assert effect.draw(before, 16, RED) != effect.draw(effect.settles_after_s, 16, RED)

    @ALL
    @pytest.mark.parametrize("count", [8, 16])
    def test_it_begins_again_after_its_period(self, effect: Effect, count: int) -> None:
        assert (effect.period_s > 0) == (effect.fps > 0 and effect.settles_after_s is None)
        if not effect.period_s:
            return
        for part in (0.11, 0.37, 0.62, 0.93):  # of a step in time a rounding may be left
            once = effect.draw(part * effect.period_s, count, effect.colour)
            again = effect.draw((part + 1) * effect.period_s + 1e-9, count, effect.colour)
            assert max(abs(a - b) for x, y in zip(once, again, strict=True) for a, b in zip(x, y, strict=True)) <= 6

    @ALL
    @pytest.mark.parametrize("count", [1, 5, 16])
    def test_it_never_flashes_more_than_three_times_a_second(self, effect: Effect, count: int) -> None:
        per_second = 120
        frames = [effect.draw(t / per_second, count, (255, 255, 255)) for t in range(8 * per_second)]
        whole = [sum(map(luminance, colours)) / count for colours in frames]
        assert flashes(whole, per_second) <= 3
        for pixel in range(count):
            assert flashes([luminance(colours[pixel]) for colours in frames], per_second) <= 3

    @ALL
    def test_its_rate_is_enough_to_glide(self, effect: Effect) -> None:
        """Chases and blinks jump by nature; all others move by small steps at the rate that they ask for."""
        if effect.fps == 0 or effect.name in {"theatre_chase", "speaking", "error", "wakeword_detected"}:
            return
        frames = [effect.draw(frame / effect.fps, 16, effect.colour) for frame in range(4 * effect.fps)]
        steps = [
            max(abs(a - b) for a, b in zip(x, y, strict=True))
            for first, second in pairwise(frames)
            for x, y in zip(first, second, strict=True)
        ]
        assert max(steps) <= 200
        assert sum(steps) / len(steps) < 25

    def test_a_flash_counter_that_counts(self) -> None:
        assert flashes([0, 1] * 10, 20) == 10
        assert flashes([0, 0.05] * 10, 20) == 0
        assert flashes(([1] * 5 + [0] * 5) * 4, 20) == 2


class TestTellingThemApart:
    """Without colours, and without comparing how bright it is: only by rhythm and movement."""

    NAMES = (
        "idle wakeword_detected listening transcribing thinking tts_processing speaking error assistant_offline muted "
        "booting emergency_stop obstacle link_lost"
    ).split()
    SECONDS = 8
    PER_SECOND = 40

    def trait(self, name: str) -> tuple[object, ...]:
        """What somebody sees who looks up after it has begun."""
        frames = [
            tuple(round(sum(colour) / 24) for colour in draw(name, 0.7 + frame / self.PER_SECOND))
            for frame in range(self.SECONDS * self.PER_SECOND)
        ]
        moves = len(set(frames)) > 1
        together = all(len(set(frame)) == 1 for frame in frames)
        mirrored = all(frame[1:] == frame[:0:-1] for frame in frames)
        whole = [sum(frame) / 16 / 32 for frame in frames]
        rises = flashes(whole, len(frames)) if together else 0
        heads = [frame.index(max(frame)) for frame in frames]
        ways = {(after - before + 8) % 16 - 8 for before, after in pairwise(heads)} - {0}
        lights = max(
            sum(frame[pixel] > frame[pixel - 1] and frame[pixel] == max(frame) for pixel in range(16))
            for frame in frames
        )
        goes_out = any(max(frame) == 0 for frame in frames)
        return moves, goes_out, together, mirrored, rises, ways == {1}, ways == {1, -1}, lights

    def test_every_phase_has_a_rhythm_or_a_movement_of_its_own(self) -> None:
        seen: dict[tuple[object, ...], str] = {}
        for name in self.NAMES:
            trait = self.trait(name)
            assert trait not in seen, f"{name} looks like {seen.get(trait)}: {trait}"
            seen[trait] = name


class TestPeoples:
    def test_solid_is_the_colour(self) -> None:
        assert draw("solid", 3.0, 5, TEAL) == [TEAL] * 5

    @pytest.mark.parametrize("count", [6, 16, 300])
    def test_the_rainbow_covers_the_hues_evenly(self, count: int) -> None:
        hues = sorted(
            colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))[0] for colour in draw("rainbow", 1.3, count)
        )
        gaps = [b - a for a, b in zip(hues, [*hues[1:], hues[0] + 1], strict=True)]
        assert max(gaps) == pytest.approx(1 / count, abs=0.004)

    def test_the_rainbow_turns_clockwise_and_is_fully_coloured(self) -> None:
        start, later = draw("rainbow", 0.0), draw("rainbow", RAINBOW_S / 16)
        assert later == [start[-1], *start[:-1]]
        assert all(max(colour) == 255 and min(colour) == 0 for colour in start)

    @pytest.mark.parametrize("count", [8, 16, 60])
    def test_the_comets_head_goes_round(self, count: int) -> None:
        heads = [brightest(draw("comet", COMET_S * pixel / count + 1e-6, count)) for pixel in range(count)]
        assert heads == list(range(count))

    @pytest.mark.parametrize("count", [8, 16, 60])
    def test_the_comets_tail_fades_behind_it_and_before_it_is_dark(self, count: int) -> None:
        reds = [red for red, _, _ in draw("comet", 1e-6, count)]
        behind = [reds[-pixel] for pixel in range(count // 2)]
        assert behind[0] >= 250
        assert all(nearer > further for nearer, further in pairwise(behind))
        assert max(reds[1 : count // 4]) <= 1

    def test_the_comet_glides_from_pixel_to_pixel(self) -> None:
        at = [draw("comet", COMET_S * (0.5 + part / 8) / 16, 16)[1][0] for part in range(4)]
        assert at == sorted(at)
        assert 100 < at[0] < at[3] < 255

    @pytest.mark.parametrize("count", [9, 16, 17, 100])
    def test_theatre_chase_lights_a_third_and_moves_by_one(self, count: int) -> None:
        lit = [pixel for pixel, colour in enumerate(draw("theatre_chase", 0.1, count)) if colour != BLACK]
        assert len(lit) == round(count / 3)
        assert {b - a for a, b in pairwise(lit)} <= {2, 3, 4}
        later = [pixel for pixel, colour in enumerate(draw("theatre_chase", 0.3, count)) if colour != BLACK]
        assert later == sorted((pixel + 1) % count for pixel in lit)

    def test_fire_is_warm_everywhere_and_never_the_same(self) -> None:
        frames = [draw("fire", frame / 10) for frame in range(40)]
        assert all(red > green > blue or (red > green and blue == 0) for frame in frames for red, green, blue in frame)
        assert len({tuple(frame) for frame in frames}) == 40
        reds = [red for frame in frames for red, _, _ in frame]
        assert min(reds) < 130
        assert max(reds) == 255

    def test_fire_burns_otherwise_at_each_pixel(self) -> None:
        assert len(set(draw("fire", 1.0))) > 8

    def test_police_halves_take_turns(self) -> None:
        early, late = draw("police", POLICE_S * 0.25), draw("police", POLICE_S * 0.75)
        assert early == [(255, 0, 0)] * 8 + [BLACK] * 8
        assert late == [BLACK] * 8 + [(0, 30, 255)] * 8

    def test_police_on_one_pixel_shows_both(self) -> None:
        assert draw("police", POLICE_S * 0.25, 1) == [(255, 0, 0)]
        assert draw("police", POLICE_S * 0.75, 1) == [(0, 30, 255)]

    def test_breathe_swells_and_fades_all_at_once_and_never_goes_out(self) -> None:
        reds = [draw("breathe", BREATHE_S * part / 16)[0][0] for part in range(17)]
        assert reds[:9] == sorted(reds[:9])
        assert reds[8:] == sorted(reds[8:], reverse=True)
        assert reds[0] == 20
        assert reds[8] == 255
        assert len(set(draw("breathe", 1.0))) == 1


class TestColours:
    @given(first=st.lists(COLOUR, max_size=20), share=st.floats(-1, 2))
    def test_a_blend_with_itself_changes_nothing(self, first: list[Colour], share: float) -> None:
        assert blend(first, first, share) == first

    @given(pairs=st.lists(st.tuples(COLOUR, COLOUR), max_size=20), share=st.floats(0, 1))
    def test_a_blend_lies_between(self, pairs: list[tuple[Colour, Colour]], share: float) -> None:
        first, second = [a for a, _ in pairs], [b for _, b in pairs]
        assert blend(first, second, 0) == first
        assert blend(first, second, 1) == second
        for a, b, between in zip(first, second, blend(first, second, share), strict=True):
            for low, high, channel in zip(a, b, between, strict=True):
                assert min(low, high) <= channel <= max(low, high)

    def test_a_blend_half_way(self) -> None:
        assert blend([(0, 100, 255)], [(200, 100, 0)], 0.5) == [(100, 100, 127)]

    def test_pictures_of_different_sizes_do_not_blend(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            blend([RED], [RED, RED], 0.5)

    def test_scale_and_dimmed(self) -> None:
        assert scale((200, 100, 1), 0.5) == (100, 50, 0)
        assert dimmed((200, 100, 50), [255, 0, 51]) == [(200, 100, 50), BLACK, (40, 20, 10)]

    def test_a_level_becomes_the_colour_that_gamma_turns_back_into_it(self) -> None:
        assert driven(0, 255, 0) == (0, 255, 0)
        assert [round(255 * (channel / 255) ** 2.2) for channel in driven(5, 30, 120)] == [5, 30, 120]

    def test_the_wheel_has_no_seam(self) -> None:
        assert len(HUES) == HUE_STEPS
        for before, after in zip(HUES, [*HUES[1:], HUES[0]], strict=True):
            assert sum(abs(a - b) for a, b in zip(before, after, strict=True)) <= 2

    def test_a_ramp_meets_its_stops(self) -> None:
        table = ramp([(0, BLACK), (100, RED), (255, TEAL)])
        assert len(table) == 256
        assert (table[0], table[100], table[255]) == (BLACK, RED, TEAL)
