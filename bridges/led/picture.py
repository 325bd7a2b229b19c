"""The ring as pictures: one moment, an animation of an effect, and all effects on one page."""

from __future__ import annotations

from bridges.led.drawing import ring_png
from bridges.led.moving import animated_png
from bridges.led.sheet import contact_sheet

__all__ = ["animated_png", "contact_sheet", "ring_png"]
