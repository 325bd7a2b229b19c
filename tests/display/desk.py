"""The display bridge on a hand-moved clock, with a file as its panel and a broker that takes notes."""

from __future__ import annotations

import io
import random
import tempfile
import threading
from pathlib import Path
from typing import Any

from PIL import Image

from bridges.display.bridge import Display
from bridges.display.panel.backlight import Backlight, find_backlight
from bridges.display.panel.framebuffer import Framebuffer, Panel
from bridges.display.settings import DisplaySettings
from smartcar_mqtt.config import Config
from tests.display.panel.panel_file import PanelFile
from tests.support.bridge_desk import BridgeDesk, desk_config

BASE = "smartcar/car/display"
FRAME_S = 1 / 15
SIZE = (96, 64)


def make_config(folder: Path, port: int = 1883, **settings: Any) -> Config:
    """A configuration that looks at nothing of the machine that it runs on."""
    return desk_config(folder, "display", DisplaySettings(**settings), port=port)


class Desk(BridgeDesk):
    """Display, clock, broker and panel; opened, connected, and with its first picture drawn.

    Args:
        folder: for the panel, the backlights and the memory.
        plugged: whether the panel is there from the beginning.
        settings: of the bridge.
    """

    def __init__(self, folder: Path, *, plugged: bool = True, **settings: Any) -> None:
        width, height = SIZE
        self.file = file = PanelFile(Path(tempfile.mkdtemp(dir=folder)), width, height)
        if plugged:
            self.file.plug_in()
        self.frames: list[float] = []
        super().__init__(make_config(folder, **settings), "display")
        clock = self.clock
        frames = self.frames

        class NotingFramebuffer(Framebuffer):
            def show(self, picture: Any) -> int:
                frames.append(clock.monotonic())
                return super().show(picture)

        class OnAFile(Display):
            chance = random.Random(1)

            def make_panel(self) -> Panel:
                if self.settings.driver == "none":
                    return super().make_panel()
                return NotingFramebuffer(file.device, sysfs=file.sysfs, width=width, height=height)

            def find_backlight(self) -> Backlight | None:
                return find_backlight(self.settings.backlight, folder / "backlights")

        self.display = OnAFile(self.config, self.scheduler, self.broker)
        self.display.open()
        self.connect()
        self.pass_time(1)

    def close(self) -> None:
        """As a daemon ends."""
        self.display.close()
        self.broker.connected = False
        self.display.goodbye()

    def skip(self, seconds: float) -> None:
        """Let time pass from timer to timer."""
        end = self.clock.monotonic() + seconds
        while True:
            due = self.scheduler.run_due()
            if due is None or due > end:
                break
            self.clock.advance(max(0.0, due - self.clock.monotonic()))
        self.clock.advance(end - self.clock.monotonic())
        self.scheduler.run_due()

    def tell(self, source: str, message: object) -> None:
        """Another bridge says something, and the face has had a moment to follow."""
        self.hear(source, message)
        self.pass_time(0.1)

    def ask(self, key: str, payload: str | bytes) -> dict[str, Any]:
        """Send a command, and let the face have a moment to follow; what has become of it."""
        answer = self.command(key, payload)
        self.pass_time(0.1)
        return answer

    def pictures(self, count: int = 0) -> list[Image.Image]:
        """The pictures for Home Assistant, as soon as there are so many."""
        with self.broker.changed:
            enough = self.broker.changed.wait_for(lambda: len(self.broker.on(f"{BASE}/face")) >= count, 10)
            assert enough, f"{len(self.broker.on(f'{BASE}/face'))} pictures instead of {count}"
            return [Image.open(io.BytesIO(message.payload)) for message in self.broker.on(f"{BASE}/face")]

    def settled_pictures(self) -> list[Image.Image]:
        """All pictures for Home Assistant until now: the worker has drawn those that it was asked for."""
        done = threading.Event()
        assert self.display._worker.submit(done.set)
        assert done.wait(10)
        return self.pictures()
