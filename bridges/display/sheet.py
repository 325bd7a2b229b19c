"""All expressions on one page, and single faces, as PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec

from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.face.face import draw, paint
from bridges.display.face.themes import MONO, Colour, Theme, colour
from bridges.display.graphics.cairo import cairocffi

WIDTH, MARGIN = 1000, 20
HEADING_HEIGHT, NAME_HEIGHT = 46, 28
FONT = "DejaVu Sans"
PAGE: Colour = colour(0xE9EDF3)
INK: Colour = colour(0x2B2D42)


class Section(msgspec.Struct, frozen=True):
    """A part of the page: all expressions on one kind of panel."""

    heading: str
    theme: Theme
    width: int
    """Of the panel, in pixels."""
    height: int
    columns: int
    gap: int
    """Between two faces, in pixels of the page."""
    scale: float
    """Pixels of the page for each of the panel."""

    @property
    def rows(self) -> int:
        """How many rows of faces it has."""
        return -(-len(EXPRESSIONS) // self.columns)

    @property
    def pitch(self) -> tuple[float, float]:
        """From one face to the next, to the right and down."""
        return self.width * self.scale + self.gap, self.height * self.scale + NAME_HEIGHT

    @property
    def page_height(self) -> int:
        """Height of the whole section, in pixels of the page."""
        return HEADING_HEIGHT + round(self.rows * self.pitch[1])

    def places(self) -> Iterator[tuple[str, float, float]]:
        """Each expression and the top left corner of its face, below the heading; the last row is in the middle."""
        across, down = self.pitch
        names = list(EXPRESSIONS)
        for row in range(self.rows):
            in_row = names[row * self.columns : (row + 1) * self.columns]
            left = (WIDTH - len(in_row) * across + self.gap) / 2
            for column, name in enumerate(in_row):
                yield name, round(left + column * across), round(row * down)


def contact_sheet(theme: Theme) -> bytes:
    """The page as PNG: each expression in these colours, and below it once more in black and white."""
    sections = (
        Section("480 x 320 pixels, in colours", theme, 480, 320, columns=5, gap=12, scale=0.38),
        Section("128 x 64 pixels, black and white", MONO, 128, 64, columns=7, gap=9, scale=1),
    )
    page = cairocffi.ImageSurface(
        cairocffi.FORMAT_RGB24, WIDTH, sum(section.page_height for section in sections) + MARGIN // 2
    )
    context = cairocffi.Context(page)
    context.set_source_rgb(*PAGE)
    context.paint()
    for section in sections:
        write(context, section.heading, MARGIN, 31, 17, bold=True)
        for name, x, y in section.places():
            put(context, section, name, x, HEADING_HEIGHT + y)
        context.translate(0, section.page_height)
    return png(page)


def put(context: cairocffi.Context, section: Section, name: str, x: float, y: float) -> None:
    """A face and its name."""
    context.save()
    context.translate(x, y)
    context.scale(section.scale)
    paint(context, EXPRESSIONS[name], section.width, section.height, section.theme)
    context.restore()
    middle, below = x + section.width * section.scale / 2, y + section.height * section.scale
    write(context, name.replace("_", " "), middle, below + 18, 13, centred=True)


def write(
    context: cairocffi.Context, text: str, x: float, y: float, size: float, *, bold: bool = False, centred: bool = False
) -> None:
    """One line of text with its baseline at `y`."""
    weight = cairocffi.FONT_WEIGHT_BOLD if bold else cairocffi.FONT_WEIGHT_NORMAL
    context.select_font_face(FONT, cairocffi.FONT_SLANT_NORMAL, weight)
    context.set_font_size(size)
    if centred:
        x -= context.text_extents(text)[2] / 2
    context.move_to(round(x), y)
    context.set_source_rgb(*INK)
    context.show_text(text)
    context.new_path()


def face_png(expression: str, width: int, height: int, theme: Theme) -> bytes:
    """One face as PNG; raises KeyError for an expression that there is not."""
    return png(draw(EXPRESSIONS[expression], width, height, theme))


def png(picture: cairocffi.ImageSurface) -> bytes:
    """A picture as PNG."""
    file = io.BytesIO()
    picture.write_to_png(file)
    return file.getvalue()
