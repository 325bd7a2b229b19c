"""The face as a picture: every frame for the panel, and now and then one at rest for Home Assistant.

Pure, and to be used from any thread.
"""

from __future__ import annotations

import io

import msgspec

from bridges.display.face.expressions import Pose
from bridges.display.face.face import draw
from bridges.display.face.themes import THEMES
from bridges.display.graphics.cairo import cairocffi
from bridges.display.text.caption import Caption


class Portrait(msgspec.Struct, frozen=True):
    """What a picture for Home Assistant is of; two that are equal look the same."""

    pose: Pose
    text: str
    width: int
    height: int
    theme: str
    monochrome: bool = False


def compose(pose: Pose, caption: Caption, since: float, theme: str) -> cairocffi.ImageSurface:
    """A picture of the caption's size.

    Args:
        pose: the face.
        caption: what stands below it; an empty one leaves the whole picture to the face.
        since: seconds since the caption appeared.
        theme: name of the colours.
    """
    bottom = 0 if caption.empty else caption.bar
    picture = draw(pose, caption.width, caption.height, THEMES[theme], bottom)
    caption.paint(cairocffi.Context(picture), since)
    return picture


def png(portrait: Portrait) -> bytes:
    """The picture as a file."""
    caption = Caption(portrait.text, portrait.width, portrait.height, monochrome=portrait.monochrome)
    file = io.BytesIO()
    compose(portrait.pose, caption, 0.0, portrait.theme).write_to_png(file)
    return file.getvalue()
