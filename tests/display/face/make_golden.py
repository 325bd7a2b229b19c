"""Draws the golden pictures anew: `python -m tests.display.face.make_golden`. Look at them before you commit them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.face.themes import DARK, LIGHT, MONO, Theme
from tests.display.pictures import face

FOLDER = Path(__file__).parent / "golden"
PANELS: dict[str, tuple[int, int, Theme]] = {
    "light_480x320": (480, 320, LIGHT),
    "dark_240x240": (240, 240, DARK),
    "mono_128x64": (128, 64, MONO),
}


def strip(width: int, height: int, theme: Theme) -> Image.Image:
    """All expressions, one below the other."""
    image = Image.new("RGB", (width, height * len(EXPRESSIONS)))
    for row, name in enumerate(EXPRESSIONS):
        image.paste(face(name, width, height, theme), (0, row * height))
    return image


if __name__ == "__main__":
    for panel, (width, height, theme) in PANELS.items():
        colours = 2 if theme.one_bit else 128
        small = strip(width, height, theme).quantize(colours, dither=Image.Dither.NONE)
        path = FOLDER / f"{panel}.png"
        small.save(path, optimize=True, bits=1 if theme.one_bit else 8)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
