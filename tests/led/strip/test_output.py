"""From colours to bytes: order, brightness, gamma, the current limit, and what may never happen."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.led.effects.colours import BLACK, Colour
from bridges.led.strip.output import Output

ORDERS = ["".join(letters) for letters in permutations("RGB")]
LEVEL = st.integers(0, 255)
COLOUR = st.tuples(LEVEL, LEVEL, LEVEL)
COLOURS = st.lists(COLOUR, min_size=1, max_size=40)
WHITE: Colour = (255, 255, 255)


def plain(count: int, **traits: float | str) -> Output:
    """Without gamma correction, in the order of the colour, unless said otherwise."""
    return Output(count, **{"order": "RGB", "gamma": 1.0, **traits})  # type: ignore[arg-type]


def pixels(data: bytes) -> list[Colour]:
    return [(data[place], data[place + 1], data[place + 2]) for place in range(0, len(data), 3)]


class TestOrder:
    @pytest.mark.parametrize("order", ORDERS)
    def test_the_channels_stand_in_the_strips_order(self, order: str) -> None:
        data = plain(2, order=order).encode([(1, 2, 3), (101, 102, 103)])
        of = {"R": 1, "G": 2, "B": 3}
        assert data == bytes([of[letter] for letter in order] + [100 + of[letter] for letter in order])

    @given(colours=COLOURS, order=st.sampled_from(ORDERS))
    def test_the_order_changes_nothing_else(self, colours: list[Colour], order: str) -> None:
        count = len(colours)
        known = Output(count, order="RGB", max_milliamps=count + 50).encode(colours, 180)
        data = Output(count, order=order, max_milliamps=count + 50).encode(colours, 180)
        for channel, letter in enumerate("RGB"):
            assert data[order.index(letter) :: 3] == known[channel::3]


class TestBrightnessAndGamma:
    @given(colours=COLOURS)
    def test_without_gamma_at_full_brightness_a_colour_is_its_level(self, colours: list[Colour]) -> None:
        assert pixels(plain(len(colours)).encode(colours)) == colours

    @pytest.mark.parametrize(("brightness", "level"), [(255, 200), (128, 100), (51, 40), (1, 1), (0, 0)])
    def test_brightness_scales(self, brightness: int, level: int) -> None:
        assert plain(1).encode([(200, 200, 200)], brightness) == bytes([level] * 3)

    @pytest.mark.parametrize(("value", "level"), [(255, 255), (186, 127), (128, 56), (64, 12), (0, 0)])
    def test_gamma_bends_levels(self, value: int, level: int) -> None:
        assert Output(1, gamma=2.2).encode([(value, value, value)]) == bytes([level] * 3)

    def test_half_the_brightness_is_what_looks_half_as_bright(self) -> None:
        output = Output(1, gamma=2.2)
        assert output.encode([WHITE], 128) == output.encode([(128, 128, 128)], 255)

    @pytest.mark.parametrize("gamma", [1.0, 2.2])
    def test_max_brightness_is_the_share_of_light_and_of_current(self, gamma: float) -> None:
        assert Output(1, gamma=gamma, max_brightness=0.5).encode([WHITE]) == bytes([128] * 3)
        assert Output(1, gamma=gamma, max_brightness=0).encode([WHITE]) == bytes(3)

    @given(colours=COLOURS, brightness=LEVEL, gamma=st.floats(1, 4), share=st.floats(0, 1))
    def test_nothing_is_brighter_than_asked(
        self, colours: list[Colour], brightness: int, gamma: float, share: float
    ) -> None:
        data = Output(len(colours), "RGB", gamma, share).encode(colours, brightness)
        for driven, wanted in zip(pixels(data), colours, strict=True):
            for level, value in zip(driven, wanted, strict=True):
                assert level <= max(1, round(255 * share))
                assert level <= max(1, value * brightness / 255 + 0.5)

    @given(colours=COLOURS, brightness=LEVEL, budget=st.integers(0, 4000))
    def test_black_stays_black_and_a_missing_channel_missing(
        self, colours: list[Colour], brightness: int, budget: int
    ) -> None:
        count = len(colours)
        data = Output(count, "RGB", max_milliamps=budget + count if budget else 0).encode(colours, brightness)
        for driven, wanted in zip(pixels(data), colours, strict=True):
            assert all(level == 0 for level, value in zip(driven, wanted, strict=True) if value == 0)

    @given(colours=COLOURS)
    def test_at_no_brightness_all_is_dark(self, colours: list[Colour]) -> None:
        assert Output(len(colours)).encode(colours, 0) == bytes(3 * len(colours))

    @given(dim=COLOUR, brighter=COLOUR, brightness=LEVEL)
    def test_a_larger_value_is_never_the_darker_one(self, dim: Colour, brighter: Colour, brightness: int) -> None:
        low = min(dim[0], brighter[0])
        high = max(dim[0], brighter[0])
        data = pixels(Output(2, "RGB").encode([(low, 0, 0), (high, 0, 0)], brightness))
        assert data[0][0] <= data[1][0]


class TestDimColours:
    @given(colours=COLOURS, brightness=st.integers(1, 255), gamma=st.floats(1, 4), share=st.floats(0.01, 1))
    def test_a_pixel_that_is_to_shine_does(
        self, colours: list[Colour], brightness: int, gamma: float, share: float
    ) -> None:
        data = Output(len(colours), "RGB", gamma, share).encode(colours, brightness)
        assert [driven == BLACK for driven in pixels(data)] == [wanted == BLACK for wanted in colours]

    def test_it_keeps_its_strongest_channels_only(self) -> None:
        output = Output(4, "GRB")
        data = output.encode([(9, 5, 0), (3, 3, 3), (0, 0, 1), (8, 8, 2)], 100)
        assert data == bytes([0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0])

    def test_others_are_not_touched(self) -> None:
        assert Output(2, "RGB").encode([(255, 2, 0), (2, 0, 0)]) == bytes([255, 0, 0, 1, 0, 0])


class TestCurrent:
    def test_a_pixel_in_full_white_draws_three_channels_and_its_electronics(self) -> None:
        output = plain(16)
        assert output.milliamps(output.encode([WHITE] * 16)) == 16 * 61
        assert output.milliamps(output.encode([BLACK] * 16)) == 16
        assert output.milliamps(output.encode([(255, 0, 0)] + [BLACK] * 15)) == 36

    @given(
        colours=COLOURS,
        brightness=LEVEL,
        spare=st.floats(0, 3000),
        gamma=st.sampled_from([1.0, 2.2]),
        share=st.floats(0, 1),
    )
    def test_the_budget_is_never_exceeded(
        self, colours: list[Colour], brightness: int, spare: float, gamma: float, share: float
    ) -> None:
        count = len(colours)
        output = Output(count, "GRB", gamma, share, count + spare)
        assert output.milliamps(output.encode(colours, brightness)) <= count + spare

    @given(colours=COLOURS, spare=st.integers(1, 3000))
    def test_it_makes_nothing_brighter_and_takes_no_more_than_it_must(self, colours: list[Colour], spare: int) -> None:
        count = len(colours)
        free, limited = plain(count), plain(count, max_milliamps=count + spare)
        before, after = free.encode(colours), limited.encode(colours)
        assert all(b <= a for a, b in zip(before, after, strict=True))
        if free.milliamps(before) <= count + spare:
            assert after == before
        else:
            lost_by_rounding = 3 * count * 20 / 255
            assert limited.milliamps(after) >= count + spare - lost_by_rounding - 20 / 255

    def test_it_keeps_the_hue_and_treats_all_pixels_alike(self) -> None:
        limited = plain(4, max_milliamps=4 + 20)
        data = pixels(limited.encode([(200, 100, 0), (200, 100, 0), (100, 50, 0), (0, 0, 250)]))
        assert data == [(51, 25, 0), (51, 25, 0), (25, 12, 0), (0, 0, 63)]

    def test_without_a_limit_all_is_as_bright_as_asked(self) -> None:
        assert plain(300, max_milliamps=0).encode([WHITE] * 300) == bytes([255] * 900)

    def test_with_nothing_to_spare_all_is_dark(self) -> None:
        assert plain(10, max_milliamps=10).encode([WHITE] * 10) == bytes(30)


class TestRefusals:
    @pytest.mark.parametrize(
        ("traits", "message"),
        [
            ({"count": 0}, "at least 1"),
            ({"order": "RGBW"}, "order 'RGBW' must have each of the letters"),
            ({"order": "RRG"}, "order 'RRG'"),
            ({"order": "grb"}, "order 'grb'"),
            ({"gamma": 0}, "gamma 0 is out of range"),
            ({"gamma": float("nan")}, "gamma nan"),
            ({"max_brightness": 1.1}, "max_brightness 1.1 is out of range"),
            ({"max_brightness": -0.1}, "max_brightness -0.1"),
            ({"max_milliamps": 15}, "16 pixels draw 16 mA even when they are dark"),
            ({"max_milliamps": -1}, "max_milliamps -1"),
        ],
    )
    def test_an_argument_out_of_range(self, traits: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Output(**{"count": 16, **traits})  # type: ignore[arg-type]

    def test_as_many_colours_as_pixels(self) -> None:
        with pytest.raises(ValueError, match="7 colours for a ring of 8 pixels"):
            Output(8).encode([BLACK] * 7)
