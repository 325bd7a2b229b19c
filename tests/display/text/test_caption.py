"""Captions: any text in any script, wrapped, at a pace for reading, and what it costs."""

from __future__ import annotations

import subprocess
import sys
import threading
import unicodedata

import cairocffi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges.display.text.caption import SLIDE_S, Caption, bar_height
from bridges.display.text.typesetting import ELLIPSIS, LONGEST_TEXT, REPLACEMENT, displayable, typeset

LONG = (
    "This message is longer than the bar is wide, so that it has to move on line by line, at a pace that lets people "
    "read it, until the very last line has been shown and everything begins anew."
)
SIZES = [(480, 320), (320, 480), (128, 64), (64, 32), (1920, 1080)]
SCRIPTS = {
    "Latin": "Größe, façade, Łódź, Žluťoučký kůň, Việt Nam",
    "Greek": "Καλημέρα κόσμε",
    "Cyrillic": "Привет, мир! Їжак",
    "Hebrew": "שלום עולם",
    "Arabic": "مرحبا بالعالم، كيف حالك؟",
    "Chinese": "你好，前面有障碍物。繁體字",
    "Japanese": "こんにちは、カタカナと漢字",
    "Korean": "안녕하세요, 저는 자동차입니다.",
    "emoji": "😀 👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ 🚗",
    "signs": "21 °C ± 3 % → 5 €, ½ × ∞ ≤ … – “ok”",
}
BLACK = (0, 0, 0)


def has_hangul_font() -> bool:
    """Whether a font has Korean syllables: Debian's fonts-droid-fallback alone does not."""
    found = subprocess.run(["fc-list", ":charset=d55c"], capture_output=True, check=True, timeout=30)
    return bool(found.stdout.strip())


def painted(caption: Caption, t: float = 0.0) -> cairocffi.ImageSurface:
    """The caption on a white picture."""
    surface = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, caption.width, caption.height)
    context = cairocffi.Context(surface)
    context.set_source_rgb(1, 1, 1)
    context.paint()
    caption.paint(context, t)
    surface.flush()
    return surface


