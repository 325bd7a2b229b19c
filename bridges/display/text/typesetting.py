"""Text to pictures of lines, in any script: Pango wraps, shapes, orders and finds fonts.

Debian's packages fonts-dejavu-core (Latin, Greek, Cyrillic, Hebrew, Arabic, ...), fonts-wqy-microhei (Chinese, Japanese
and Korean; fonts-droid-fallback lacks the last) and fonts-noto-color-emoji cover what people write. A character without
a font becomes a box.
"""

from __future__ import annotations

import re
import threading
import unicodedata

import msgspec

from bridges.display.graphics.pango import cairocffi, pangocairocffi, pangocffi

FAMILIES = "DejaVu Sans, WenQuanYi Micro Hei, Droid Sans Fallback"
"""Without the one for emoji, which Pango finds by itself: if it were named, it would also be taken for spaces."""
LINE_HEIGHT = 1.18
"""From line to line, in font sizes; what these families need."""
ASCENT = 0.93
"""From the top of a line to its baseline, in font sizes."""
OVERHANG = 0.25
"""What stacked marks may need above and below their line, in line heights."""
LONGEST_TEXT = 600
"""Characters; a longer text ends in an ellipsis. It takes some 45 s to read."""
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
AS_TEXT, AS_PICTURE = "\N{VARIATION SELECTOR-15}", "\N{VARIATION SELECTOR-16}"
PICTOGRAPH = re.compile(
    "(?<!\u200d)([\U0001f300-\U0001f3fa\U0001f400-\U0001faff])(?![\u200d\ufe0e\U0001f3fb-\U0001f3ff])"
)
"""An emoji that stands for itself, no part of a sequence."""

_turn = threading.Lock()
"""Pango's fonts serve one thread at a time."""
_contexts: dict[bool, pangocffi.Context] = {}
"""For smooth and for crisp letters. Made once: the binding never frees a context, nor what holds fonts."""


class Typeset(msgspec.Struct, frozen=True):
    """Lines of text as one picture, each centred in a strip of its own."""

    strip: cairocffi.ImageSurface
    """ARGB32, white on nothing."""
    lines: tuple[str, ...]
    pitch: int
    """Height of a line, in pixels."""
    margin: int
    """Above the first and below the last line, for what sticks out."""
    unknown_glyphs: int
    """How many characters no font has."""


def displayable(text: str) -> str:
    """A text in one paragraph that can be shown: white space made single, control characters visible, not too long."""
    whole = text[: 8 * LONGEST_TEXT].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    clean = " ".join("".join(visible(character) for character in whole).split())
    if len(clean) <= LONGEST_TEXT:
        return clean
    cut = clean[: LONGEST_TEXT - 1]
    word_end = cut.rfind(" ", LONGEST_TEXT - 40)
    return (cut if word_end < 0 else cut[:word_end]) + ELLIPSIS


def visible(character: str) -> str:
    """What stands for a character in one paragraph."""
    if character.isspace():
        return " "
    if unicodedata.category(character) == "Cc":
        return REPLACEMENT
    return "" if character == "\N{ZERO WIDTH NO-BREAK SPACE}" else character


def drawn_plainly(text: str) -> str:
    """The text with emoji as letters, where a font has them: colours would be a blot of black and white."""
    return PICTOGRAPH.sub(rf"\1{AS_TEXT}", text.replace(AS_PICTURE, AS_TEXT))


def count_lines(text: str, *, width: int, font_px: float, crisp: bool = False) -> int:
    """Into how many lines a text is wrapped; `text` as `displayable` returns it."""
    with _turn:
        text = drawn_plainly(text) if crisp else text
        return int(_layout(text, width, font_px, crisp=crisp).get_line_count())


def typeset(text: str, *, width: int, font_px: float, crisp: bool = False) -> Typeset:
    """Lines of at most `width` pixels, wrapped between words, and inside them where one is wider.

    Args:
        text: as `displayable` returns it.
        width: of the strip, in pixels.
        font_px: size of the font, in pixels.
        crisp: without grey edges, for panels of black and white.
    """
    with _turn:
        text = drawn_plainly(text) if crisp else text
        return _typeset(_layout(text, width, font_px, crisp=crisp), text, width, font_px)


def _typeset(layout: pangocffi.Layout, text: str, width: int, font_px: float) -> Typeset:
    pitch = line_pitch(font_px)
    margin = round(pitch * OVERHANG)
    count = layout.get_line_count()
    strip = cairocffi.ImageSurface(cairocffi.FORMAT_ARGB32, width, count * pitch + 2 * margin)
    context = cairocffi.Context(strip)
    context.set_source_rgb(1, 1, 1)
    encoded = text.encode()
    lines = []
    pango, ffi = pangocffi.pango, pangocffi.ffi
    extents = ffi.new("PangoRectangle *")
    for number in range(count):
        line = pango.pango_layout_get_line_readonly(layout.pointer, number)
        start, length = pango.pango_layout_line_get_start_index(line), pango.pango_layout_line_get_length(line)
        lines.append(encoded[start : start + length].decode("utf-8", "replace"))
        pango.pango_layout_line_get_extents(line, ffi.NULL, extents)
        across = (width - pangocffi.units_to_double(extents.width)) / 2
        context.move_to(round(across), margin + number * pitch + round(ASCENT * font_px))
        pangocairocffi.pangocairo.pango_cairo_show_layout_line(context._pointer, line)  # noqa: SLF001 - no public way
    strip.flush()
    unknown = pango.pango_layout_get_unknown_glyphs_count(layout.pointer)
    return Typeset(strip, tuple(lines), pitch, margin, unknown)


def line_pitch(font_px: float) -> int:
    """From line to line, in pixels."""
    return max(1, round(font_px * LINE_HEIGHT))


def _layout(text: str, width: int, font_px: float, *, crisp: bool) -> pangocffi.Layout:
    layout = pangocffi.Layout(_context(crisp=crisp))
    font = pangocffi.FontDescription()
    font.family = FAMILIES
    font.set_absolute_size(pangocffi.units_from_double(font_px))
    layout.font_description = font
    layout.width = pangocffi.units_from_double(width)
    layout.wrap = pangocffi.WrapMode.WORD_CHAR
    layout.text = text
    return layout


def _context(*, crisp: bool) -> pangocffi.Context:
    """The context for one kind of letters; they share what the fonts take."""
    if not _contexts:
        anything = cairocffi.Context(cairocffi.ImageSurface(cairocffi.FORMAT_ARGB32, 1, 1))
        for kind in (False, True):
            options = cairocffi.FontOptions(
                antialias=cairocffi.ANTIALIAS_NONE if kind else cairocffi.ANTIALIAS_GRAY,
                hint_style=cairocffi.HINT_STYLE_FULL if kind else cairocffi.HINT_STYLE_SLIGHT,
                hint_metrics=cairocffi.HINT_METRICS_ON,
            )
            _contexts[kind] = pangocairocffi.create_context(anything)
            pangocairocffi.set_font_options(_contexts[kind], options._pointer)  # noqa: SLF001 - no public way
    return _contexts[crisp]
