"""Reads the camera, keeps its newest frame, and opens a lost camera again.

Threads: each attempt with the camera (a `Session`) has a thread of its own, which alone calls the driver. A check on
the scheduler's thread, four times a second, detects a driver that hangs. Its thread is abandoned: later pictures of it
are ignored, and it closes its camera when the driver returns. `newest` and the waits may be used from any thread; one
re-entrant lock guards all state, and `on_link` is called with it held.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from bridges.vision.camera.base import Camera, CameraError, Shot
from bridges.vision.camera.frames import Frame
from smartcar_mqtt.clock import Backoff, Scheduler, Timer

if TYPE_CHECKING:
    from bridges.vision.camera.frames import Picture

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
GOOD_LIFE_S = 5.0
"""After so many seconds with pictures the back-off begins anew."""
LOOK_S = 0.25
OPENING_LIMIT_S = 10.0
"""Longest wait for the first picture."""
READING_LIMIT_S = 5.0
"""Longest wait for a picture before the driver's thread is abandoned; the camera counts as frozen much earlier."""
MOST_GIVEN_UP = 3
"""Most threads that may hang in a driver at once; then no further attempt is made until one of them returns."""
CLOSING_LIMIT_S = 2.0


class Session:
    """One attempt with the camera: opened, read until it fails or shall end, closed."""

    def __init__(self, grabber: Grabber, make: Callable[[], Camera], began: float) -> None:
        self._grabber = grabber
        self._make = make
        self.ending = threading.Event()
        """Set when the session is to end, or was abandoned."""
        self.progress_at = began
        """Monotonic second of the last picture, or of the start."""
        self.first_at: float | None = None
        """Monotonic second of the first picture."""
        self.thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def _run(self) -> None:
        reason = ""
        camera: Camera | None = None
        try:
            camera = self._make()
            camera.open()
            self._read(camera)
        except CameraError as error:
            reason = str(error)
        except Exception as error:  # a driver may raise anything
            log.exception("error in the camera's driver")
            reason = f"the camera's driver fails: {error}"
        if camera is not None:
            try:
                camera.close()
            except Exception:
                log.exception("error while the camera was closed")
        self._grabber.ended(self, reason)

    def _read(self, camera: Camera) -> None:
        while not self.ending.is_set():
            shot = camera.read()
            delay = self._grabber.arrived(self, shot)
            if not camera.paced:
                self.ending.wait(delay)


