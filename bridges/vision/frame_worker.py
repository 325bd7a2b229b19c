"""A thread that processes the newest frame at a limited rate, without a queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bridges.vision.camera.frames import Frame, Pace
from bridges.vision.camera.grabber import Grabber


class FrameThread:
    """Calls a function with the newest frame; frames that come while it works are skipped.

    Args:
        name: the thread's.
        grabber: where frames come from; call its `wake` when what `wanted` tells has changed.
        fps: most frames a second.
        work: called with each frame on this thread; an exception ends the process.
        wanted: whether frames are wanted now; while they are not, the thread sleeps.
    """

    def __init__(
        self,
        name: str,
        grabber: Grabber,
        *,
        fps: float,
        work: Callable[[Frame], None],
        wanted: Callable[[], bool],
    ) -> None:
        self.busy_since: float | None = None
        """Monotonic second at which it began with the present frame; None: it waits for the next."""
        self._grabber = grabber
        self._pace = Pace(fps)
        self._work = work
        self._wanted = wanted
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Stop after the present frame."""
        self._stopping = True
        self._grabber.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        last = 0
        changed = self._grabber.changed
        while not self._stopping:
            with changed:
                changed.wait_for(lambda: self._stopping or self._wanted())
            frame = self._grabber.wait_newer(last, unless=lambda: self._stopping or not self._wanted())
            if frame is None:
                continue
            last = frame.number
            if self._pace.takes(frame.captured_at):
                self.busy_since = time.monotonic()
                self._work(frame)
                self.busy_since = None
