"""Framebuffers of any format for tests: a file in place of the device, a folder in place of its sysfs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cairocffi

from bridges.display.panel.framebuffer import Framebuffer

Colour = tuple[int, int, int]
MARK = b"\x77"


class FramebufferFolder:
    """One framebuffer, with 0xAA all over it as somebody else's picture."""

    def __init__(
        self,
        folder: Path,
        width: int = 48,
        height: int = 32,
        bits: int = 16,
        stride: int | None = None,
        name: str = "fb_ili9486",
    ) -> None:
        self.stride = stride or (width * bits + 7) // 8
        self.height = height
        self.sysfs = folder / "graphics"
        self.about = self.sysfs / "fb0"
        self.about.mkdir(parents=True)
        self.device = folder / "fb0"
        self.tell(virtual_size=f"{width},{height}", bits_per_pixel=bits, stride=self.stride, name=name)
        self.device.write_bytes(b"\xaa" * self.stride * height)

    def tell(self, **values: object) -> None:
        """Change what sysfs says."""
        for name, value in values.items():
            (self.about / name).write_text(f"{value}\n")

    def panel(self, **options: object) -> Framebuffer:
        return Framebuffer(self.device, sysfs=self.sysfs, **options)  # type: ignore[arg-type]

    @property
    def content(self) -> bytes:
        return self.device.read_bytes()

    def mark(self) -> None:
        """Put a mark all over it that stays where nothing is written, in the same file."""
        with self.device.open("r+b") as file:
            file.write(MARK * self.stride * self.height)

    @property
    def marked_rows(self) -> list[int]:
        """Rows in which nothing has been written since."""
        return [number for number in range(self.height) if self.row(number) == MARK * self.stride]

    def row(self, number: int) -> bytes:
        return self.content[number * self.stride : (number + 1) * self.stride]


def picture(width: int, height: int, colour_of: Callable[[int, int], Colour]) -> cairocffi.ImageSurface:
    """A picture made pixel by pixel, without any drawing."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            red, green, blue = colour_of(x, y)
            data += bytes((blue, green, red, 0))
    return cairocffi.ImageSurface.create_for_data(data, cairocffi.FORMAT_RGB24, width, height, width * 4)


def plain(width: int, height: int, colour: Colour = (0, 0, 0)) -> cairocffi.ImageSurface:
    """A picture of one colour."""
    return picture(width, height, lambda x, y: colour)
