"""What the effects of the phases and of safety look like, held against the levels that the first version drove."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from bridges.led.effects.colours import BLACK, Colour
from bridges.led.effects.registry import EFFECTS
from bridges.led.strip.output import Output

IGNORED: Colour = (1, 2, 3)
COUNTS = pytest.mark.parametrize("count", [8, 16])


def draw(name: str, t: float, count: int = 16) -> list[Colour]:
    return EFFECTS[name].draw(t, count, IGNORED)


def levels(name: str, t: float, count: int = 16) -> list[Colour]:
    """What the LEDs are driven with, gamma correction being on."""
    data = Output(count, order="RGB").encode(draw(name, t, count))
    return [(data[place], data[place + 1], data[place + 2]) for place in range(0, 3 * count, 3)]


def near(driven: Colour, wanted: tuple[float, float, float], tolerance: float = 1.6) -> bool:
    """Equal but for the rounding to colours of 8 bits."""
    return all(abs(a - b) <= tolerance for a, b in zip(driven, wanted, strict=True))


def only(pixels: list[Colour]) -> Colour:
    """The colour that all pixels have."""
    assert len(set(pixels)) == 1
    return pixels[0]


def lit(pixels: list[Colour]) -> list[int]:
    return [place for place, colour in enumerate(pixels) if colour != BLACK]


def strongest(pixels: list[Colour]) -> Colour:
    return max(pixels, key=sum)


class TestIdle:
    @pytest.mark.parametrize("part", range(12))
    def test_it_breathes_between_5_and_30_with_the_sine_of_t(self, part: int) -> None:
        t = part * 2 * math.pi / 12
        level = 17.5 + 12.5 * math.sin(t)
        assert near(only(levels("idle", t)), (0, level, level + 3), 0.8)

    def test_its_extremes(self) -> None:
        assert only(levels("idle", math.pi / 2)) == (0, 30, 33)
        assert only(levels("idle", 3 * math.pi / 2)) == (0, 5, 8)


class TestWakeWord:
    @pytest.mark.parametrize("t", [0, 0.15, 0.299])
    def test_it_flashes_full_green(self, t: float) -> None:
        assert only(draw("wakeword_detected", t)) == (0, 255, 0)

    @pytest.mark.parametrize(("t", "green"), [(0.3001, 255), (0.375, 191.25), (0.45, 127.5), (0.57, 25.5), (0.599, 1)])
    def test_it_fades_evenly(self, t: float, green: float) -> None:
        assert near(only(levels("wakeword_detected", t)), (0, green, 0))

    @pytest.mark.parametrize("t", [0.6, 1, 3600])
    def test_it_stays_green(self, t: float) -> None:
        assert near(only(levels("wakeword_detected", t)), (0, 150, 20))


class TestListening:
    @COUNTS
    def test_the_head_goes_round_once_a_second(self, count: int) -> None:
        for pixel in range(count):
            pixels = draw("listening", pixel / count + 1e-6, count)
            assert pixels.index(strongest(pixels)) == pixel

    def test_it_is_the_sweep_of_eight_pixels(self) -> None:
        pixels = levels("listening", 0, 8)
        for pixel, share in enumerate([1, 0.5, 0, 0, 0, 0, 0, 0.5]):
            assert near(pixels[pixel], (0, 20 * share, 80 + 175 * share)), pixel

    def test_on_sixteen_it_reaches_as_far_around(self) -> None:
        pixels = levels("listening", 0, 16)
        for pixel, share in enumerate([1, 0.75, 0.5, 0.25, 0]):
            assert near(pixels[pixel], (0, 20 * share, 80 + 175 * share)), pixel
            assert pixels[-pixel] == pixels[pixel]

    def test_on_one_pixel_it_still_beats(self) -> None:
        assert len({draw("listening", t / 10, 1)[0] for t in range(10)}) > 3


class TestPulses:
    """The strongest pixel pulses as the whole ring did; the others follow a shape of their own."""

    @pytest.mark.parametrize("part", range(8))
    def test_thinking_pulses_in_pink(self, part: int) -> None:
        t = part / 8 * 2 * math.pi / 2.5
        share = 0.5 + 0.5 * math.sin(2.5 * t)
        assert near(strongest(draw("thinking", t)), (200 + 55 * share, 50 + 50 * share, 100 + 80 * share))

    @COUNTS
    def test_thinking_is_two_lights_opposite_each_other_that_turn(self, count: int) -> None:
        for step in range(count):
            pixels = draw("thinking", step / count * 2 * math.pi / 2.5 + 1e-6, count)
            tops = [place for place, colour in enumerate(pixels) if colour == strongest(pixels)]
            assert tops == sorted({step % (count // 2), step % (count // 2) + count // 2})

    def test_making_speech_pulses_in_orange(self) -> None:
        for part in range(9):
            t = part / 9 * 2 * math.pi / 3
            red, green, blue = strongest(draw("tts_processing", t, 300))
            share = 0.5 + 0.5 * math.sin(3 * t)
            assert near((red, green, blue), (200 + 55 * share, 80 + 60 * share, 0), 3)

    @pytest.mark.parametrize("count", [8, 16, 17, 300])
    def test_making_speech_rises_on_both_sides_alike(self, count: int) -> None:
        period = 2 * math.pi / 3
        heights = []
        for part in range(1, 10):
            pixels = draw("tts_processing", part / 10 * period, count)
            assert pixels[1:] == pixels[:0:-1]
            heights.append(abs(count / 2 - pixels.index(strongest(pixels))))
        assert heights == sorted(heights)
        assert heights[0] < count / 4 < heights[-1]

    def test_transcribing_twinkles_in_purple(self) -> None:
        period = 2 * math.pi / 3
        frames = [draw("transcribing", part / 64 * period) for part in range(64)]
        for pixel in range(16):
            own = [frame[pixel] for frame in frames]
            assert near(strongest(own), (180, 20, 250), 3)
            assert sum(min(own, key=sum)) < sum(strongest(own)) / 4
            assert all(blue > red > green for red, green, blue in own)
        when = {max(range(64), key=lambda moment, own=pixel: sum(frames[moment][own])) for pixel in range(16)}
        assert len(when) > 10


class TestSpeaking:
    def test_every_fourth_pixel_is_brighter(self) -> None:
        for count in (8, 16):
            for pixel, colour in enumerate(levels("speaking", 0, count)):
                assert near(colour, (0, 30, 10) if pixel % 4 else (0, 120, 30))

    def test_it_moves_on_six_times_a_second(self) -> None:
        start = draw("speaking", 0.01)
        for step in range(12):
            now = draw("speaking", step / 6 + 0.01)
            assert now == [start[pixel - step % 16] for pixel in range(16)]

    @pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 17, 299])
    def test_on_other_rings_the_bright_ones_are_spread_evenly(self, count: int) -> None:
        seen = set()
        for step in range(max(count, 4)):
            bright = [
                pixel for pixel, (_, green, _) in enumerate(levels("speaking", step / 6 + 0.01, count)) if green > 60
            ]
            seen |= set(bright)
            gaps = {b - a for a, b in pairwise(bright)}
            assert gaps <= {3, 4, 5}
        assert seen == set(range(count))


class TestError:
    @pytest.mark.parametrize(("t", "red"), [(0, 200), (0.249, 200), (0.251, 20), (0.499, 20), (0.501, 200), (10.3, 20)])
    def test_it_blinks_every_quarter_of_a_second(self, t: float, red: int) -> None:
        assert near(only(levels("error", t)), (red, 0, 0))


class TestQuietOnes:
    @COUNTS
    def test_offline_shows_a_few_pixels_and_then_those_between_them(self, count: int) -> None:
        first, then = draw("assistant_offline", 0, count), draw("assistant_offline", 2.5, count)
        assert lit(first) == list(range(0, count, 4))
        assert lit(then) == list(range(2, count, 4))
        assert max(map(max, first)) < 160

    @pytest.mark.parametrize("count", [1, 2, 3, 7])
    def test_offline_is_seen_on_a_small_ring_too(self, count: int) -> None:
        assert any(lit(draw("assistant_offline", t / 4, count)) for t in range(20))

    @pytest.mark.parametrize(("count", "shown"), [(1, 1), (2, 1), (8, 4), (16, 8), (17, 8)])
    def test_muted_is_dim_red_at_every_second_pixel(self, count: int, shown: int) -> None:
        pixels = levels("muted", 0, count)
        assert {pixels[place] for place in lit(pixels)} == {(60, 0, 0)}
        assert len(lit(pixels)) == shown


class TestBeginAndEnd:
    @pytest.mark.parametrize("count", [1, 8, 16, 300])
    def test_booting_fills_the_ring_and_empties_it(self, count: int) -> None:
        shown = [lit(draw("booting", 2.4 * part / 20 + 0.001, count)) for part in range(20)]
        filling, emptying = shown[:10], shown[10:]
        assert all(pixels == list(range(len(pixels))) for pixels in filling)
        assert [len(pixels) for pixels in filling] == sorted(len(pixels) for pixels in filling)
        assert all(pixels == list(range(count - len(pixels), count)) for pixels in emptying)
        assert len(emptying[0]) == count

    @pytest.mark.parametrize("count", [1, 8, 16, 300])
    def test_shutting_down_goes_out_pixel_by_pixel(self, count: int) -> None:
        shown = [lit(draw("shutting_down", t / 100, count)) for t in range(61)]
        assert shown[0] == list(range(count))
        assert all(pixels == list(range(len(pixels))) for pixels in shown)
        sizes = [len(pixels) for pixels in shown]
        assert sizes == sorted(sizes, reverse=True)
        assert shown[60] == []

    @pytest.mark.parametrize("t", [0.6, 0.7, 100.0, 1e7])
    def test_shutting_down_ends_dark(self, t: float) -> None:
        assert lit(draw("shutting_down", t)) == []


class TestSafety:
    def test_emergency_stop_is_all_red_and_never_dim(self) -> None:
        frames = [only(draw("emergency_stop", t / 50)) for t in range(200)]
        assert all(green == blue == 0 for _, green, blue in frames)
        assert max(red for red, _, _ in frames) == 255
        assert min(red for red, _, _ in frames) > 150

    def test_obstacle_knocks_twice_and_waits(self) -> None:
        reds = [only(draw("obstacle", t / 100))[0] for t in range(150)]
        peaks = [t for t in range(1, 149) if reds[t - 1] < reds[t] >= reds[t + 1] and reds[t] > 200]
        assert len(peaks) == 2
        assert peaks[1] - peaks[0] == pytest.approx(45, abs=2)
        assert set(reds[85:]) == {51}

    def test_link_lost_swings_to_and_fro_around_the_first_pixel(self) -> None:
        heads = []
        for part in range(24):
            pixels = draw("link_lost", 2.4 * part / 24 + 1e-6)
            place = pixels.index(strongest(pixels))
            heads.append(place - 16 if place > 8 else place)
        assert max(heads) == 6
        assert min(heads) == -6
        assert heads[:7] == sorted(heads[:7])
        assert heads[6:19] == sorted(heads[6:19], reverse=True)
        assert heads[18:] == sorted(heads[18:])

    def test_link_lost_shows_on_one_pixel(self) -> None:
        reds = [draw("link_lost", t / 20, 1)[0][0] for t in range(48)]
        assert max(reds) > 240
        assert min(reds) < 60
