"""The panel over a daemon's life: opened, written, lost, tried again, left black.

All methods are called on the main thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bridges.display.graphics.cairo import cairocffi
from bridges.display.panel.framebuffer import Panel, PanelError, make_panel
from bridges.display.settings import DisplaySettings
from smartcar_mqtt.clock import Backoff, Scheduler, Timer

log = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 5.0, 60.0


def panel_for(settings: DisplaySettings) -> Panel:
    """The panel that the configuration names; not open yet."""
    return make_panel(
        settings.driver,
        device=settings.device,
        width=settings.width,
        height=settings.height,
        rotation=settings.rotation,
        swap_red_blue=settings.swap_red_blue,
        monochrome=True if settings.theme == "mono" else None,
    )


class Screen:
    """A panel that may come and go.

    Args:
        panel: what is written to.
        scheduler: has it tried again.
        on_change: called when the panel has been found or lost.
    """

    def __init__(self, panel: Panel, scheduler: Scheduler, on_change: Callable[[], None]) -> None:
        self._panel = panel
        self._scheduler = scheduler
        self._on_change = on_change
        self._retry: Timer | None = None
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, spread=0.1)
        self._reported = ""
        self.there = False
        """Whether the panel can be written to."""
        self.reason = ""
        """Why not."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels as people see the panel; of one that is not there, what it had last."""
        return self._panel.width, self._panel.height

    @property
    def monochrome(self) -> bool:
        """Whether it has only black and white."""
        return self._panel.monochrome

    def open(self) -> None:
        """Take hold of the panel, now or when it is there."""
        self._retry = None
        try:
            self._panel.open()
        except PanelError as error:
            self._lose(error)
            return
        self.there, self.reason, self._reported = True, "", ""
        self._backoff.reset()
        log.info("the panel is there, %d by %d pixels", *self.size)
        self._on_change()

    def show(self, picture: cairocffi.ImageSurface) -> None:
        """Show a picture of the panel's size; without a panel, nothing happens."""
        if not self.there:
            return
        try:
            self._panel.show(picture)
        except PanelError as error:
            self._lose(error)

    def close(self) -> None:
        """Leave the panel black: a face that stands still would look alive."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self.there = False
        self._panel.close()

    def _lose(self, error: PanelError) -> None:
        """The panel cannot be reached: say so once, and try again, later and later."""
        self.there, self.reason = False, str(error)
        if self.reason != self._reported:
            self._reported = self.reason
            log.error("%s; trying again", self.reason)
        self._retry = self._scheduler.call_later(self._backoff.next_s(), self.open)
        self._on_change()
