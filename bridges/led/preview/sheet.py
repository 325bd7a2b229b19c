"""All effects on one page: name, description, and eight moments of each."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont

from bridges.led.effects.base import Effect, Kind
from bridges.led.effects.colours import Colour
from bridges.led.effects.registry import EFFECTS
from bridges.led.preview.still import BACKGROUND, Ring

WIDTH = 1000
MARGIN = 20
TEXT_WIDTH = 222
MOMENTS = 8
RING = 82
PITCH = (WIDTH - 2 * MARGIN - TEXT_WIDTH) // MOMENTS
ROW = 102
HEADING = 50
REST = 1.25
"""An effect that comes to a rest is shown for so many times the time that it moves."""

HEADINGS = {
    Kind.PEOPLE: "To be chosen for their looks",
    Kind.PHASE: "What the assistant and the car's computer are doing",
    Kind.SAFETY: "Why the car does not move",
}
INK: Colour = (235, 240, 246)
FAINT: Colour = (146, 160, 178)
LINE: Colour = (37, 47, 60)


def contact_sheet(count: int) -> bytes:
    """The page as PNG, with rings of this many pixels."""
    height = MARGIN + len(HEADINGS) * HEADING + len(EFFECTS) * ROW
    page = Image.new("RGB", (WIDTH, height), BACKGROUND)
    pen = ImageDraw.Draw(page)
    ring = Ring(count, RING)
    top = MARGIN // 2
    for kind, heading in HEADINGS.items():
        pen.text((MARGIN, top + 16), heading, fill=INK, font=_font(20))
        top += HEADING
        for effect in EFFECTS.values():
            if effect.kind is kind:
                pen.line((MARGIN, top, WIDTH - MARGIN, top), fill=LINE)
                _row(page, top, effect, ring, count)
                top += ROW
    small = page.resize((page.width // 3, page.height // 3), Image.Resampling.NEAREST)
    palette = small.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
    encoded = io.BytesIO()
    page.quantize(palette=palette, dither=Image.Dither.NONE).save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _row(page: Image.Image, top: int, effect: Effect, ring: Ring, count: int) -> None:
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, top + 12), effect.name, fill=INK, font=_font(17))
    for line, text in enumerate(_wrapped(effect.description, TEXT_WIDTH - 22)):
        pen.text((MARGIN, top + 37 + 18 * line), text, fill=FAINT, font=_font(14))
    for place, moment in enumerate(moments(effect)):
        left = MARGIN + TEXT_WIDTH + place * PITCH
        picture = ring.draw(effect.draw(moment, count, effect.colour))
        page.paste(picture, (left + (PITCH - RING) // 2, top + 4))
        label = "still" if effect.fps == 0 else f"{moment:.2f} s"
        pen.text((left + PITCH / 2, top + 92), label, fill=FAINT, font=_font(11), anchor="mm")


def moments(effect: Effect) -> list[float]:
    """Moments that show what an effect does; one for a still one."""
    if effect.fps == 0:
        return [0.0]
    if effect.settles_after_s is not None:
        return [effect.settles_after_s * REST * moment / (MOMENTS - 1) for moment in range(MOMENTS)]
    return [effect.period_s * moment / MOMENTS for moment in range(MOMENTS)]


def _wrapped(text: str, width: int) -> Iterator[str]:
    font, line = _font(14), ""
    for word in text.split():
        longer = f"{line} {word}".lstrip()
        if font.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    yield line


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
