"""Renders the frames of the ring, with cross-fades between effects.

Pure: time is passed in; the pictures come out as colours and a brightness, and with them when the next one is due.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from bridges.led.arbiter import Shown
from bridges.led.effects.colours import BLACK, Colour, blend
from bridges.led.effects.registry import EFFECTS
from smartcar_mqtt.car_status import Layer

SUDDEN = frozenset({"wakeword_detected"})
"""Effects that are shown without a fade, as everything about safety is."""

PROBE: Colour = (255, 128, 64)
JUST_VISIBLE = 6
"""Difference of two levels that counts as rounding."""


class Picture(msgspec.Struct, frozen=True):
    """One frame: the colours of all pixels."""

    colours: list[Colour]
    brightness: int
    """0 to 255."""


class Animation:
    """The moving picture of a ring.

    An effect fades into another one as a picture that stands still into one that moves; a change of colour, brightness
    or on and off within one effect fades while it moves on.

    Args:
        count: how many pixels.
        fps: most pictures a second.
    """

    def __init__(self, count: int, fps: int) -> None:
        self._count = count
        self._fps = fps
        self._shown: Shown | None = None
        self._began = 0.0
        self._steps = 0
        """How many pictures the effect has before it begins again; 0: it never does, or shows something else then."""
        self._step_s = 0.0
        """Duration of a frame."""
        self._fade_began = 0.0
        self._fade_s = 0.0
        self._from = Picture([BLACK] * count, 0)
        self._from_colour: Colour | None = None
        """The same effect's colour before; None: another effect's picture is what is faded from."""

    def show(self, shown: Shown, now: float, fade_s: float) -> None:
        """Show this from now on, after a fade of `fade_s` seconds."""
        before = self._shown
        picture = self.picture(now)
        same = before is not None and before.effect == shown.effect and (before.on or not shown.on)
        if before is not None and same and not (self._fading(now) and self._from_colour is None):
            self._from_colour = self._colour(before, now)
        else:
            self._from_colour = None
        if not same:
            self._began = now
        self._from = picture
        self._fade_began, self._fade_s = now, fade_s
        self._shown = shown
        effect = EFFECTS[shown.effect]
        if effect.fps:
            fps = min(self._fps, effect.fps)
            self._steps = round(effect.period_s * fps) if repeats(shown.effect, self._count) else 0
            self._step_s = effect.period_s / self._steps if self._steps else 1 / fps
        else:
            self._steps = 0

    def step(self, now: float) -> int | None:
        """Which picture of the effect's period this is; None: one that does not come again, or a fade.

        As long as nothing else is shown, pictures of the same step are the same.
        """
        shown = self._shown
        if not self._steps or shown is None or not shown.on or self._fading(now):
            return None
        return self._number(now) % self._steps

    def picture(self, now: float) -> Picture:
        """The picture of this moment."""
        shown = self._shown
        if shown is None:
            return self._from
        mix = self._mix(now)
        wanted = shown.brightness if shown.on else 0
        if mix >= 1 and not wanted:
            return Picture([BLACK] * self._count, 0)
        brightness = round(self._from.brightness + (wanted - self._from.brightness) * mix)
        if mix < 1 and self._from_colour is None and not wanted:
            return Picture(self._from.colours, brightness)  # fade out what was shown
        effect = EFFECTS[shown.effect]
        step = self.step(now)
        t = now - self._began if step is None else step * self._step_s
        colours = effect.draw(t, self._count, self._colour(shown, now))
        if mix < 1 and self._from_colour is None and self._from.brightness:
            colours = blend(self._from.colours, colours, mix)
        return Picture(colours, brightness)

    def next_after(self, now: float) -> float | None:
        """How many seconds later the picture will be another one; None: it stays until something else is shown."""
        shown = self._shown
        if shown is None:
            return None
        if self._fading(now):
            return 1 / self._fps
        effect = EFFECTS[shown.effect]
        if not shown.on or effect.still(now - self._began):
            return None
        return (self._number(now) + 1) * self._step_s - (now - self._began)

    def _number(self, now: float) -> int:
        """How many pictures there have been since the effect began; one that is due to the microsecond is there."""
        return int((now - self._began + 1e-6) / self._step_s)

    def _fading(self, now: float) -> bool:
        return now - self._fade_began < self._fade_s

    def _mix(self, now: float) -> float:
        return max(0.0, (now - self._fade_began) / self._fade_s) if self._fading(now) else 1.0

    def _colour(self, shown: Shown, now: float) -> Colour:
        if self._from_colour is None or self._from_colour == shown.colour:
            return shown.colour
        return blend([self._from_colour], [shown.colour], self._mix(now))[0]


@lru_cache(maxsize=64)
def repeats(name: str, count: int) -> bool:
    """Whether an effect shows the same again after its period; a chase on a ring that it does not divide does not."""
    effect = EFFECTS[name]
    if not effect.period_s:
        return False
    times = [share * effect.period_s for share in (0.11, 0.37, 0.71)]
    return all(
        abs(level - again) <= JUST_VISIBLE
        for t in times
        for colour, later in zip(
            effect.draw(t, count, PROBE), effect.draw(t + effect.period_s, count, PROBE), strict=True
        )
        for level, again in zip(colour, later, strict=True)
    )


def fade_seconds(shown: Shown, usual_s: float) -> float:
    """How long it takes to fade to this; what matters at once is there at once."""
    return 0.0 if shown.layer is Layer.SAFETY or shown.effect in SUDDEN else usual_s
