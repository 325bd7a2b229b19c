"""A camera at the driver's seam that does what a test tells it, step by step, and a desk to watch the grabber at."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bridges.vision.camera import grabber as grabber_module
from bridges.vision.camera.base import Camera, CameraError, Shot
from bridges.vision.camera.frames import Frame
from bridges.vision.camera.grabber import Grabber
from smartcar_mqtt.clock import Backoff, ManualClock, Scheduler

TIMEOUT_S = 10.0


def picture(seed: int = 0, size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """A picture that no other seed gives."""
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


class ScriptedCamera:
    """One attempt: `open` and each `read` wait until the test says what happens."""

    paced = True

    def __init__(self) -> None:
        self._steps: queue.Queue[Callable[[], Any]] = queue.Queue()
        self.opening = threading.Event()
        self.closed = threading.Event()
        self._changed = threading.Condition()
        self._begun = self._said = 0

    # what the grabber calls

    def open(self) -> None:
        self.opening.set()
        self._next()

    def read(self) -> Shot:
        return Shot(self._next())

    def close(self) -> None:
        self.closed.set()

    def _next(self) -> Any:
        with self._changed:
            self._begun += 1
            self._changed.notify_all()
        return self._steps.get(timeout=TIMEOUT_S)()

    # what the test says

    def opens(self) -> None:
        """The camera is there."""
        self._say(lambda: None)

    def gives(self, image: NDArray[np.uint8]) -> None:
        """A picture comes."""
        self._say(lambda: image)

    def fails(self, error: Exception) -> None:
        """Opening or reading fails."""

        def fail() -> None:
            raise error

        self._say(fail)

    def wait_read(self) -> None:
        """Wait until everything said so far has been taken in."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._begun > self._said, TIMEOUT_S)

    def _say(self, step: Callable[[], Any]) -> None:
        with self._changed:
            self._said += 1
        self._steps.put(step)


class Desk:
    """A grabber on a clock that the test moves; each attempt with the camera comes to the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fps: float = 10.0, **options: Any) -> None:
        monkeypatch.setattr(grabber_module, "Backoff", partial(Backoff, spread=0))
        monkeypatch.setattr(grabber_module, "CLOSING_LIMIT_S", 0.05)
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.links: queue.Queue[tuple[bool | None, str]] = queue.Queue()
        self.attempts: queue.Queue[ScriptedCamera] = queue.Queue()
        self.count = 0
        self._all: list[ScriptedCamera] = []
        self.grabber = Grabber(
            self._make, self.scheduler, fps=fps, on_link=lambda *news: self.links.put(news), **options
        )

    def _make(self) -> Camera:
        camera = ScriptedCamera()
        self.count += 1
        self._all.append(camera)
        self.attempts.put(camera)
        return camera

    def close(self) -> None:
        """End all threads."""
        self.grabber.close()
        for camera in self._all:
            camera.fails(CameraError("the test is over"))

    def attempt(self) -> ScriptedCamera:
        """The next attempt with the camera."""
        return self.attempts.get(timeout=TIMEOUT_S)

    def link(self) -> tuple[bool | None, str]:
        """The next news of the camera."""
        return self.links.get(timeout=TIMEOUT_S)

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        """Move the clock in small steps and do what is due."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.scheduler.run_due()

    def start(self) -> ScriptedCamera:
        """A camera that is open and has given a picture."""
        self.grabber.hold("test")
        camera = self.attempt()
        camera.opens()
        camera.gives(picture(1))
        assert self.link() == (True, "")
        return camera

    def fail(self, seconds: float) -> None:
        """After so many seconds there is another attempt, and it fails too."""
        before = self.count
        self.pass_time(seconds - 0.05)
        assert self.count == before, "tried again too early"
        self.pass_time(0.1)
        self.attempt().fails(CameraError("no camera"))
        self.settle()

    def settle(self) -> None:
        """Wait until no attempt is under way."""
        with self.grabber.changed:  # an end that is being told is told to the last
            session = self.grabber._session
        if session is not None:
            session.thread.join(TIMEOUT_S)

    def frame(self, number: int) -> Frame:
        """The frame after that number, as soon as it is there."""
        found = self.grabber.wait_newer(number, TIMEOUT_S)
        assert found is not None
        return found
