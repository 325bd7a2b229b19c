"""What the kernel says of a framebuffer: its size, its bits per pixel, the length of its rows, its order of colours.

The rule: size, bits and row length are those of sysfs (`/sys/class/graphics/fbN/`). What sysfs does not tell comes from
the device itself (`linux/fb.h`): which part of a taller buffer is on the screen, and in which order the colours lie. A
device that does not answer (a plain file in tests) shows its whole buffer, in the usual order.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from pathlib import Path

import msgspec

GET_VARIABLE, GET_FIXED = 0x4600, 0x4602
VARIABLE = struct.Struct("=8I12I20I")
"""`fb_var_screeninfo`: sizes and offsets; offset, length and order of red, green, blue, alpha; timing."""
FIXED = struct.Struct("@16sLIIII")
"""Beginning of `fb_fix_screeninfo`: name, address and size of the memory, type, interleave, visual."""
LONGEST = 256
"""Bytes that hold either structure whole."""
VISUAL_WHITE_IS_ZERO = 0
"""`FB_VISUAL_MONO01`; all others with one bit have 1 for white."""
CHANNEL_BITS = {16: (5, 6, 5), 24: (8, 8, 8), 32: (8, 8, 8)}


class GeometryError(Exception):
    """The framebuffer is none that can be drawn on; the text says why."""


class Screen(msgspec.Struct, frozen=True):
    """What the device itself says."""

    width: int
    height: int
    first_row: int = 0
    """Row of the buffer that is at the top of the screen."""
    channels: tuple[int, int, int] | None = None
    """Bits of red, green and blue; None: not told."""
    red_is_low: bool = False
    """Whether red lies in the low bits, where blue is usual."""
    white_is_zero: bool = False


class Geometry(msgspec.Struct, frozen=True):
    """How the pixels of a framebuffer lie in its memory."""

    width: int
    height: int
    bits: int
    """Of a pixel: 1, 16, 24 or 32."""
    stride: int
    """Bytes from one row to the next."""
    first_row: int = 0
    red_is_low: bool = False
    white_is_zero: bool = False
    name: str = ""
    """Of the driver."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's pixels, without what pads it."""
        return (self.width * self.bits + 7) // 8

    @property
    def start(self) -> int:
        """Where the visible part begins, in bytes."""
        return self.first_row * self.stride

    @property
    def size(self) -> int:
        """Bytes of the visible part."""
        return self.height * self.stride


def read_geometry(folder: Path, screen: Screen | None) -> Geometry:
    """The geometry of one framebuffer, from its sysfs folder and what the device has said.

    Raises:
        GeometryError: sysfs does not tell it, or the format is not supported.
    """
    width, height = numbers(folder / "virtual_size", 2)
    (bits,) = numbers(folder / "bits_per_pixel", 1)
    (stride,) = numbers(folder / "stride", 1)
    if bits not in (1, *CHANNEL_BITS):
        raise GeometryError(f"it has {bits} bits per pixel; what can be drawn is 1, 16, 24 and 32")
    if screen and screen.channels and bits > 1 and screen.channels != CHANNEL_BITS[bits]:
        found, wanted = ("-".join(map(str, channels)) for channels in (screen.channels, CHANNEL_BITS[bits]))
        raise GeometryError(
            f"its {bits} bits per pixel are {found} for red, green and blue; what can be drawn is {wanted}"
        )
    if screen:
        width, height = min(width, screen.width), min(height, screen.height)
    geometry = Geometry(
        width,
        height,
        bits,
        stride,
        first_row=screen.first_row if screen else 0,
        red_is_low=bool(screen and screen.red_is_low),
        white_is_zero=bool(screen and screen.white_is_zero),
        name=driver_name(folder),
    )
    if width < 1 or height < 1 or stride < geometry.row_bytes:
        raise GeometryError(f"{folder} says {width}x{height} pixels of {bits} bits in rows of {stride} bytes")
    return geometry


def numbers(path: Path, count: int) -> list[int]:
    """The numbers in a file of sysfs, which stand between commas."""
    try:
        found = [int(part) for part in path.read_text(encoding="ascii").strip().split(",")]
    except (OSError, ValueError) as error:
        raise GeometryError(f"{path} cannot be read: {error}") from None
    if len(found) != count:
        raise GeometryError(f"{path} has {len(found)} numbers instead of {count}")
    return found


def driver_name(folder: Path) -> str:
    """What the driver calls its framebuffer; empty where it says nothing."""
    try:
        return (folder / "name").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""


def ask(descriptor: int) -> Screen | None:
    """What an open framebuffer says of itself; None: it is no framebuffer device.

    Raises:
        OSError: the device is gone.
    """
    try:
        variable = fcntl.ioctl(descriptor, GET_VARIABLE, bytes(LONGEST))
        fixed = fcntl.ioctl(descriptor, GET_FIXED, bytes(LONGEST))
    except OSError as error:
        if error.errno in {errno.ENOTTY, errno.EINVAL}:
            return None
        raise
    return decode(variable, fixed)


def decode(variable: bytes, fixed: bytes) -> Screen:
    """The kernel's two structures, as what is wanted of them."""
    width, height, _, _, _, first_row, _, _, *channels = VARIABLE.unpack_from(variable)
    red, red_bits, _, green, green_bits, _, blue, blue_bits = channels[:8]
    visual = FIXED.unpack_from(fixed)[5]
    told = red_bits and green_bits and blue_bits and red != green
    return Screen(
        width,
        height,
        first_row,
        channels=(red_bits, green_bits, blue_bits) if told else None,
        red_is_low=bool(told and red < blue),
        white_is_zero=visual == VISUAL_WHITE_IS_ZERO,
    )
