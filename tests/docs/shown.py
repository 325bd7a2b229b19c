"""What a picture of a page shows: whether its words and its pictures are really drawn where the page has them.

A page may have its text in the document and still be an empty picture, so each word's place is looked at: there must be
ink. The places are written into the PNG file, so that a picture can be checked later, without a browser.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

from PIL import Image, PngImagePlugin

_KEY = "Shown"
_CONTRAST = 40
"""Least difference of the lightest to the darkest pixel of a word, of 255."""
_COLOURS = 12
"""Least number of colours (of 4,096) in a picture; a placeholder, an icon or a plain area has fewer."""


class Place(NamedTuple):
    """A text or a picture of a page, and the rectangle of the screenshot where it stands."""

    name: str
    """The text; of a picture the path of its address, such as `/api/camera_proxy/camera.smart_car`."""
    left: float
    top: float
    width: float
    height: float


class Shown(NamedTuple):
    """All visible texts and pictures of a page."""

    texts: tuple[Place, ...]
    pictures: tuple[Place, ...]

    @classmethod
    def from_json(cls, data: str) -> Self:
        """What `to_json` has written."""
        fields = json.loads(data)
        return cls(*(tuple(Place(*place) for place in fields[name]) for name in cls._fields))

    def to_json(self) -> str:
        """For the picture's file."""
        return json.dumps(self._asdict(), separators=(",", ":"))


def missing(image: Image.Image, shown: Shown, *, texts: Iterable[str], pictures: Iterable[str] = ()) -> list[str]:
    """Which of the awaited texts and pictures (parts of the names are enough) are not drawn in the image."""
    lost = [f"the text {name!r}" for name in texts if not _any(image, shown.texts, name, _has_ink)]
    lost += [f"the picture {name!r}" for name in pictures if not _any(image, shown.pictures, name, _has_colours)]
    return lost


def _any(image: Image.Image, places: tuple[Place, ...], name: str, drawn: object) -> bool:
    assert callable(drawn)
    return any(drawn(crop) for place in places if name in place.name if (crop := _crop(image, place)) is not None)


def _crop(image: Image.Image, place: Place) -> Image.Image | None:
    """The place alone; None where it is not wholly within the image."""
    box = (place.left, place.top, place.left + place.width, place.top + place.height)
    left, top, right, bottom = (round(edge) for edge in box)
    if left < 0 or top < 0 or right > image.width or bottom > image.height or right <= left or bottom <= top:
        return None
    return image.crop((left, top, right, bottom))


def _has_ink(crop: Image.Image) -> bool:
    low, high = crop.convert("L").getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    return high - low >= _CONTRAST


def _has_colours(crop: Image.Image) -> bool:
    coarse = crop.convert("RGB").point(lambda value: value & 0xF0)
    found = coarse.getcolors(maxcolors=4096)
    return found is not None and len(found) >= _COLOURS and _has_ink(crop)


def save(png: bytes, shown: Shown, path: Path) -> None:
    """Write a picture with what it shows."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(_KEY, shown.to_json(), zip=True)
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(path, pnginfo=info, optimize=True)


def load(path: Path) -> tuple[Image.Image, Shown]:
    """A picture, and what it is said to show; nothing at all where that is not written in it."""
    with Image.open(path) as image:
        image.load()
        written = getattr(image, "text", {}).get(_KEY)
        return image.copy(), Shown.from_json(written) if written else Shown((), ())
