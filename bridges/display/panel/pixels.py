"""From a cairo picture to the bytes of a framebuffer: turned, in its format, row for row.

cairo itself converts 480 by 320 pixels to RGB565 in 0.03 ms and turns them in 0.11 ms. Formats, as the kernel's
framebuffers have them on a little endian machine: 1 bit (the lowest bit of a byte is the leftmost pixel, as in the
kernel's `ssd1307fb`), 16 bits RGB565, 24 bits as blue, green, red, 32 bits as blue, green, red, 255.
"""

from __future__ import annotations

from bridges.display.graphics.cairo import cairocffi
from bridges.display.panel.canvas import CHUNK, Canvas
from bridges.display.panel.dithering import Ditherer
from bridges.display.panel.geometry import Geometry

ROTATIONS = (0, 90, 180, 270)
INVERTED = bytes(255 - value for value in range(256))
BLOCK = 16
"""Rows that are compared at once before they are looked at one by one."""


class Converter:
    """Turns pictures into what one framebuffer's memory shall hold.

    Args:
        geometry: of the framebuffer.
        rotation: by how many degrees clockwise the picture is turned: 0, 90, 180 or 270.
        swap_red_blue: for a panel that is wired or set up the other way round than its driver says.
        monochrome: black and white only, dithered; a framebuffer of 1 bit always is.
    """

    def __init__(
        self, geometry: Geometry, *, rotation: int = 0, swap_red_blue: bool = False, monochrome: bool = False
    ) -> None:
        if rotation not in ROTATIONS:
            raise ValueError(f"a picture can be turned by 0, 90, 180 or 270 degrees, not by {rotation}")
        self._geometry = geometry
        self._rotation = rotation
        sideways = rotation in {90, 270}
        self.width = geometry.height if sideways else geometry.width
        """Of the pictures, as people see them."""
        self.height = geometry.width if sideways else geometry.height
        self._exchange = Exchange(self.width, self.height) if swap_red_blue != geometry.red_is_low else None
        panel = geometry.width, geometry.height
        self._ditherer = Ditherer(*panel) if monochrome or geometry.bits == 1 else None
        wanted = {1: cairocffi.FORMAT_A1, 16: cairocffi.FORMAT_RGB16_565}.get(geometry.bits, cairocffi.FORMAT_ARGB32)
        self._upright = Canvas(wanted, self.width, self.height)
        self._turned = Canvas(wanted, *panel)

    def convert(self, picture: cairocffi.ImageSurface) -> memoryview:
        """The bytes of all rows, each as long as the framebuffer's; overwritten by the next picture.

        Raises:
            ValueError: the picture is not as large as the panel, or not RGB24 or ARGB32.
        """
        size = picture.get_width(), picture.get_height()
        if size != (self.width, self.height):
            raise ValueError(f"a picture of {size[0]}x{size[1]} for a panel of {self.width}x{self.height} pixels")
        if picture.get_format() not in {cairocffi.FORMAT_RGB24, cairocffi.FORMAT_ARGB32}:
            raise ValueError("a picture for the panel must have the format RGB24 or ARGB32")
        picture.flush()
        if self._ditherer:
            canvas = self._ditherer.dither(turned(picture, self._rotation))
            if self._geometry.bits > 1:
                canvas = self._black_and_white(canvas)
        else:
            canvas = self._coloured(self._exchange.exchanged(picture) if self._exchange else picture)
        data, stride = memoryview(canvas.data), canvas.stride
        if self._geometry.bits == 24:
            data, stride = memoryview(without_alpha(data)), stride // 4 * 3
        if self._geometry.bits == 1 and self._geometry.white_is_zero:
            data = memoryview(bytes(data).translate(INVERTED))
        return with_stride(data, stride, self._geometry)

    def _coloured(self, picture: cairocffi.ImageSurface) -> Canvas:
        """The picture in the panel's format, turned: in this order, since turning RGB565 is the fastest."""
        self._upright.replace(cairocffi.SurfacePattern(picture))
        if not self._rotation:
            return self._upright
        self._turned.replace(turned(self._upright.surface, self._rotation))
        return self._turned

    def _black_and_white(self, bits: Canvas) -> Canvas:
        """One bit a pixel as black and white of a format with colours."""
        context = cairocffi.Context(self._turned.surface)
        context.set_source_rgb(0, 0, 0)
        context.paint()
        context.set_source_rgb(1, 1, 1)
        context.mask_surface(bits.surface)
        self._turned.surface.flush()
        return self._turned


