"""The pictures of the ring, looked at through a PNG reader that is not ours, and the command that writes the sheet."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bridges.led.effects.colours import BLACK, Colour, scale
from bridges.led.effects.registry import EFFECTS, Effect
from bridges.led.preview import animated as moving
from bridges.led.preview.animated import animated_png, timetable
from bridges.led.preview.sheet import RING, WIDTH, contact_sheet
from bridges.led.preview.still import BACKGROUND, RADIUS, SIZE, ring_png
from smartcar_mqtt.cli import cli

ALL = pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
RED: Colour = (255, 0, 0)
LARGEST_ANIMATION = 60_000


def opened(encoded: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(encoded))
    assert picture.format == "PNG"
    return picture


def lights(picture: Image.Image, count: int) -> list[Colour]:
    """The colour between the middle and the edge of each light, where it is not whitened."""
    size, reach = picture.width, RADIUS * picture.width
    rgb, found = picture.convert("RGB"), []
    for pixel in range(count):
        angle = 2 * math.pi * pixel / count
        x, y = size / 2 + reach * math.sin(angle), size / 2 - reach * math.cos(angle)
        colour = rgb.getpixel((round(x), round(y) + round(size * 0.045)))
        assert isinstance(colour, tuple)
        found.append((int(colour[0]), int(colour[1]), int(colour[2])))
    return found


def alike(seen: Colour, wanted: Colour, tolerance: int) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(seen, wanted, strict=True))


def frames(encoded: bytes) -> list[tuple[Image.Image, float]]:
    """Each frame as it is seen, and how long, in s."""
    animation = opened(encoded)
    found = []
    for number in range(getattr(animation, "n_frames", 1)):
        animation.seek(number)
        found.append((animation.convert("RGB"), animation.info.get("duration", 0) / 1000))
    return found


@pytest.fixture(scope="module")
def sheet() -> bytes:
    return contact_sheet(16)


class TestStill:
    @pytest.mark.parametrize("count", [1, 2, 8, 16, 60, 300])
    def test_a_ring_of_any_size(self, count: int) -> None:
        picture = opened(ring_png([RED] * count))
        assert picture.size == (SIZE, SIZE)
        assert alike(picture.convert("RGB").getpixel((2, 2)), BACKGROUND, 3)  # type: ignore[arg-type]
        top = picture.convert("RGB").getpixel((SIZE // 2, round(SIZE * (0.5 - RADIUS))))
        assert isinstance(top, tuple)
        assert top[0] > 200
        assert top[0] > top[1] + 80

    def test_the_first_pixel_is_at_the_top_and_the_others_follow_clockwise(self) -> None:
        colours: list[Colour] = [BLACK] * 16
        colours[0], colours[4], colours[8] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
        seen = lights(opened(ring_png(colours)), 16)
        assert [seen[pixel].index(max(seen[pixel])) for pixel in (0, 4, 8)] == [0, 1, 2]
        assert all(max(seen[pixel]) > 200 for pixel in (0, 4, 8))
        assert all(max(seen[pixel]) < 110 for pixel in (2, 6, 10, 12, 14))

    def test_a_dark_ring_is_to_be_seen_as_one(self) -> None:
        dark = opened(ring_png([BLACK] * 16)).convert("RGB")
        assert len(dark.getcolors(100_000) or []) > 3
        assert max(channel for colour in lights(dark, 16) for channel in colour) < 90

    def test_it_is_small(self) -> None:
        assert max(len(ring_png(effect.draw(0.3, 16, effect.colour))) for effect in EFFECTS.values()) < 30_000


class TestAnimation:
    @ALL
    def test_it_is_small(self, effect: Effect) -> None:
        assert len(animated_png(effect, 16, effect.colour)) <= LARGEST_ANIMATION

    @ALL
    def test_each_frame_shows_the_effect_at_its_time(self, effect: Effect) -> None:
        """Frames hold only what differs from the one before: a light that was missed would keep its old colour."""
        elapsed = 0.0
        wanted = []
        for moment, seconds in timetable(effect):
            wanted.append((elapsed, effect.draw(moment, 16, effect.colour)))
            elapsed += seconds
        shown, begin = [], 0.0
        for picture, seconds in frames(animated_png(effect, 16, effect.colour)):
            shown.append((begin, begin + (seconds or elapsed), lights(picture, 16)))
            begin += seconds
        for when, colours in wanted:
            seen = next(seen for start, end, seen in shown if start - 0.02 <= when < end - 0.02)
            for light, colour in zip(seen, colours, strict=True):
                if max(colour) > 100:  # a dim one lets the unlit pixel through
                    assert alike(light, colour, 48), (when, seen, colours)
                elif max(colour) < 20:
                    assert max(light) < 90

    @ALL
    def test_it_lasts_one_period_or_until_all_is_still(self, effect: Effect) -> None:
        lasts = sum(seconds for _, seconds in frames(animated_png(effect, 16, effect.colour)))
        if effect.settles_after_s is not None:
            assert lasts == pytest.approx(effect.settles_after_s + moving.HELD_S, abs=0.05)
        elif effect.fps:
            assert lasts == pytest.approx(effect.period_s, rel=0.02)

    @pytest.mark.parametrize(("name", "plays"), [("comet", 0), ("wakeword_detected", 1), ("shutting_down", 1)])
    def test_what_comes_to_a_rest_is_played_once(self, name: str, plays: int) -> None:
        assert opened(animated_png(EFFECTS[name], 16, RED)).info["loop"] == plays

    def test_what_has_a_period_closes_without_a_jump(self) -> None:
        pictures = [picture for picture, _ in frames(animated_png(EFFECTS["rainbow"], 16, RED))]
        steps = [
            sum(
                abs(a - b)
                for x, y in zip(lights(one, 16), lights(other, 16), strict=True)
                for a, b in zip(x, y, strict=True)
            )
            for one, other in zip(pictures, [*pictures[1:], pictures[0]], strict=True)
        ]
        assert steps[-1] <= 1.5 * max(steps[:-1])

    def test_it_is_about_twelve_frames_a_second(self) -> None:
        shown = frames(animated_png(EFFECTS["comet"], 16, RED))
        assert len(shown) / EFFECTS["comet"].period_s == pytest.approx(12, abs=1)

    def test_brightness_and_colour_are_those_asked_for(self) -> None:
        [(picture, _)] = frames(animated_png(EFFECTS["solid"], 8, (0, 200, 100), 190))
        assert all(alike(light, scale((0, 200, 100), 190 / 255), 24) for light in lights(picture, 8))

    @pytest.mark.parametrize("count", [1, 2, 7, 60, 300])
    def test_a_ring_of_any_size(self, count: int) -> None:
        for name in ("fire", "link_lost", "shutting_down"):
            shown = frames(animated_png(EFFECTS[name], count, RED))
            assert len(shown) > 3
            assert all(picture.size == (moving.SIZE, moving.SIZE) for picture, _ in shown)


class TestSheet:
    def test_it_is_as_wide_as_a_page_and_small_enough_for_one(self, sheet: bytes) -> None:
        assert opened(sheet).width == WIDTH
        assert len(sheet) < 300_000

    def test_every_effect_has_a_row_with_a_name_and_lit_rings(self, sheet: bytes) -> None:
        page = opened(sheet).convert("RGB")
        heading_rows, lit_rows = 0, 0
        previous = False
        for y in range(page.height):
            line = page.crop((20, y, WIDTH - 20, y + 1)).getcolors(WIDTH) or []
            ruled = len(line) == 1 and not alike(line[0][1], BACKGROUND, 4)  # type: ignore[arg-type]
            if ruled and not previous:
                heading_rows += 1
                text = page.crop((20, y + 8, 230, y + 36)).convert("L").getextrema()
                rings = page.crop((242, y + 4, 242 + RING, y + 4 + RING)).convert("L").getextrema()
                assert text[1] > 180  # type: ignore[operator]
                lit_rows += rings[1] > 60  # type: ignore[operator]
            previous = ruled
        assert heading_rows == len(EFFECTS)
        assert lit_rows >= len(EFFECTS) - 2, "but for those that begin in the dark"


class TestCommand:
    @staticmethod
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["led", *arguments])

    def test_it_writes_the_sheet(self, tmp_path: Path, sheet: bytes) -> None:
        file = tmp_path / "effects.png"
        done = self.run("sheet", str(file))
        assert done.exit_code == 0, done.output
        assert done.output.startswith(f"{file}: all effects on a ring of 16, ")
        assert file.read_bytes() == sheet

    def test_it_takes_another_number_of_pixels(self, tmp_path: Path) -> None:
        file = tmp_path / "small.png"
        assert self.run("sheet", "--count", "8", str(file)).exit_code == 0
        assert file.read_bytes() == contact_sheet(8)

    def test_a_place_that_cannot_be_written_is_one_sentence(self, tmp_path: Path) -> None:
        file = tmp_path / "nowhere" / "effects.png"
        refused = self.run("sheet", str(file))
        assert refused.exit_code == 1
        assert refused.output == f"Error: cannot write {file}: No such file or directory\n"

    @pytest.mark.parametrize("count", ["0", "301", "many"])
    def test_a_number_of_pixels_that_no_ring_has_is_refused(self, count: str, tmp_path: Path) -> None:
        file = tmp_path / "effects.png"
        refused = self.run("sheet", "--count", count, str(file))
        assert refused.exit_code == 2
        assert "--count" in refused.output
        assert not file.exists()
