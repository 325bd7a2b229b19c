"""What faces look like, told from their pixels."""

from __future__ import annotations

import itertools
from collections import defaultdict

import cairocffi
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageStat

from bridges.display.face.expressions import EXPRESSIONS, Pose
from bridges.display.face.face import paint
from bridges.display.face.themes import DARK, LIGHT, MONO, THEMES, Theme, colour, swapped
from tests.display.pictures import PARTS, Pixel, face, image_of, middle, picture, where

SIZES = [(480, 320), (320, 240), (240, 240), (240, 320), (320, 480), (128, 64), (64, 32), (800, 200), (1920, 1080)]
PLAIN = {"highlight_size": 0.0}
"""Without highlights, which stand at the left in both eyes."""
SYMMETRIC = ["base", "happy", "listening", "speaking", "surprised", "look_up", "look_down"]


def lips(image: Image.Image) -> list[Pixel]:
    return where(image, PARTS.lips)


def corner_and_middle(image: Image.Image) -> tuple[float, float]:
    """How high the corners of the mouth are and how high its middle is (mean rows: lower is larger)."""
    pixels = lips(image)
    left, right = min(x for x, _ in pixels), max(x for x, _ in pixels)
    centre = (left + right) / 2
    corners = [pixel for pixel in pixels if pixel[0] <= left + 3 or pixel[0] >= right - 3]
    middles = [pixel for pixel in pixels if abs(pixel[0] - centre) <= 3]
    return middle(corners)[1], middle(middles)[1]


def within(pixels: list[Pixel], frame: list[Pixel]) -> bool:
    """Whether some pixels are all surrounded by others: in its column and in its row each has some on both sides."""
    columns, rows = defaultdict(list), defaultdict(list)
    for x, y in frame:
        columns[x].append(y)
        rows[y].append(x)
    return bool(pixels) and all(
        min(columns[x], default=y) < y < max(columns[x], default=y)
        and min(rows[y], default=x) < x < max(rows[y], default=x)
        for x, y in pixels
    )


def levels(image: Image.Image) -> int:
    return len(image.convert("L").getcolors() or [])


class TestMouth:
    @pytest.mark.parametrize("name", ["base", "happy", "listening", "excited", "look_left", "speaking"])
    def test_a_smile_has_its_corners_above_its_middle(self, name: str) -> None:
        corners, centre = corner_and_middle(face(name))
        assert corners < centre - 3

    def test_sadness_has_them_below(self) -> None:
        corners, centre = corner_and_middle(face("sad"))
        assert corners > centre + 10

    def test_looking_down_has_a_flat_mouth(self) -> None:
        corners, centre = corner_and_middle(face("look_down"))
        assert corners == pytest.approx(centre, abs=0.5)

    @pytest.mark.parametrize("name", ["base", "speaking", "happy", "sad"])
    def test_it_opens_with_the_level_of_speech(self, name: str) -> None:
        areas = [len(where(face(name, mouth_open=level), PARTS.mouth)) for level in (0, 0.15, 0.3, 0.45, 0.6, 0.8, 1)]
        assert areas[0] == 0
        assert all(more > less for less, more in itertools.pairwise(areas[1:])), areas
        assert areas[-1] > 5 * areas[1]

    def test_surprise_is_an_o(self) -> None:
        pixels = lips(face("surprised"))
        width = max(x for x, _ in pixels) - min(x for x, _ in pixels)
        height = max(y for _, y in pixels) - min(y for _, y in pixels)
        assert width == pytest.approx(height, rel=0.15)
        assert corner_and_middle(face("surprised"))[0] == pytest.approx(corner_and_middle(face("surprised"))[1], abs=3)

    def test_the_tongue_stays_in_it(self) -> None:
        theme = msgspec.structs.replace(PARTS, tongue=colour(0x1090C8))
        for name, level in itertools.product(("happy", "speaking", "sad", "excited"), (0.6, 1)):
            image = face(name, 300, 200, theme, mouth_open=level)
            assert where(image, theme.tongue)
            assert within(where(image, theme.tongue), lips(image)), (name, level)