def pixels(surface: cairocffi.ImageSurface) -> bytes:
    data = bytearray(surface.get_data())
    data[3::4] = bytes(len(data) // 4)  # unused by the format
    return bytes(data)


def ink(surface: cairocffi.ImageSurface, caption: Caption) -> set[tuple[int, int]]:
    """Where the bar is bright."""
    data, width = bytes(surface.get_data())[1::4], caption.width
    top = caption.height - caption.bar
    return {(x, y) for y in range(top, caption.height) for x in range(width) if data[y * width + x] > 128}


class TestBar:
    @pytest.mark.parametrize(
        ("height", "bar"),
        [(320, 58), (480, 86), (240, 43), (64, 15), (32, 15), (16, 8), (1, 1), (1080, 194), (4096, 200)],
    )
    def test_it_takes_18_percent_where_letters_can_then_be_read(self, height: int, bar: int) -> None:
        assert bar_height(height) == bar

    @pytest.mark.parametrize("size", SIZES)
    def test_above_the_bar_nothing_is_touched(self, size: tuple[int, int]) -> None:
        caption = Caption(LONG, *size)
        data = pixels(painted(caption, 3.0))
        above = (size[1] - caption.bar) * size[0] * 4
        assert data[:above] == b"\xff\xff\xff\0" * (above // 4)

    @pytest.mark.parametrize("size", SIZES)
    def test_letters_keep_clear_of_both_sides(self, size: tuple[int, int]) -> None:
        caption = Caption(LONG, *size)
        places = ink(painted(caption), caption)
        assert places
        assert min(x for x, _ in places) >= 1
        assert max(x for x, _ in places) < size[0] - 1

    def test_without_text_there_is_no_bar(self) -> None:
        for text in ("", "   ", "\n\t\n", "\ufeff"):
            caption = Caption(text, 480, 320)
            assert caption.empty
            assert set(pixels(painted(caption))) == {0, 255}
            assert ink(painted(caption), caption) == {(x, y) for x in range(480) for y in range(262, 320)}

    def test_on_black_and_white_panels_there_is_nothing_between(self) -> None:
        data = pixels(painted(Caption("Größe: ÄÖÜ", 128, 64, monochrome=True)))
        assert set(data) == {0, 255}

    def test_a_short_text_is_larger_than_one_in_two_lines(self) -> None:
        short, longer = (Caption(text, 480, 320) for text in ("HHH", "HHH " * 15))
        heights = []
        for caption in (short, longer):
            rows = {y for _, y in ink(painted(caption), caption)}
            first = min(rows)
            heights.append(next(y for y in range(first, 999) if y not in rows) - first)
        assert heights[0] > heights[1]

    def test_what_paints_is_left_as_it_was(self) -> None:
        surface = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, 128, 64)
        context = cairocffi.Context(surface)
        before = context.clip_extents(), context.get_matrix().as_tuple()
        Caption(LONG, 128, 64).paint(context, 1.0)
        assert (context.clip_extents(), context.get_matrix().as_tuple()) == before


class TestText:
    @pytest.mark.parametrize("script", SCRIPTS)
    @pytest.mark.parametrize("monochrome", [False, True])
    def test_the_fonts_have_every_letter(self, script: str, monochrome: bool) -> None:
        if script == "Korean" and not has_hangul_font():
            pytest.skip("the package fonts-wqy-microhei is not installed")
        assert Caption(SCRIPTS[script], 480, 320, monochrome=monochrome).unknown_glyphs == 0

    def test_letters_without_a_font_are_counted_and_shown_as_boxes(self) -> None:
        caption = Caption("a\u0378b", 480, 320)  # not assigned
        assert caption.unknown_glyphs == 1
        assert len(ink(painted(caption), caption)) > len(ink(painted(plain := Caption("ab", 480, 320)), plain))

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("  two\r\n\r\nlines\tand \u2028 more ", "two lines and more"),
            ("a\0b\x07c\x1bd\x7fe\x9ff", f"a{REPLACEMENT}b{REPLACEMENT}c{REPLACEMENT}d{REPLACEMENT}e{REPLACEMENT}f"),
            ("half \ud83d a pair", f"half {REPLACEMENT} a pair"),
            ("\ude00\ud83d", REPLACEMENT * 2),
            ("\ud83d\ude00", "😀"),
            ("\ufeffmark", "mark"),
            ("👨\u200d👩", "👨\u200d👩"),
            ("<b>&amp;</b> %s {x}", "<b>&amp;</b> %s {x}"),
        ],
    )
    def test_what_cannot_be_shown_is_replaced(self, text: str, shown: str) -> None:
        assert displayable(text) == shown
        assert Caption(text, 480, 320).text == shown

    def test_a_very_long_text_ends_at_a_word_with_an_ellipsis(self) -> None:
        shown = displayable("word " * 2000)
        assert LONGEST_TEXT - 40 < len(shown) <= LONGEST_TEXT
        assert shown.endswith("word" + ELLIPSIS)
        assert len(displayable("x" * 10_000)) == LONGEST_TEXT
        assert displayable("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT

    def test_much_white_space_is_not_taken_for_text(self) -> None:
        assert displayable("a" + " " * LONGEST_TEXT + "b") == "a b"

    def test_on_black_and_white_panels_emoji_are_letters(self) -> None:
        coloured = typeset("😀 ⚠️", width=100, font_px=20)
        plain = typeset("😀 ⚠️", width=100, font_px=20, crisp=True)
        data = bytes(coloured.strip.get_data())
        assert data[0::4] != data[2::4]
        data = bytes(plain.strip.get_data())
        assert data[0::4] == data[2::4]
        assert set(data) == {0, 255}

    def test_hebrew_runs_from_right_to_left(self) -> None:
        """An alef is last to be drawn from the left, but first in the text."""
        together = typeset("אב", width=60, font_px=20).strip
        alef = typeset("א", width=60, font_px=20).strip
        width = 60 * 4

        def columns(surface: cairocffi.ImageSurface) -> list[bytes]:
            data = bytes(surface.get_data())
            columns = [data[x * 4 + 3 :: width] for x in range(60)]
            return [column for column in columns if any(column)]

        assert columns(together)[-len(columns(alef)) :] == columns(alef)

    @settings(max_examples=150, deadline=None)
    @given(
        st.text(st.characters(codec=None), max_size=60)
        | st.text(st.sampled_from("a \n\u200d\u0301😀👍🏽שم한\0\ud800"), max_size=80),
        st.sampled_from([*SIZES, (1, 1), (2, 300), (300, 2)]),
        st.booleans(),
        st.floats(0, 1e6),
    )
    def test_nothing_makes_it_fail(self, text: str, size: tuple[int, int], monochrome: bool, t: float) -> None:
        caption = Caption(text, *size, monochrome=monochrome)
        caption.paint(cairocffi.Context(cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, *size)), t)
        assert caption.reading_time_s >= 8
        assert (caption.next_change(t) is None) == (not caption.moves)

    @given(st.text(st.characters(codec=None)))
    def test_what_is_shown_is_one_clean_paragraph(self, text: str) -> None:
        shown = displayable(text)
        shown.encode()
        assert not any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in shown)
        assert shown == shown.strip()
        assert "  " not in shown
        assert displayable(shown) == shown

    @pytest.mark.parametrize("size", SIZES)
    def test_no_word_is_lost_by_wrapping(self, size: tuple[int, int]) -> None:
        caption = Caption(LONG, *size)
        assert "".join(caption.lines).replace(" ", "") == LONG.replace(" ", "")

    def test_words_stay_whole_where_they_fit(self) -> None:
        assert {word for line in Caption(LONG, 480, 320).lines for word in line.split()} <= set(LONG.split())

    def test_a_word_wider_than_the_bar_is_broken(self) -> None:
        caption = Caption("https://example.org/" + "path/" * 40, 480, 320)
        assert len(caption.lines) > 3


