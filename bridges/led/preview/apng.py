"""Animated PNG: writes pictures of up to 256 colours, each frame only where it differs from the one before.

Format: PNG specification, third edition, sections 11 (chunks) and 11.3.6 (animation).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import msgspec

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEPTH_8, PALETTE_COLOUR = 8, 3
KEEP, OVER = 0, 1
"""A frame stays when the next one comes, and that one is laid over it."""


class Frame(msgspec.Struct, frozen=True):
    """A rectangle of palette indices that is laid over what is there."""

    left: int
    top: int
    width: int
    height: int
    indices: bytes
    """Row by row; 0 leaves what is there as it is."""
    milliseconds: int
    """How long it is shown; at most 65535."""


def encode(size: int, palette: Sequence[tuple[int, int, int]], frames: Sequence[Frame], *, plays: int = 0) -> bytes:
    """The animation.

    Args:
        size: its width and height.
        palette: at most 256 colours; the first one stands for "as it is".
        frames: at least one; the first one must cover all, and have no 0 in it.
        plays: how often it is played; 0 = without end.
    """
    chunks = [
        SIGNATURE,
        _chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, DEPTH_8, PALETTE_COLOUR, 0, 0, 0)),
        _chunk(b"acTL", struct.pack(">II", len(frames), plays)),
        _chunk(b"PLTE", bytes(channel for colour in palette for channel in colour)),
        _chunk(b"tRNS", b"\0"),
    ]
    sequence = 0
    for frame in frames:
        place = (frame.width, frame.height, frame.left, frame.top)
        control = struct.pack(">IIIIIHHBB", sequence, *place, frame.milliseconds, 1000, KEEP, OVER)
        chunks.append(_chunk(b"fcTL", control))
        sequence += 1
        if frame is frames[0]:
            chunks.append(_chunk(b"IDAT", _packed(frame)))
        else:
            chunks.append(_chunk(b"fdAT", struct.pack(">I", sequence) + _packed(frame)))
            sequence += 1
    return b"".join([*chunks, _chunk(b"IEND", b"")])


def _packed(frame: Frame) -> bytes:
    """Each row with a 0 before it (no filter), compressed."""
    width = frame.width
    rows = (frame.indices[start : start + width] for start in range(0, width * frame.height, width))
    return zlib.compress(b"".join(b"\0" + row for row in rows), 9)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
