"""The camera is kept: lost, frozen, hanging, it is told and tried again, and nothing else stops for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from bridges.vision.camera.base import CameraError, Shot
from bridges.vision.camera.grabber import MOST_GIVEN_UP, unchanged
from tests.vision.camera.scripted_camera import TIMEOUT_S, Desk, picture


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(monkeypatch)
    yield desk
    desk.close()


def test_the_camera_is_open_only_while_somebody_holds_it(desk: Desk) -> None:
    assert desk.grabber.newest is None
    camera = desk.start()
    frame = desk.grabber.newest
    assert frame is not None
    assert (frame.number, frame.captured_at) == (1, desk.clock.monotonic())
    desk.grabber.hold("another")
    desk.grabber.release("test")
    camera.gives(picture(2))
    assert desk.frame(1).number == 2
    desk.grabber.release("another")
    assert desk.link() == (None, "")
    assert desk.grabber.newest is None
    camera.gives(picture(3))
    assert camera.closed.wait(TIMEOUT_S)
    assert desk.grabber.newest is None


def test_the_newest_frame_wins(desk: Desk) -> None:
    camera = desk.start()
    for seed in range(2, 6):
        camera.gives(picture(seed))
    camera.wait_read()
    newest = desk.frame(0)
    assert newest.number == 5
    assert (newest.image == picture(5)).all()


def test_a_missing_camera_is_told_once_and_tried_again_ever_more_seldom(desk: Desk) -> None:
    desk.grabber.hold("test")
    desk.attempt().fails(CameraError("no camera"))
    assert desk.link() == (False, "no camera")
    desk.settle()
    for seconds in (0.5, 1, 2, 4, 8, 16, 30, 30):
        desk.fail(seconds)
    assert desk.links.empty()
    desk.pass_time(30.1)
    camera = desk.attempt()
    camera.opens()
    camera.gives(picture(1))
    assert desk.link() == (True, "")


def test_an_unplugged_camera_comes_back(desk: Desk) -> None:
    camera = desk.start()
    camera.fails(CameraError("unplugged"))
    assert desk.link() == (False, "unplugged")
    assert desk.grabber.newest is None
    assert camera.closed.wait(TIMEOUT_S)
    desk.settle()
    desk.pass_time(0.6)
    again = desk.attempt()
    again.opens()
    again.gives(picture(2))
    assert desk.link() == (True, "")
    assert desk.frame(1).number == 2


def test_after_five_good_seconds_the_first_retry_is_soon_again(desk: Desk) -> None:
    desk.grabber.hold("test")
    desk.attempt().fails(CameraError("no camera"))
    desk.settle()
    desk.fail(0.5)
    desk.fail(1)
    desk.pass_time(2.1)
    camera = desk.attempt()
    camera.opens()
    for seed in range(52):
        camera.gives(picture(seed))
        camera.wait_read()
        desk.pass_time(0.1)
    camera.fails(CameraError("unplugged"))
    desk.settle()
    desk.fail(0.5)


def test_a_driver_that_raises_anything_is_survived(desk: Desk) -> None:
    camera = desk.start()
    camera.fails(ZeroDivisionError("a bug in a driver"))
    link, reason = desk.link()
    assert link is False
    assert "a bug in a driver" in reason
    assert camera.closed.wait(TIMEOUT_S)


def test_the_same_picture_for_a_second_is_a_frozen_camera(desk: Desk) -> None:
    camera = desk.start()
    for _ in range(11):
        camera.gives(picture(1))
        camera.wait_read()
        desk.pass_time(0.1)
    camera.gives(picture(1))
    link, reason = desk.link()
    assert link is False
    assert "frozen" in reason
    assert camera.closed.wait(TIMEOUT_S)
    desk.settle()
    desk.pass_time(0.6)
    again = desk.attempt()
    again.opens()
    again.gives(picture(1))
    again.wait_read()
    assert desk.links.empty(), "opened anew, but still the same picture"
    assert desk.grabber.newest is None
    again.gives(picture(2))
    assert desk.link() == (True, "")


def test_a_dark_room_is_not_a_frozen_camera(desk: Desk) -> None:
    camera = desk.start()
    for _ in range(30):
        camera.gives(np.zeros((48, 64, 3), np.uint8))
        camera.wait_read()
        desk.pass_time(0.1)
    assert desk.links.empty()


def test_one_pixel_tells_two_pictures_apart() -> None:
    one, other = picture(1), picture(1)
    assert unchanged(one, other)
    other[47, 63, 2] ^= 1
    assert not unchanged(one, other)
    assert not unchanged(one, one[:40])


def test_a_camera_that_pauses_is_frozen_until_it_goes_on(desk: Desk) -> None:
    camera = desk.start()
    camera.wait_read()
    desk.pass_time(0.9)
    assert desk.links.empty()
    desk.pass_time(0.5)
    link, reason = desk.link()
    assert link is False
    assert "no picture for 1 s" in reason
    assert desk.grabber.newest is None
    camera.gives(picture(2))
    assert desk.link() == (True, "")
    assert not camera.closed.is_set()


def test_a_driver_that_hangs_is_given_up_and_counts_for_nothing_when_it_comes_back(desk: Desk) -> None:
    camera = desk.start()
    camera.wait_read()
    desk.pass_time(5.5)
    assert "frozen" in desk.link()[1]
    link, reason = desk.link()
    assert link is False
    assert "driver does not answer" in reason
    desk.pass_time(0.6)
    again = desk.attempt()
    again.opens()
    again.gives(picture(2))
    assert desk.link() == (True, "")
    camera.gives(picture(3))
    assert camera.closed.wait(TIMEOUT_S), "it closes its camera itself"
    again.wait_read()
    newest = desk.grabber.newest
    assert newest is not None
    assert (newest.image == picture(2)).all()


def test_a_camera_that_never_opens_is_given_up_too(desk: Desk) -> None:
    desk.grabber.hold("test")
    camera = desk.attempt()
    assert camera.opening.wait(TIMEOUT_S)
    desk.pass_time(9.9)
    assert desk.links.empty()
    desk.pass_time(0.5)
    assert "no picture within 10 s" in desk.link()[1]
    camera.opens()


def test_with_several_hanging_drivers_only_waiting_is_left(desk: Desk) -> None:
    desk.grabber.hold("test")
    hanging = []
    for number in range(MOST_GIVEN_UP):
        camera = desk.attempt()
        assert camera.opening.wait(TIMEOUT_S)
        hanging.append(camera)
        desk.pass_time(10.5 if number == MOST_GIVEN_UP - 1 else 10.5 + 0.5 * 2**number)
    desk.pass_time(70, step=0.5)
    assert desk.count == MOST_GIVEN_UP
    assert "hang in the camera's driver" in desk.grabber.reason
    first = desk.grabber._given_up[0].thread
    hanging[0].fails(CameraError("unplugged at last"))
    first.join(TIMEOUT_S)
    while desk.count == MOST_GIVEN_UP:
        desk.pass_time(0.5)
    again = desk.attempt()
    again.opens()
    again.gives(picture(1))
    for camera in hanging[1:]:
        camera.fails(CameraError("over"))
    while desk.link() != (True, ""):
        pass


def test_switching_off_and_ending_do_not_wait_for_a_driver_that_hangs(desk: Desk) -> None:
    camera = desk.start()
    camera.wait_read()
    done = threading.Event()

    def end() -> None:
        desk.grabber.release("test")
        desk.grabber.close()
        done.set()

    threading.Thread(target=end, daemon=True).start()
    assert done.wait(TIMEOUT_S)
    assert desk.grabber.link is None
    assert not camera.closed.is_set()
    camera.gives(picture(2))
    assert camera.closed.wait(TIMEOUT_S)


def test_off_and_on_again_opens_the_camera_after_it_was_closed(desk: Desk) -> None:
    camera = desk.start()
    camera.wait_read()
    desk.grabber.release("test")
    desk.grabber.hold("test")
    assert desk.count == 1, "two would be one too many for a camera"
    camera.gives(picture(2))
    again = desk.attempt()
    assert camera.closed.is_set()
    again.opens()
    again.gives(picture(3))
    assert desk.link() == (None, "")
    assert desk.link() == (True, "")


def test_who_waits_for_a_frame_after_a_moment_gets_no_older_one(desk: Desk) -> None:
    camera = desk.start()
    asked_at = desk.clock.monotonic()
    assert desk.grabber.wait_after(asked_at, 0.0) is None
    desk.clock.advance(0.1)
    camera.gives(picture(2))
    frame = desk.grabber.wait_after(asked_at, TIMEOUT_S)
    assert frame is not None
    assert frame.number == 2


def test_a_camera_without_a_pace_is_read_at_the_rate_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, fps=20)
    camera = desk.start()
    session = desk.grabber._session
    assert session is not None
    camera.wait_read()
    assert desk.grabber.arrived(session, shot(2)) == pytest.approx(0.1)
    desk.clock.advance(0.05)
    assert desk.grabber.arrived(session, shot(3)) == pytest.approx(0.1)
    desk.clock.advance(3.0)
    assert desk.grabber.arrived(session, shot(4)) == 0.0, "late: the next one at once"
    desk.close()


def shot(seed: int) -> Shot:
    return Shot(picture(seed))
