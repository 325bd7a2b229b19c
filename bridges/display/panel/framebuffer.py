"""The panel: a framebuffer of the kernel, or none.

A picture is written through memory that is mapped from the device: drivers of SPI panels then send the pages that were
touched, while a `write` makes them send the whole screen. All methods belong to one thread.
"""

from __future__ import annotations

import errno
import logging
import mmap
import os
import re
import stat
from pathlib import Path
from typing import Protocol

from bridges.display.graphics.cairo import cairocffi
from bridges.display.panel.geometry import Geometry, GeometryError, ask, read_geometry
from bridges.display.panel.pixels import Converter, changed_rows

log = logging.getLogger(__name__)

SYSFS = Path("/sys/class/graphics")
BLACK_AND_WHITE_DRIVERS = ("fb_ssd1305", "fb_ssd1306", "fb_sh1106", "ssd130xdrmfb")
"""Drivers of panels with one bit a pixel that offer 16 or 32: of a picture in colours they would make a blot."""
GUIDE = "docs/display.md"


class PanelError(Exception):
    """The panel cannot be used; the text says why, and what to do."""


class Panel(Protocol):
    """What shows pictures."""

    width: int
    """Of the pictures, as people see them: after rotation."""
    height: int
    monochrome: bool
    """Whether it has only black and white."""

    def open(self) -> None:
        """Open the panel; raises PanelError."""

    def show(self, picture: cairocffi.ImageSurface) -> int:
        """Show a picture (RGB24, as large as the panel); returns the bytes written; raises PanelError."""

    def close(self) -> None:
        """Make the panel black and close it; does nothing where it is not open."""


class NoPanel:
    """No panel: pictures are discarded."""

    monochrome = False

    def __init__(self, width: int = 480, height: int = 320) -> None:
        self.width, self.height = width, height

    def open(self) -> None: ...

    def show(self, picture: cairocffi.ImageSurface) -> int:
        return 0

    def close(self) -> None: ...


