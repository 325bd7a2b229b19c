"""The ring as an animated picture, small enough to be sent over MQTT whenever the effect changes.

Every light is drawn in a few tones by the distance from its middle, and in one of a few colours, so that most of a
frame is the same as in the one before, and what differs is flat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image

from bridges.led.effects.base import WHITE, Effect
from bridges.led.effects.colours import Colour, blend, scale
from bridges.led.preview import apng
from bridges.led.preview.still import BACKGROUND, BOARD, FULL, RADIUS, UNLIT, empty_board

SIZE = 144
"""Edge of the picture, in pixels of the screen."""
FRAMES_PER_S = 12
MOST_FRAMES = 48
"""An effect with a period of more frames than this is drawn with fewer a second."""
HELD_S = 1.5
"""How long the end of an effect is a frame of its own; players stay on it."""
COLOURS = 26
LARGEST_LIGHT = 8.0
GLOW = 1.32
"""Radius of the glow, in radii of the light."""

TONES = ((0.42, 0.4), (0.72, 0.17), (1.0, 0.0))
"""Of a light, from its middle on: up to which share of its radius, and how white there if it is bright."""
SOFT_EDGE, HALO = 0.5, 0.22
"""How much of a light's colour is seen at its edge and in its glow."""
TONES_OF_A_LIGHT = len(TONES) + 2
BOARD_SHADES = 12
LIGHTS_FROM = 1 + BOARD_SHADES
"""Where the palette has the tones of the lights: after 0 (as it is) and the shades of the board."""

Scene = tuple[int, ...]
"""Which of the few colours each light has."""


def animated_png(effect: Effect, count: int, colour: Colour, brightness: int = FULL) -> bytes:
    """An effect as animated PNG, SIZE by SIZE: without end, or once where it comes to a rest.

    Args:
        effect: what to draw.
        count: number of pixels.
        colour: for effects that take one.
        brightness: of the whole, 0 to 255.
    """
    moments = timetable(effect)
    seen = [[scale(pixel, brightness / FULL) for pixel in effect.draw(moment, count, colour)] for moment, _ in moments]
    colours, scenes = reduced(seen)
    timed: list[tuple[Scene, float]] = []
    for scene, (_, seconds) in zip(scenes, moments, strict=True):
        if timed and timed[-1][0] == scene:
            timed[-1] = (scene, timed[-1][1] + seconds)
        else:
            timed.append((scene, seconds))
    stage = _stage(count)
    befores = [None, *(scene for scene, _ in timed)]
    frames = [
        stage.frame(before, scene, round(seconds * 1000))
        for before, (scene, seconds) in zip(befores, timed, strict=False)
    ]
    palette = [BACKGROUND, *stage.shades, *(tone for light in colours for tone in tones(light))]
    return apng.encode(SIZE, palette, frames, plays=0 if effect.settles_after_s is None else 1)


def timetable(effect: Effect) -> list[tuple[float, float]]:
    """Which moments of an effect an animation shows, and how long each, in s."""
    if effect.fps == 0:
        return [(0.0, 1.0)]
    whole = effect.settles_after_s or effect.period_s
    count = min(MOST_FRAMES, max(2, round(whole * FRAMES_PER_S)))
    moments = [(whole * (frame + 0.5) / count, whole / count) for frame in range(count)]
    if effect.settles_after_s is not None:
        moments.append((effect.settles_after_s, HELD_S))
    return moments


def reduced(pictures: Sequence[Sequence[Colour]]) -> tuple[list[Colour], list[Scene]]:
    """At most COLOURS colours that serve all of these pictures, and the pictures in them."""
    flat = Image.new("RGB", (len(pictures[0]), len(pictures)))
    flat.putdata([pixel for picture in pictures for pixel in picture])
    few = flat.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    channels = few.getpalette() or []
    colours = list(zip(channels[::3], channels[1::3], channels[2::3], strict=True))
    indices = few.tobytes()
    return colours, [tuple(indices[start : start + flat.width]) for start in range(0, len(indices), flat.width)]


def tones(light: Colour) -> list[Colour]:
    """The tones of a light: from its middle to its edge, and its glow."""
    strength = max(light) / FULL
    visible = min(1.0, strength * 3)  # a dim light does not hide the unlit pixel
    inside = [blend([UNLIT], blend([light], [WHITE], whiteness * strength**2), visible)[0] for _, whiteness in TONES]
    return [*inside, blend([BOARD], [inside[-1]], SOFT_EDGE)[0], blend([BOARD], [light], HALO * strength)[0]]


class Stage:
    """The board, and where the lights are on it."""

    def __init__(self, count: int) -> None:
        reach = RADIUS * SIZE
        room = math.pi * reach / count
        self._sprite = _sprite(min(LARGEST_LIGHT, room * 0.8), room)
        self._mask = self._sprite.point([0] + [FULL] * FULL)
        half = self._sprite.width // 2
        angles = (2 * math.pi * pixel / count for pixel in range(count))
        self._corners = [
            (round(SIZE / 2 + reach * math.sin(angle)) - half, round(SIZE / 2 - reach * math.cos(angle)) - half)
            for angle in angles
        ]
        self._board, self.shades = _board()

    def frame(self, before: Scene | None, now: Scene, milliseconds: int) -> apng.Frame:
        """The lights that are not as before, on nothing; all of them on the board where nothing was before."""
        picture = self._board.copy() if before is None else Image.new("L", (SIZE, SIZE))
        for light, corner in enumerate(self._corners):
            if before is None or before[light] != now[light]:
                first = LIGHTS_FROM + now[light] * TONES_OF_A_LIGHT
                table = [0, *range(first, first + TONES_OF_A_LIGHT)]
                picture.paste(self._sprite.point(table + [0] * (256 - len(table))), corner, self._mask)
        box = picture.getbbox() or (0, 0, 1, 1)
        part = picture.crop(box)
        return apng.Frame(box[0], box[1], part.width, part.height, part.tobytes(), milliseconds)


@lru_cache(maxsize=2)
def _stage(count: int) -> Stage:
    return Stage(count)


def _sprite(radius: float, room: float) -> Image.Image:
    """A light as indices of its tones, 1 to TONES_OF_A_LIGHT, and 0 around it."""
    glow = min(radius * GLOW, room)
    half = int(glow)
    picture = Image.new("L", (2 * half + 1, 2 * half + 1))
    for y in range(-half, half + 1):
        for x in range(-half, half + 1):
            picture.putpixel((x + half, y + half), _tone(math.hypot(x, y), radius, glow))
    return picture


def _tone(distance: float, radius: float, glow: float) -> int:
    if distance <= radius - 0.5 or distance == 0:
        return 1 + next(tone for tone, (share, _) in enumerate(TONES) if distance <= share * radius or share == 1)
    if distance <= radius + 0.5:
        return len(TONES) + 1
    return len(TONES) + 2 if distance <= glow else 0


def _board() -> tuple[Image.Image, list[Colour]]:
    """The board without lights as indices of the palette, and the colours from index 1 on."""
    few = empty_board(SIZE).quantize(BOARD_SHADES)
    channels = few.getpalette() or []
    shades = list(zip(channels[::3], channels[1::3], channels[2::3], strict=True))[:BOARD_SHADES]
    shades += [BACKGROUND] * (BOARD_SHADES - len(shades))
    return Image.frombytes("L", few.size, few.tobytes()).point([index + 1 for index in range(FULL)] + [0]), shades