class TestPace:
    def test_what_fits_stands_still(self) -> None:
        caption = Caption("Hello", 480, 320)
        assert not caption.moves
        assert caption.period_s == 0
        assert caption.next_change(0) is None
        assert pixels(painted(caption, 0)) == pixels(painted(caption, 77.7))

    def test_two_lines_stand_still_too(self) -> None:
        caption = Caption("Two lines of text, as many as the bar has room for", 480, 320)
        assert len(caption.lines) == 2
        assert not caption.moves

    @pytest.mark.parametrize("size", SIZES)
    def test_between_its_changes_it_looks_the_same(self, size: tuple[int, int]) -> None:
        caption = Caption(LONG * 2, *size)
        assert caption.moves
        t, stands = 0.0, 0
        while t < caption.period_s * 1.5:
            until = caption.next_change(t)
            assert until is not None
            if until > t:
                stands += 1
                assert pixels(painted(caption, until - 1e-3)) == pixels(painted(caption, t))
                t = until
            else:
                t += SLIDE_S + 1e-6
        visible = 2 if caption.bar >= 34 else 1
        assert stands >= len(caption.lines) - visible + 1

    @pytest.mark.parametrize("size", [(480, 320), (128, 64)])
    def test_every_line_stands_until_it_can_be_read(self, size: tuple[int, int]) -> None:
        caption = Caption(LONG, *size)
        letters = sum(len(line) for line in caption.lines)
        assert caption.period_s > letters / 20
        t, shortest = 0.0, 99.0
        while t < caption.period_s:
            until = caption.next_change(t)
            assert until is not None
            if until > t:
                shortest = min(shortest, until - t)
            t = until if until > t else t + SLIDE_S + 1e-6
        assert shortest > 1.49

    def test_after_the_last_line_it_begins_anew(self) -> None:
        caption = Caption(LONG, 128, 64)
        assert pixels(painted(caption, caption.period_s + 0.1)) == pixels(painted(caption, 0))
        assert pixels(painted(caption, caption.period_s - 0.1)) != pixels(painted(caption, 0))

    def test_while_it_moves_it_moves_upwards(self) -> None:
        caption = Caption(LONG, 480, 320)
        begins = caption.next_change(0)
        assert begins is not None
        assert caption.next_change(begins + SLIDE_S / 2) == begins + SLIDE_S / 2
        frames = [pixels(painted(caption, begins + SLIDE_S * step / 4)) for step in range(5)]
        assert len(set(frames)) == 5

    def test_the_same_moment_is_the_same_picture(self) -> None:
        caption, again = (Caption(LONG, 480, 320) for _ in range(2))
        pixels(painted(caption, 9.0))
        assert pixels(painted(caption, 4.35)) == pixels(painted(again, 4.35))

    def test_it_is_shown_for_8_s_and_longer_if_there_is_more_to_read(self) -> None:
        assert Caption("Hi", 480, 320).reading_time_s == 8
        long = Caption(LONG, 480, 320)
        assert long.reading_time_s == long.period_s > 8

    def test_chinese_takes_longer_a_letter(self) -> None:
        latin, chinese = Caption("x" * 120, 480, 320), Caption("好" * 120, 480, 320)
        assert chinese.reading_time_s > 1.5 * latin.reading_time_s


class TestCost:
    def test_thousands_of_captions_leave_no_memory_behind(self) -> None:
        def resident_kib() -> int:
            with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - no path of ours
                return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

        def use(count: int) -> None:
            for number in range(count):
                text = f"{number} {SCRIPTS['Latin']} {SCRIPTS['Arabic']} {SCRIPTS['Chinese']}"
                caption = Caption(text, 128, 64, monochrome=number % 2 == 0)
                caption.paint(cairocffi.Context(cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, 128, 64)), 0.0)

        use(300)
        before = resident_kib()
        use(2000)
        assert resident_kib() - before < 3000

    def test_threads_may_make_them_at_the_same_time(self) -> None:
        expected = pixels(painted(Caption(SCRIPTS["Arabic"], 480, 320)))
        found: list[bytes] = []

        def make() -> None:
            found.extend(pixels(painted(Caption(SCRIPTS["Arabic"], 480, 320))) for _ in range(20))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [expected] * 80


@pytest.mark.parametrize("missing", ["pangocffi", "pangocairocffi"])
def test_a_missing_package_is_told_in_one_sentence(missing: str) -> None:
    program = f"""
import sys
sys.modules["{missing}"] = None
from smartcar_mqtt.config.file import ConfigError
try:
    import bridges.display.text.caption
except ConfigError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert f"needs the Python package '{missing}'; run: pip install" in ended.stdout