class Framebuffer:
    """A framebuffer device of Linux, such as `/dev/fb0`.

    Args:
        device: the device.
        rotation: by how many degrees clockwise the picture is turned: 0, 90, 180 or 270.
        swap_red_blue: for a panel that shows red as blue.
        monochrome: black and white only; None: where the driver is known to have nothing else.
        width, height: of pictures while the panel has never been open; then the kernel tells.
        sysfs: where the kernel tells of its framebuffers.
    """

    def __init__(
        self,
        device: str | Path = "/dev/fb0",
        *,
        rotation: int = 0,
        swap_red_blue: bool = False,
        monochrome: bool | None = None,
        width: int = 480,
        height: int = 320,
        sysfs: Path = SYSFS,
    ) -> None:
        self.device = Path(device)
        self.width, self.height = width, height
        self.monochrome = bool(monochrome)
        self._rotation = rotation
        self._swap_red_blue = swap_red_blue
        self._monochrome_wanted = monochrome
        self._sysfs = sysfs
        self._descriptor = -1
        self._memory: mmap.mmap | None = None
        self._geometry: Geometry | None = None
        self._converter: Converter | None = None
        self._shown: bytearray | None = None

    @property
    def geometry(self) -> Geometry | None:
        """How its pixels lie; None: it has never been open."""
        return self._geometry

    def open(self) -> None:
        """Open and map the device; what it shows then stays until the first picture.

        Raises:
            PanelError: it is not there, may not be used, or has an unsupported format.
        """
        self._release()
        try:
            self._descriptor = os.open(self.device, os.O_RDWR | os.O_CLOEXEC)
            geometry = read_geometry(self._sysfs / self.device.resolve().name, ask(self._descriptor))
            self._memory = self._map(geometry.start + geometry.size)
        except OSError as error:
            self._release()
            raise PanelError(self._explained(error)) from None
        except GeometryError as error:
            self._release()
            raise PanelError(f"{self.device} cannot be used: {error}") from None
        known = geometry.bits == 1 or geometry.name in BLACK_AND_WHITE_DRIVERS
        self.monochrome = known if self._monochrome_wanted is None else geometry.bits == 1 or self._monochrome_wanted
        self._converter = Converter(
            geometry, rotation=self._rotation, swap_red_blue=self._swap_red_blue, monochrome=self.monochrome
        )
        self._geometry = geometry
        self.width, self.height = self._converter.width, self._converter.height

    def show(self, picture: cairocffi.ImageSurface) -> int:
        """Show a picture; only rows that differ from those of the picture before are written.

        Returns:
            Bytes written, 0 where nothing has changed.

        Raises:
            PanelError: it is not open, or no longer there.
            ValueError: the picture has another size than the panel.
        """
        memory, geometry, converter = self._memory, self._geometry, self._converter
        if memory is None or geometry is None or converter is None:
            raise PanelError(f"{self.device} is not open")
        data = converter.convert(picture)
        self._check_alive()
        if self._shown is None:
            self._shown, groups = bytearray(geometry.size), [(0, geometry.height)]
        else:
            groups = changed_rows(self._shown, data, geometry.stride)
        written = 0
        for first, end in groups:
            start, length = first * geometry.stride, (end - first) * geometry.stride
            part = data[start : start + length]
            memory[geometry.start + start : geometry.start + start + length] = part
            self._shown[start : start + length] = part
            written += length
        return written

    def close(self) -> None:
        """Make the panel black, wait until it is, and close it: a frozen face would look alive."""
        try:
            if self._memory is not None and self._geometry is not None:
                self._check_alive()
                self._blacken(self._memory, self._geometry)
        except PanelError as error:
            log.warning("the panel could not be left black: %s", error)
        finally:
            self._release()

    # -- inside --------------------------------------------------------------------------------------------------

    def _map(self, size: int) -> mmap.mmap:
        """The device's memory; raises GeometryError where it has less than sysfs says."""
        try:
            return mmap.mmap(self._descriptor, size)
        except ValueError:
            raise GeometryError(f"it has less memory than the {size} bytes of its pixels") from None

    def _check_alive(self) -> None:
        """Look whether the device is there before its memory is touched: afterwards a signal would end the process."""
        try:
            status = os.fstat(self._descriptor)
            if stat.S_ISCHR(status.st_mode):
                ask(self._descriptor)
        except OSError as error:
            raise PanelError(self._explained(error)) from None
        cut = stat.S_ISREG(status.st_mode) and self._memory is not None and status.st_size < len(self._memory)
        if status.st_nlink == 0 or cut:
            raise PanelError(f"{self.device} is gone: its driver was removed, or the panel's cable is loose")

    def _blacken(self, memory: mmap.mmap, geometry: Geometry) -> None:
        """All black, and on the glass: a driver drops what it has not sent when the device is closed."""
        black = b"\xff" if geometry.bits == 1 and geometry.white_is_zero else b"\0"
        memory[geometry.start : geometry.start + geometry.size] = black * geometry.size
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a driver without delay has nothing to wait for
                raise PanelError(self._explained(error)) from None

    def _release(self) -> None:
        """Give back what is open; the next picture is written whole."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._shown = None

    def _explained(self, error: OSError) -> str:
        """What an error of the device means."""
        if error.errno in {errno.EACCES, errno.EPERM}:
            return (
                f"{self.device} may not be written by this user: it must be a member of the group video "
                f"(sudo usermod -aG video NAME, then log in again)"
            )
        if error.errno in {errno.ENOENT, errno.ENXIO, errno.ENODEV}:
            return f"{self.device} is not there: {self._others()}"
        return f"{self.device} cannot be used: {error.strerror or error}"

    def _others(self) -> str:
        """Which framebuffers there are."""
        folders = sorted(self._sysfs.iterdir()) if self._sysfs.is_dir() else []
        names = [folder.name for folder in folders if re.fullmatch(r"fb\d+", folder.name)]
        if not names:
            return f"this machine has no framebuffer; how a panel is set up stands in {GUIDE}"
        return f"this machine has {', '.join(f'/dev/{name}' for name in names)}; set display.device to the panel's"


def make_panel(
    driver: str,
    *,
    device: str = "/dev/fb0",
    width: int = 480,
    height: int = 320,
    rotation: int = 0,
    swap_red_blue: bool = False,
    monochrome: bool | None = None,
) -> Panel:
    """The panel that the configuration names; it is not open yet.

    Raises:
        ValueError: there is no such driver.
    """
    if driver == "none":
        return NoPanel(width, height)
    if driver == "framebuffer":
        return Framebuffer(
            device,
            rotation=rotation,
            swap_red_blue=swap_red_blue,
            monochrome=monochrome,
            width=width,
            height=height,
        )
    raise ValueError(f"there is no driver {driver!r} for the display (allowed: framebuffer, none)")