def turned(picture: cairocffi.ImageSurface, rotation: int) -> cairocffi.SurfacePattern:
    """The picture turned clockwise, to be painted from the top left corner on."""
    pattern = cairocffi.SurfacePattern(picture)
    pattern.set_filter(cairocffi.FILTER_NEAREST)
    width, height = picture.get_width(), picture.get_height()
    # for each pixel of the panel, where in the picture it comes from
    sources = {
        90: cairocffi.Matrix(0, -1, 1, 0, 0, height),
        180: cairocffi.Matrix(-1, 0, 0, -1, width, height),
        270: cairocffi.Matrix(0, 1, -1, 0, width, 0),
    }
    if rotation:
        pattern.set_matrix(sources[rotation])
    return pattern


class Exchange:
    """Exchanges red and blue in pictures of one size."""

    def __init__(self, width: int, height: int) -> None:
        self._canvas = Canvas(cairocffi.FORMAT_RGB24, width, height)
        self._seen = bytearray(len(self._canvas.data))

    def exchanged(self, picture: cairocffi.ImageSurface) -> cairocffi.ImageSurface:
        """The picture with red and blue exchanged; overwritten by the next one."""
        data = memoryview(picture.get_data())
        for start in range(0, len(data), CHUNK):
            part = bytearray(data[start : start + CHUNK])
            if self._seen[start : start + CHUNK] == part:
                continue  # as in the picture before: taking pixels apart is what costs
            self._seen[start : start + CHUNK] = part
            part[0::4], part[2::4] = part[2::4], part[0::4]
            self._canvas.data[start : start + CHUNK] = part
        self._canvas.surface.mark_dirty()
        return self._canvas.surface


def without_alpha(data: memoryview) -> bytearray:
    """Three bytes of each four."""
    packed = bytearray(len(data) // 4 * 3)
    for start in range(0, len(data), CHUNK):
        part = bytes(data[start : start + CHUNK])
        shorter = bytearray(len(part) // 4 * 3)
        for channel in range(3):
            shorter[channel::3] = part[channel::4]
        first = start // 4 * 3
        packed[first : first + len(shorter)] = shorter
    return packed


def with_stride(data: memoryview, stride: int, geometry: Geometry) -> memoryview:
    """Rows cut or padded to the length that the framebuffer's rows have."""
    if stride == geometry.stride:
        return data
    used = geometry.row_bytes
    padding = bytes(geometry.stride - used)
    return memoryview(b"".join(bytes(data[start : start + used]) + padding for start in range(0, len(data), stride)))


def changed_rows(before: bytearray, after: memoryview, stride: int) -> list[tuple[int, int]]:
    """Where two pictures of the same size differ: the first row, and the row behind the last, of each group."""
    groups: list[tuple[int, int]] = []
    if before == after:  # compares memory with memory; the other way round it would go byte by byte
        return groups
    rows = len(after) // stride
    for block in range(0, rows, BLOCK):
        end = min(block + BLOCK, rows)
        if before[block * stride : end * stride] == after[block * stride : end * stride]:
            continue
        for row in range(block, end):
            start = row * stride
            if before[start : start + stride] == after[start : start + stride]:
                continue
            if groups and groups[-1][1] == row:
                groups[-1] = groups[-1][0], row + 1
            else:
                groups.append((row, row + 1))
    return groups
