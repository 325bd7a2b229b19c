"""Frames are taken at a rate, always the newest, and only while they are wanted."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator

import pytest

from bridges.vision.camera.frames import Frame, Pace
from bridges.vision.frame_worker import FrameThread
from tests.vision.camera.scripted_camera import TIMEOUT_S, Desk, picture


@pytest.mark.parametrize(
    ("camera", "wanted", "taken"), [(30, 15, 15), (15, 15, 15), (20, 15, 15), (12, 15, 12), (30, 10, 10), (60, 1, 1)]
)
def test_of_a_camera_s_frames_so_many_a_second_are_taken(camera: int, wanted: int, taken: int) -> None:
    pace = Pace(wanted)
    moments = [number / camera for number in range(10 * camera)]
    assert sum(pace.takes(moment) for moment in moments) == pytest.approx(10 * taken, abs=1)


def test_frames_that_vary_a_little_are_all_taken() -> None:
    pace = Pace(10)
    delays = itertools.cycle((0.0, 0.02, -0.02, 0.01))
    assert all(pace.takes(number / 10 + next(delays)) for number in range(100))


def test_after_a_gap_nothing_is_made_up_for() -> None:
    pace = Pace(10)
    assert pace.takes(0.0)
    assert pace.takes(60.0)
    assert not pace.takes(60.02)
    assert pace.takes(60.1)


class Work:
    """A thread on a camera that the test leads; each frame stays with it until the test lets it go."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.wanted = True
        self.frames: queue.Queue[Frame] = queue.Queue()
        self.go_on = threading.Semaphore(0)
        self.thread = FrameThread("work", desk.grabber, fps=100, work=self._do, wanted=lambda: self.wanted)
        self.thread.start()

    def _do(self, frame: Frame) -> None:
        self.frames.put(frame)
        assert self.go_on.acquire(timeout=TIMEOUT_S)

    def frame(self) -> int:
        return self.frames.get(timeout=TIMEOUT_S).number


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    desk = Desk(monkeypatch)
    work = Work(desk)
    yield work
    work.go_on.release(100)
    work.thread.stop()
    desk.close()


def test_frames_that_come_while_it_works_are_passed_over(work: Work) -> None:
    camera = work.desk.start()
    assert work.frame() == 1
    assert work.thread.busy_since is not None
    for seed in range(2, 6):
        work.desk.clock.advance(0.1)
        camera.gives(picture(seed))
    camera.wait_read()
    assert work.frames.empty()
    work.go_on.release()
    assert work.frame() == 5


def test_nothing_is_taken_while_it_is_not_wanted(work: Work) -> None:
    work.wanted = False
    camera = work.desk.start()
    camera.wait_read()
    assert work.frames.empty()
    work.desk.clock.advance(0.1)
    camera.gives(picture(2))
    camera.wait_read()
    assert work.frames.empty()
    work.wanted = True
    work.desk.grabber.wake()
    assert work.frame() == 2
    assert work.thread.busy_since is not None


def test_it_ends_at_once_when_it_waits(work: Work) -> None:
    work.desk.start()
    assert work.frame() == 1
    work.go_on.release()
    work.thread.stop()
    assert not work.thread._thread.is_alive()
