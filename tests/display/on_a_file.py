"""The display bridge as a process of its own whose panel is a file.

`python -m tests.display.on_a_file SYSFS`: configured as usual; SYSFS is the folder that stands for /sys/class/graphics.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bridges.display.bridge import Display
from bridges.display.panel.backlight import Backlight
from bridges.display.panel.framebuffer import Framebuffer, Panel
from smartcar_mqtt import service


class OnAFile(Display):
    def make_panel(self) -> Panel:
        return Framebuffer(self.settings.device, sysfs=Path(sys.argv[1]))

    def find_backlight(self) -> Backlight | None:
        return None  # not that of the machine on which the tests run


if __name__ == "__main__":
    service.find_bridge = lambda _name: OnAFile
    sys.exit(service.run(OnAFile.name))