class TestEyes:
    def test_the_pupils_go_where_it_looks(self) -> None:
        looks = {name: middle(where(face(name, **PLAIN), PARTS.pupil)) for name in EXPRESSIONS if name != "sleep"}
        x, y = looks["base"]
        assert looks["look_left"][0] < x - 20
        assert looks["look_right"][0] > x + 20
        assert looks["look_up"][1] < y - 15
        assert looks["look_down"][1] > y + 15
        assert looks["curious"][0] < x - 8
        assert looks["sad"][1] > y + 5

    def test_closed_eyes_show_nothing_of_themselves(self) -> None:
        for name in EXPRESSIONS:
            image = face(name, eye_open_left=0.0, eye_open_right=0.0)
            for part in (PARTS.eye, PARTS.iris, PARTS.pupil, PARTS.highlight):
                assert not where(image, part), name
            assert where(image, PARTS.line)

    def test_the_more_they_close_the_less_is_seen(self) -> None:
        seen = [
            len(where(face("base", eye_open_left=share, eye_open_right=share), PARTS.eye))
            for share in (1, 0.8, 0.6, 0.4, 0.2, 0)
        ]
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == len(seen)

    def test_one_eye_can_wink(self) -> None:
        image = face("base", eye_open_left=0.0)
        assert min(x for x, _ in where(image, PARTS.pupil)) > 240

    @pytest.mark.parametrize("x", [-1, 0, 0.6, 1])
    @pytest.mark.parametrize("y", [-1, 0, 1])
    def test_an_iris_never_stands_over_the_lids(self, x: float, y: float) -> None:
        for opening in (0.3, 0.7, 1):
            pose = {"pupil_x": x, "pupil_y": y, "eye_open_left": opening, "eye_open_right": opening}
            left = face("base", 240, 160, **pose).crop((0, 0, 120, 160))
            assert within(where(left, PARTS.iris), where(left, PARTS.line)), opening

    def test_surprise_makes_small_pupils_in_large_eyes(self) -> None:
        base, surprised = face("base"), face("surprised")
        assert len(where(surprised, PARTS.pupil)) < 0.6 * len(where(base, PARTS.pupil))
        assert len(where(surprised, PARTS.eye)) > 1.3 * len(where(base, PARTS.eye))

    def test_the_highlights_of_excitement_go_around(self) -> None:
        angles = [face("excited", highlight_angle=angle) for angle in (0.0, 90.0, 180.0, 360.0)]
        lit = [where(image, PARTS.highlight) for image in angles]
        assert middle([p for p in lit[0] if p[0] < 240])[0] < middle([p for p in lit[2] if p[0] < 240])[0] - 10
        assert lit[0] != lit[1] != lit[2]
        assert lit[0] == lit[3]

    def test_brows_rise_and_slope(self) -> None:
        rest = middle(where(face("base"), PARTS.brow))[1]
        assert middle(where(face("surprised"), PARTS.brow))[1] < rest - 10
        sad = [pixel for pixel in where(face("sad"), PARTS.brow) if pixel[0] < 240]
        inner = [y for x, y in sad if x > max(x for x, _ in sad) - 5]
        outer = [y for x, y in sad if x < min(x for x, _ in sad) + 5]
        assert max(inner) < min(outer)


