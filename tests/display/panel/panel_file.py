"""A panel of 16 bits a pixel that tests plug in and out: a file in place of the framebuffer."""

from __future__ import annotations

from pathlib import Path

from tests.display.panel.framebuffer_folder import FramebufferFolder


class PanelFile(FramebufferFolder):
    """Not there until it is plugged in.

    Args:
        folder: for the file and what stands for its sysfs.
        width, height: in pixels.
    """

    def __init__(self, folder: Path, width: int = 480, height: int = 320) -> None:
        super().__init__(folder, width, height, bits=16)
        self.unplug()

    def plug_in(self) -> None:
        """The panel is there, with something else on it."""
        self.device.write_bytes(b"\xaa" * self.stride * self.height)

    def unplug(self) -> None:
        """It is gone."""
        self.device.unlink()

    @property
    def is_black(self) -> bool:
        """Whether nothing is to be seen on it."""
        return not any(self.content)
