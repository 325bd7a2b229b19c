"""Memory to paint on, which can be read as bytes."""

from __future__ import annotations

from bridges.display.graphics.cairo import cairocffi

CHUNK = 32768
"""Bytes that are taken apart at once: small enough for the processor's cache, and memory that is at hand."""


class Canvas:
    """A surface together with its memory, which lives as long as it is referenced."""

    def __init__(self, kind: int, width: int, height: int) -> None:
        self.stride = cairocffi.ImageSurface.format_stride_for_width(kind, width)
        self.data = bytearray(self.stride * height)
        self.surface = cairocffi.ImageSurface.create_for_data(self.data, kind, width, height, self.stride)

    def replace(self, picture: cairocffi.Pattern) -> None:
        """Paint a picture over all of it, converted to its format."""
        context = cairocffi.Context(self.surface)
        context.set_operator(cairocffi.OPERATOR_SOURCE)
        context.set_source(picture)
        context.paint()
        self.surface.flush()