class Grabber:
    """Keeps the camera open while at least one holder needs it, and its newest frame.

    Args:
        make: makes the camera; called on the camera's thread, once for each attempt.
        scheduler: time, and the thread that looks after the camera's.
        fps: frames a second that are asked for.
        frozen_after_s: how long no new picture may come before the camera counts as frozen.
        on_link: told of each change: True, False with the reason, None while it is off.
        turn: what is done to each picture.
    """

    def __init__(
        self,
        make: Callable[[], Camera],
        scheduler: Scheduler,
        *,
        fps: float,
        frozen_after_s: float = 1.0,
        on_link: Callable[[bool | None, str], None] = lambda _link, _reason: None,
        turn: Callable[[Picture], Picture] = lambda image: image,
    ) -> None:
        self.changed = threading.Condition(threading.RLock())
        """Notified with each frame, and by `wake`."""
        self.frames = 0
        """How many frames have come since the start."""
        self.link: bool | None = None
        self.reason = ""
        """Why the link is False."""
        self._make = make
        self._scheduler = scheduler
        self._clock = scheduler.clock
        self._period = 1.0 / fps
        self._frozen_after = max(frozen_after_s, 3.0 * self._period)
        self._on_link = on_link
        self._turn = turn
        self._holders: set[str] = set()
        self._newest: Frame | None = None
        self._before: Picture | None = None  # touched by the present session's thread, and by `release`
        self._due = 0.0
        self._same_since: float | None = None
        self._session: Session | None = None
        self._given_up: list[Session] = []
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._retry: Timer | None = None
        self._look_timer: Timer | None = None

    # -- for those who want frames -------------------------------------------------------------------------------

    def hold(self, who: str) -> None:
        """Register a holder, and open the camera unless it is open; returns at once."""
        with self.changed:
            self._holders.add(who)
            if self._look_timer is None:
                self._look_timer = self._scheduler.call_later(LOOK_S, self._look)
            if self._session is None and self._retry is None:
                self._begin()

    def release(self, who: str) -> None:
        """Remove a holder, and close the camera after the last one; returns at once."""
        with self.changed:
            self._holders.discard(who)
            if self._holders:
                return
            if self._session is not None:
                self._session.ending.set()
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            self._backoff.reset()
            self._before = None
            self._forget()
            self._tell(None, "")

    def close(self) -> None:
        """Close the camera regardless of holders, and wait for it up to CLOSING_LIMIT_S."""
        with self.changed:
            self._holders.clear()
            self.release("")
            session = self._session
        if session is not None and session.thread is not threading.current_thread():
            session.thread.join(CLOSING_LIMIT_S)

    @property
    def newest(self) -> Frame | None:
        """The newest frame; None while there is none that is fresh."""
        with self.changed:
            return self._newest

    def wait_newer(
        self, number: int, timeout: float | None = None, *, unless: Callable[[], bool] = lambda: False
    ) -> Frame | None:
        """The newest frame as soon as its number is above this one; None when the time is up, or `unless` holds."""

        def ready() -> bool:
            return unless() or (self._newest is not None and self._newest.number > number)

        with self.changed:
            self.changed.wait_for(ready, timeout)
            newest = self._newest
            return newest if newest is not None and newest.number > number and not unless() else None

    def wait_after(self, moment: float, timeout: float) -> Frame | None:
        """A frame that was taken after this moment (monotonic); None when the time is up or the camera is lost."""

        def newer() -> bool:
            return self._newest is not None and self._newest.captured_at > moment

        with self.changed:
            self.changed.wait_for(lambda: newer() or self.link is False, timeout)
            return self._newest if newer() else None

    def wake(self) -> None:
        """Make all waiting threads check their conditions again."""
        with self.changed:
            self.changed.notify_all()

    # -- what sessions tell --------------------------------------------------------------------------------------

    def arrived(self, session: Session, shot: Shot) -> float:
        """Take a picture; returns how long a driver that does not wait by itself is to wait before the next one.

        Raises:
            CameraError: it is the same one as for some time already.
        """
        now = self._clock.monotonic()
        image = self._turn(shot.image)
        before, self._before = self._before, image
        same = not shot.is_new and before is not None and unchanged(before, image)
        with self.changed:
            if session is not self._session or session.ending.is_set():
                return 0.0
            session.progress_at = now
            if session.first_at is None:
                session.first_at = now
                log.info("the camera gives pictures of %dx%d", image.shape[1], image.shape[0])
            if not same:
                self._same_since = None
            elif self._same_since is None:
                self._same_since = now
            elif now - self._same_since >= self._frozen_after:
                raise CameraError(f"the camera sends the same picture for {self._frozen_after:g} s and more: frozen")
            if same and self.link is False:
                return self._wait_from(now)  # opened again, and still frozen
            self.frames += 1
            captured_at = now - shot.age_s
            self._newest = Frame(image, self.frames, captured_at, self._clock.wall() - shot.age_s)
            if now - session.first_at >= GOOD_LIFE_S:
                self._backoff.reset()
            self._tell(True, "")
            self.changed.notify_all()
            return self._wait_from(now)

    def ended(self, session: Session, reason: str) -> None:
        """A session is over and its camera closed."""
        with self.changed:
            if session in self._given_up:
                self._given_up.remove(session)
                log.info("a camera's driver that hung has come back")
                return
            if session is not self._session:
                return
            self._session = None
            if not self._holders:
                return
            if session.ending.is_set():  # switched off and on again in the meantime
                self._begin()
            else:
                self._lost(reason)

    def _wait_from(self, now: float) -> float:
        self._due = max(self._due + self._period, now)
        return self._due - now

    # -- the rest, with the lock held ----------------------------------------------------------------------------

    def _begin(self) -> None:
        self._retry = None
        now = self._clock.monotonic()
        self._due = now
        self._session = Session(self, self._make, now)
        self._session.thread.start()

    def _lost(self, reason: str) -> None:
        if reason != self.reason:
            log.error("%s; trying again", reason)
        self._forget()
        self._tell(False, reason)
        self._retry = self._scheduler.call_later(self._backoff.next_s(), self._try_again)

    def _try_again(self) -> None:
        with self.changed:
            if self._retry is None or not self._holders:
                return
            if len(self._given_up) >= MOST_GIVEN_UP:
                reason = f"{len(self._given_up)} attempts hang in the camera's driver; unplug it, or restart the Pi"
                self._lost(reason)
            else:
                self._begin()

    def _look(self) -> None:
        """Check that the camera's thread still makes progress."""
        with self.changed:
            session = self._session
            if session is None and not self._holders:
                self._look_timer = None
                return
            self._look_timer = self._scheduler.call_later(LOOK_S, self._look)
            if session is None:
                return
            silent_s = self._clock.monotonic() - session.progress_at
            if session.first_at is None:
                if silent_s > OPENING_LIMIT_S:
                    self._give_up(f"the camera has given no picture within {OPENING_LIMIT_S:g} s of being opened")
            elif silent_s > max(READING_LIMIT_S, 2 * self._frozen_after):
                self._give_up(f"the camera has been frozen for {silent_s:.0f} s: its driver does not answer")
            elif silent_s > self._frozen_after and self._holders and self.link:
                reason = f"the camera has sent no picture for {self._frozen_after:g} s: frozen"
                log.error(reason)
                self._forget()
                self._tell(False, reason)

    def _give_up(self, reason: str) -> None:
        session = self._session
        assert session is not None  # noqa: S101 - the caller has looked
        session.ending.set()
        self._given_up.append(session)
        self._session = None
        if self._holders:
            self._lost(reason)

    def _forget(self) -> None:
        self._newest = None
        self._same_since = None
        self.changed.notify_all()

    def _tell(self, link: bool | None, reason: str) -> None:
        if (link, reason) != (self.link, self.reason):
            self.link, self.reason = link, reason
            self.changed.notify_all()
            self._on_link(link, reason)


def unchanged(before: Picture, after: Picture) -> bool:
    """Whether two pictures are the same, byte for byte. A picture of one colour never is: it is dark, not frozen."""
    middle = len(after) // 2
    # The sensor's noise makes most pictures differ in one row already.
    if before.shape != after.shape or (before[middle] != after[middle]).any() or (before != after).any():
        return False
    return bool((after != after[0, 0]).any())
