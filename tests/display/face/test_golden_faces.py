"""The faces look as they looked when somebody last looked at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from bridges.display.face.expressions import EXPRESSIONS
from tests.display.face.make_golden import FOLDER, PANELS
from tests.display.pictures import face

MOST_RMSE = 2.0
"""In grey levels of 255: another cairo smooths edges a little differently."""
FAR, MOST_FAR = 40, 0.002
"""No more than this share of the pixels may be off by more than so many grey levels."""
SMALLER = {"mouth_curve": 0.3, "brow_left": 0.3, "pupil_x": 0.2}
"""Changes that are hardly seen."""


def difference(image: Image.Image, golden: Image.Image) -> tuple[float, float]:
    """How far two pictures are from each other: RMSE, and share of the pixels that are far off."""
    off = ImageChops.difference(image, golden)
    squares = [value**2 for value in ImageStat.Stat(off).rms]
    far = off.convert("L").point(lambda value: 255 if value > FAR else 0)
    return (sum(squares) / len(squares)) ** 0.5, ImageStat.Stat(far).mean[0] / 255


def golden(panel: str, name: str) -> Image.Image:
    width, height, _ = PANELS[panel]
    top = list(EXPRESSIONS).index(name) * height
    with Image.open(FOLDER / f"{panel}.png") as whole:
        return whole.convert("RGB").crop((0, top, width, top + height))


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("panel", PANELS)
def test_a_face_is_drawn_as_it_was(panel: str, name: str, tmp_path: Path) -> None:
    image = face(name, *PANELS[panel])
    rmse, far = difference(image, golden(panel, name))
    if rmse > MOST_RMSE or far > MOST_FAR:
        path = tmp_path / f"{panel}_{name}.png"
        image.save(path)
        pytest.fail(
            f"RMSE {rmse:.2f}, {far:.2%} of the pixels far off; see {path}, then tests.display.face.make_golden"
        )


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize(("field", "value"), SMALLER.items())
def test_a_small_change_is_noticed(panel: str, field: str, value: float) -> None:
    rmse, far = difference(face("base", *PANELS[panel], **{field: value}), golden(panel, "base"))
    assert rmse > MOST_RMSE or far > MOST_FAR


def test_the_golden_pictures_are_small(request: pytest.FixtureRequest) -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) <= 400_000
    assert {path.stem for path in FOLDER.glob("*x*.png")} >= set(PANELS)
