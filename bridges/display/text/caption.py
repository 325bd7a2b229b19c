"""A line of text below the face: wrapped, and where it does not fit, moved on line by line at a pace for reading.

The bar is 18 % of the picture's height (more on very small panels), near-black with white letters. Where the text has
more lines than the bar, they stand until they can be read, then move up by one; after the last one it begins anew.
"""

from __future__ import annotations

import bisect
import unicodedata

from bridges.display.graphics.cairo import cairocffi
from bridges.display.text.typesetting import count_lines, displayable, line_pitch, typeset

BAR_SHARE = 0.18
SMALLEST_BAR, LARGEST_BAR = 15, 200
"""In pixels: below, letters cannot be read; above, they need not be larger."""
SMALLEST_TWO_LINES = 34
"""Height of a bar, in pixels, that holds two lines of readable letters."""
MARGIN_SHARE = 1 / 60
BAR_COLOUR = (0.05, 0.05, 0.06)

LETTERS_PER_S = 14.0
"""Reading pace of subtitles; a Chinese or Japanese character counts as two and a half letters."""
WIDE_LETTER = 2.5
FINDING_S = 1.5
"""Until somebody who looks up has found the beginning."""
SHORTEST_HOLD_S = 1.5
"""For which a new line stands at least."""
SLIDE_S = 0.35
SHORTEST_S = 8.0
"""For which a caption is shown at least when nobody says for how long."""


def bar_height(height: int) -> int:
    """Height of the bar, in pixels, on a picture of this height; the face has what is above it."""
    wanted = min(max(round(height * BAR_SHARE), SMALLEST_BAR), LARGEST_BAR)
    return max(1, min(wanted, height // 2))


class Caption:
    """A text on the bar at the bottom of a picture of one size. Pure in time: the same moment, the same pixels.

    Args:
        text: anything; what cannot be shown is replaced, what is too long cut.
        width, height: of the whole picture, in pixels.
        monochrome: crisp letters on black, for panels of black and white.
    """

    def __init__(self, text: str, width: int, height: int, *, monochrome: bool = False) -> None:
        self.text = displayable(text)
        """As it is shown."""
        self.width, self.height = width, height
        self.bar = bar_height(height)
        self._monochrome = monochrome
        self._visible_lines, font_px = self._fit()
        self._typeset = typeset(self.text, width=self._text_width, font_px=font_px, crisp=monochrome)
        self._starts, self._holds = timetable(self._typeset.lines, self._visible_lines)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be read, and so no bar."""
        return not self.text

    @property
    def moves(self) -> bool:
        """Whether it has more lines than the bar shows at once."""
        return len(self._starts) > 1

    @property
    def period_s(self) -> float:
        """After which it begins anew; 0: it does not move."""
        return self._starts[-1] + self._holds[-1] if self.moves else 0.0

    @property
    def reading_time_s(self) -> float:
        """For how long to show it when nobody says: once through, and at least 8 s."""
        return max(SHORTEST_S, self._starts[-1] + self._holds[-1])

    @property
    def lines(self) -> tuple[str, ...]:
        """The text as it is wrapped."""
        return self._typeset.lines

    @property
    def unknown_glyphs(self) -> int:
        """How many of its characters no installed font has; they are boxes."""
        return self._typeset.unknown_glyphs

    def next_change(self, t: float) -> float | None:
        """When it next looks otherwise than at `t`; `t` itself while it is moving; None: never."""
        if not self.moves:
            return None
        begun = t // self.period_s * self.period_s
        step = self._step(t - begun)
        stands_until = begun + self._starts[step] + self._holds[step]
        return max(t, stands_until)

    def paint(self, context: cairocffi.Context, t: float) -> None:
        """Paint the bar over the bottom of a picture.

        Args:
            context: of the whole picture.
            t: seconds since the caption appeared.
        """
        if self.empty:
            return
        lines = self._typeset
        top = self.height - self.bar
        context.save()
        context.rectangle(0, top, self.width, self.bar)
        context.clip()
        context.set_source_rgb(*((0, 0, 0) if self._monochrome else BAR_COLOUR))
        context.paint()
        shown = min(self._visible_lines, len(lines.lines))
        first_line = top + (self.bar - shown * lines.pitch) // 2
        moved = round(self._line_at(t) * lines.pitch)
        if self.moves:  # no part of a line that is not to be read yet
            context.rectangle(0, first_line, self.width, shown * lines.pitch)
            context.clip()
        context.set_source_surface(lines.strip, self._margin, first_line - lines.margin - moved)
        context.paint()
        context.restore()

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _margin(self) -> int:
        return min(max(2, round(self.width * MARGIN_SHARE)), self.width // 4)

    @property
    def _text_width(self) -> int:
        return max(1, self.width - 2 * self._margin)

    def _fit(self) -> tuple[int, float]:
        """How many lines are shown at once, and the size of their letters: one large line where the text fits in."""
        one_line = min(0.5 * self.bar, self.width / 14) if self.bar >= SMALLEST_TWO_LINES else 0.72 * self.bar
        one_line = max(one_line, 1.0)
        if self.bar < SMALLEST_TWO_LINES:
            return 1, one_line
        if count_lines(self.text, width=self._text_width, font_px=one_line, crisp=self._monochrome) <= 1:
            return 1, one_line
        small = one_line
        while small > 1 and 2 * line_pitch(small) > 0.94 * self.bar:
            small -= 0.5
        return 2, small

    def _step(self, moment: float) -> int:
        """Which line is the upper one, or the last that was, at a moment of the period."""
        return max(0, bisect.bisect_right(self._starts, moment) - 1)

    def _line_at(self, t: float) -> float:
        """Which line is the upper one; between two of them while it moves."""
        if not self.moves:
            return 0.0
        moment = t % self.period_s
        step = self._step(moment)
        share = (moment - self._starts[step] - self._holds[step]) / SLIDE_S
        share = min(max(share, 0.0), 1.0)
        return step + share * share * (3 - 2 * share)


def timetable(lines: tuple[str, ...], visible: int) -> tuple[list[float], list[float]]:
    """For each upper line: from when it stands still, and for how long."""
    steps = max(1, len(lines) - visible + 1)
    starts, holds = [0.0], [FINDING_S + sum(reading_s(line) for line in lines[:visible])]
    for step in range(1, steps):
        starts.append(starts[-1] + holds[-1] + SLIDE_S)
        holds.append(max(SHORTEST_HOLD_S, reading_s(lines[step + visible - 1])))
    if steps > 1:
        holds[-1] += FINDING_S
    return starts, holds


def reading_s(line: str) -> float:
    """How long reading a line takes."""
    letters = sum(WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in line)
    return letters / LETTERS_PER_S