class TestRest:
    def test_blush_grows(self) -> None:
        def redness(blush: float) -> float:
            # against the same face without: what the cheeks add
            off = ImageChops.difference(face("base", theme=DARK, blush=blush), face("base", theme=DARK, blush=0.0))
            return ImageStat.Stat(off).sum[0]

        amounts = [redness(blush) for blush in (0, 0.4, 0.9, 1.2, 1.6, 2)]
        assert amounts[0] == 0
        assert all(more > 1.05 * less for less, more in itertools.pairwise(amounts))

    def test_blush_grows_stronger_as_well_as_larger(self) -> None:
        cheeks = [face("base", theme=LIGHT, blush=blush).crop((60, 225, 130, 270)) for blush in (0.4, 0.9, 1.4)]
        pale, pink, red = (cheek.getextrema()[1][0] for cheek in cheeks)  # the less green, the stronger
        assert pale > pink + 15 > red + 30

    @pytest.mark.parametrize(("field", "part"), [("tear", "tear"), ("hearing", "mark"), ("snoring", "mark")])
    def test_what_is_around_a_face_grows(self, field: str, part: str) -> None:
        counts = [len(where(face("base", **{field: share}), getattr(PARTS, part))) for share in (0, 0.5, 1)]
        assert counts[0] == 0
        assert counts[0] < counts[1] < counts[2]

    def test_only_sadness_weeps_only_sleep_snores(self) -> None:
        assert [name for name in EXPRESSIONS if where(face(name), PARTS.tear)] == ["sad"]
        assert [name for name in EXPRESSIONS if where(face(name), PARTS.mark)] == ["listening", "sleep"]

    @pytest.mark.parametrize("name", SYMMETRIC)
    def test_symmetric_faces_are_symmetric(self, name: str) -> None:
        image = face(name, theme=LIGHT, **PLAIN)
        off = ImageChops.difference(image, ImageOps.mirror(image))
        assert ImageStat.Stat(off).rms[0] < 2
        crooked = face(name, theme=LIGHT, tilt=2.0, **PLAIN)
        assert ImageStat.Stat(ImageChops.difference(crooked, ImageOps.mirror(crooked))).rms[0] > 10

    @pytest.mark.parametrize("theme", THEMES)
    def test_all_expressions_differ_at_a_glance(self, theme: str) -> None:
        """Even when all that is left of them is a thumbnail."""
        size = (128, 64) if theme == "mono" else (480, 320)
        small = {name: face(name, *size, THEMES[theme]).convert("L").resize((48, 32)) for name in EXPRESSIONS}
        for one, other in itertools.combinations(small, 2):
            off = ImageStat.Stat(ImageChops.difference(small[one], small[other])).rms[0]
            assert off > 6, (one, other, off)


class TestPicture:
    def test_it_is_the_same_every_time(self) -> None:
        pictures = {face("curious").tobytes() for _ in range(3)}
        assert len(pictures) == 1

    def test_edges_are_smooth(self) -> None:
        assert levels(face("base", theme=msgspec.structs.replace(LIGHT, iris_light=LIGHT.iris), blush=0.0)) > 50

    def test_black_and_white_is_only_that(self) -> None:
        for name in EXPRESSIONS:
            assert face(name, 128, 64, MONO).convert("RGB").getcolors(2) is not None, name

    def test_both_eyes_have_the_same_pixels(self) -> None:
        image = face("base", 128, 64, MONO)
        white = where(image, MONO.eye)
        left = {(x, y) for x, y in white if x < 60 and 13 < y < 44}
        right = {(x, y) for x, y in white if x > 68 and 13 < y < 44}
        shift = min(x for x, _ in right) - min(x for x, _ in left)
        assert {(x + shift, y) for x, y in left} == right

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("theme", [DARK, MONO])
    def test_no_expression_is_cut_off(self, size: tuple[int, int], theme: Theme) -> None:
        width, height = size
        background = tuple(round(255 * channel) for channel in theme.background)
        for name, pose in EXPRESSIONS.items():
            image = picture(pose, width, height, theme)
            inside = image.copy()
            inside.paste(background, (1, 1, width - 1, height - 1))
            assert inside.getcolors() == [(width * height, background)], name

    @pytest.mark.parametrize("size", [(480, 320), (320, 480), (128, 64), (240, 240)])
    def test_room_for_a_caption_stays_free(self, size: tuple[int, int]) -> None:
        width, height = size
        bottom = round(0.18 * height)
        for name, pose in EXPRESSIONS.items():
            image = picture(pose, width, height, LIGHT, bottom)
            assert image.crop((0, height - bottom, width, height)).getcolors() == [(width * bottom, (255, 255, 255))], (
                name
            )
            assert image.crop((0, 0, width, height - bottom)).getcolors(1) is None

    def test_without_a_caption_the_face_is_larger(self) -> None:
        free, tight = picture(EXPRESSIONS["base"]), picture(EXPRESSIONS["base"], bottom=58)
        assert len(where(free, PARTS.pupil)) > 1.1 * len(where(tight, PARTS.pupil))
        assert middle(where(free, PARTS.pupil))[1] > middle(where(tight, PARTS.pupil))[1]

    def test_nothing_is_drawn_outside(self) -> None:
        surface = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, 300, 300)
        context = cairocffi.Context(surface)
        context.set_source_rgb(0.5, 0.5, 0.5)
        context.paint()
        context.translate(100, 110)
        before = context.get_matrix(), context.get_line_width(), context.get_antialias()
        paint(context, msgspec.structs.replace(EXPRESSIONS["excited"], eye_scale=3.0, tilt=30.0), 100, 80, LIGHT)
        assert (context.get_matrix(), context.get_line_width(), context.get_antialias()) == before
        image = image_of(surface)
        image.paste((0, 0, 0), (100, 110, 200, 190))
        assert set(image.getcolors()) == {(100 * 80, (0, 0, 0)), (300 * 300 - 100 * 80, (128, 128, 128))}

    def test_red_and_blue_can_be_swapped(self) -> None:
        red, green, blue = face("happy", theme=LIGHT).split()
        right = Image.merge("RGB", (blue, green, red))
        off = ImageChops.difference(face("happy", theme=swapped(LIGHT)), right)
        assert max(high for _, high in off.getextrema()) <= 1
        assert swapped(swapped(DARK)) == DARK
        assert swapped(MONO) == MONO


share = st.floats(0, 1)
both_ways = st.floats(-1, 1)
poses = st.builds(
    Pose,
    pupil_x=both_ways,
    pupil_y=both_ways,
    eye_scale=st.floats(0.5, 1.2),
    eye_open_left=share,
    eye_open_right=share,
    lid_slant=both_ways,
    lower_lid=share,
    lid_bend=both_ways,
    iris_size=st.floats(0.2, 0.9),
    pupil_size=share,
    highlight_size=st.floats(0, 1.5),
    highlight_angle=st.floats(-720, 720),
    sparkle=share,
    brow_left=both_ways,
    brow_right=both_ways,
    brow_slant=both_ways,
    brow_bend=share,
    mouth_curve=both_ways,
    mouth_open=share,
    mouth_width=share,
    mouth_round=share,
    mouth_slant=both_ways,
    mouth_x=both_ways,
    blush=st.floats(0, 2),
    tilt=st.floats(-30, 30),
    tear=share,
    hearing=share,
    snoring=share,
)


@settings(deadline=None, max_examples=150)
@given(poses, st.integers(64, 640), st.integers(32, 640), st.sampled_from(list(THEMES)), st.floats(0, 0.5))
@example(EXPRESSIONS["excited"], 1920, 1080, "light", 0.0)
@example(EXPRESSIONS["sleep"], 64, 32, "mono", 0.5)
@example(EXPRESSIONS["happy"], 32, 1000, "dark", 0.0)
@example(Pose(iris_size=0.0, pupil_size=0.0, highlight_size=0.0, mouth_width=0.0), 64, 32, "dark", 0.0)
def test_every_pose_can_be_drawn_at_every_size(pose: Pose, width: int, height: int, theme: str, caption: float) -> None:
    image = picture(pose, width, height, THEMES[theme], round(caption * height))
    assert image.size == (width, height)
    assert image.getcolors(1) is None, "nothing but one colour"
