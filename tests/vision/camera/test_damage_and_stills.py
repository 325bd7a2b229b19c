"""A few damaged pictures are passed over; what shows the same all the time is no frozen camera."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bridges.vision.camera.base import CameraError, Shot, make_camera
from bridges.vision.camera.grabber import Grabber
from bridges.vision.camera.v4l2 import MOST_DAMAGED
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.clock import Scheduler, SystemClock
from tests.vision.camera import fake_picamera2
from tests.vision.camera.mjpeg_server import MjpegServer, as_jpeg, without_data, without_tables, zeros
from tests.vision.camera.scripted_camera import TIMEOUT_S, Desk, picture

SIZE = (320, 240)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(monkeypatch)
    yield desk
    desk.close()


class Watched:
    """A real camera behind a real grabber on the real clock, and each news of its link."""

    def __init__(self, device: str, **settings: object) -> None:
        self.news: queue.Queue[tuple[bool | None, str]] = queue.Queue()
        wanted = VisionSettings(camera="v4l2", device=device, **settings)  # type: ignore[arg-type]
        self.grabber = Grabber(
            lambda: make_camera(wanted),
            Scheduler(SystemClock()),
            fps=wanted.fps,
            frozen_after_s=0.3,
            on_link=lambda *news: self.news.put(news),
        )

    def __enter__(self) -> Watched:
        self.grabber.hold("test")
        return self

    def __exit__(self, *_: object) -> None:
        self.grabber.close()

    def frames(self, count: int) -> None:
        """Wait for so many frames."""
        number = 0
        for _ in range(count):
            frame = self.grabber.wait_newer(number, TIMEOUT_S)
            assert frame is not None, self.grabber.reason
            number = frame.number


# -- damaged pictures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [without_data, zeros, without_tables])
def test_every_third_picture_damaged_does_not_lose_the_camera(
    damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    def picture_of(number: int) -> bytes:
        jpeg = as_jpeg(picture(number, SIZE))
        return damage(jpeg) if number % 3 == 2 else jpeg

    with MjpegServer(picture_of, fps=60) as server, Watched(server.address, fps=30) as watched:
        with caplog.at_level(logging.WARNING):
            watched.frames(40)
        assert watched.news.get(timeout=TIMEOUT_S) == (True, "")
        assert watched.news.empty()
        assert server.connections == 1
        assert [record.message for record in caplog.records if "damaged pictures" in record.message] == [
            f"{server.address} sends damaged pictures now and then; they are passed over"
        ], "told once"


def test_only_damaged_pictures_are_a_lost_camera_within_a_bound() -> None:
    sound = 3

    def picture_of(number: int) -> bytes:
        jpeg = as_jpeg(picture(number, SIZE))
        return jpeg if number < sound else zeros(jpeg)

    with MjpegServer(picture_of, fps=60) as server:
        camera = make_camera(VisionSettings(camera="v4l2", device=server.address))
        camera.open()
        for _ in range(sound):
            camera.read()
        began = time.monotonic()
        with pytest.raises(CameraError, match="or only damaged pictures"):
            camera.read()
        assert time.monotonic() - began < 3
        camera.close()


def test_a_network_camera_that_ends_is_lost_at_once() -> None:
    with MjpegServer(lambda number: as_jpeg(picture(number, SIZE)) if number < 5 else None, fps=60) as server:
        camera = make_camera(VisionSettings(camera="v4l2", device=server.address))
        camera.open()
        for _ in range(5):
            camera.read()
        began = time.monotonic()
        with pytest.raises(CameraError, match="sends nothing any more"):
            camera.read()
        assert time.monotonic() - began < 3
        camera.close()


def write_film(path: Path, levels: list[int], damaged: Callable[[int], bool] = lambda _: False) -> Path:
    """A film of single-coloured pictures, some of them damaged."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for level in levels:
        image = np.full((48, 64, 3), level, np.uint8)
        image[:24] = 255 - level
        writer.write(image)
    writer.release()
    content = bytearray(path.read_bytes())
    place = content.find(b"movi")
    for number in range(len(levels)):
        place = content.find(b"00dc", place)
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        if damaged(number):
            content[place + 8 : place + 8 + length] = bytes(length)
        place += 8 + length
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("bad", [{2}, {2, 5, 8}, {1, 2, 3, 4, 5, 6, 7}, {11}])
def test_damaged_pictures_of_a_film_do_not_end_it(tmp_path: Path, bad: set[int]) -> None:
    levels = [20 * number for number in range(12)]
    film = write_film(tmp_path / "film.avi", levels, bad.__contains__)
    camera = make_camera(VisionSettings(camera="v4l2", device=str(film)))
    camera.open()
    sound = [level for number, level in enumerate(levels) if number not in bad]
    assert [round(float(camera.read().image[40].mean()) / 20) * 20 for _ in range(2 * len(sound))] == 2 * sound
    camera.close()


def test_a_film_with_too_much_damage_is_told_and_not_read_for_ever(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", [100] * (MOST_DAMAGED + 10), lambda _: True)
    camera = make_camera(VisionSettings(camera="v4l2", device=str(film)))
    camera.open()
    with pytest.raises(CameraError, match="no picture that OpenCV can read"):
        camera.read()
    camera.close()


@pytest.mark.parametrize(("in_a_row", "lost"), [(1, False), (5, False), (6, True)])
def test_a_few_damaged_buffers_of_a_pi_camera_are_passed_over(
    in_a_row: int, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = fake_picamera2.install(monkeypatch)
    camera = make_camera(VisionSettings())
    camera.open()
    camera.read()
    sound = fake_picamera2.Request.make_array
    left = [in_a_row]

    def make_array(request: fake_picamera2.Request, name: str) -> NDArray[np.uint8]:
        if left[0]:
            left[0] -= 1
            raise ValueError("buffer is too small")
        return sound(request, name)

    monkeypatch.setattr(fake_picamera2.Request, "make_array", make_array)
    if lost:
        with pytest.raises(CameraError, match="Pi camera 0 was lost: buffer is too small"):
            camera.read()
    else:
        assert camera.read().image[0, 0, 0] == in_a_row + 2
    assert kind.made[0].lent == 0, "each request is given back"


# -- what shows the same all the time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["still.png", "still7.jpg", "still.bmp"])
@pytest.mark.parametrize("loop", [True, False])
def test_a_still_picture_is_no_frozen_camera(tmp_path: Path, name: str, loop: bool) -> None:
    path = tmp_path / name
    assert cv2.imwrite(str(path), picture(1))
    with Watched(str(path), fps=30, loop=loop) as watched:
        watched.frames(30)
        assert watched.news.get(timeout=TIMEOUT_S) == (True, "")
        assert watched.news.empty()


def test_a_grey_or_transparent_still_has_three_channels(tmp_path: Path) -> None:
    for name, shape in (("grey.png", (48, 64)), ("clear.png", (48, 64, 4))):
        cv2.imwrite(str(tmp_path / name), np.full(shape, 90, np.uint8))
        camera = make_camera(VisionSettings(camera="v4l2", device=str(tmp_path / name)))
        camera.open()
        assert camera.read().image.shape == (48, 64, 3)


def test_a_damaged_still_is_told(tmp_path: Path) -> None:
    path = tmp_path / "still.jpg"
    cv2.imwrite(str(path), picture(1))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(CameraError, match=r"still\.jpg .*correct vision\.device"):
        make_camera(VisionSettings(camera="v4l2", device=str(path))).open()


def test_a_film_that_shows_the_same_for_long_is_no_frozen_camera(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", [90] * 20)
    with Watched(str(film), fps=30) as watched:
        watched.frames(30)
        assert watched.news.get(timeout=TIMEOUT_S) == (True, "")
        assert watched.news.empty()


def test_a_quiet_scene_of_a_network_camera_is_no_frozen_camera() -> None:
    jpeg = as_jpeg(picture(1, SIZE))
    with MjpegServer(lambda _: jpeg, fps=30) as server, Watched(server.address, fps=30) as watched:
        watched.frames(30)
        assert watched.news.get(timeout=TIMEOUT_S) == (True, "")
        assert watched.news.empty()


def test_a_quiet_scene_of_a_pi_camera_is_told_from_a_frozen_one_by_its_time_stamps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_picamera2.install(monkeypatch)
    camera = make_camera(VisionSettings())
    camera.open()
    assert [camera.read().is_new for _ in range(3)] == [False, True, True], "there is nothing before the first"
    monkeypatch.setattr(fake_picamera2.Request, "get_metadata", lambda _: {"SensorTimestamp": 77})
    assert [camera.read().is_new for _ in range(3)] == [True, False, False]
    monkeypatch.setattr(fake_picamera2.Request, "get_metadata", lambda _: {})
    assert not camera.read().is_new


def test_what_its_source_vouches_for_may_look_the_same(desk: Desk) -> None:
    camera = desk.start()
    session = desk.grabber._session
    assert session is not None
    camera.wait_read()
    for _ in range(40):
        desk.clock.advance(0.1)
        desk.grabber.arrived(session, Shot(picture(1), is_new=True))
    assert desk.links.empty()
    for _ in range(10):
        desk.clock.advance(0.1)
        desk.grabber.arrived(session, Shot(picture(1)))
    desk.clock.advance(0.1)
    with pytest.raises(CameraError, match="frozen"):
        desk.grabber.arrived(session, Shot(picture(1)))


@pytest.mark.parametrize("device", ["0", " 1 ", 0, 1])
def test_the_number_of_a_camera_may_be_a_number(device: str | int, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = fake_picamera2.install(monkeypatch)
    kind.cameras = 2
    make_camera(VisionSettings(device=device)).open()  # type: ignore[arg-type]
    assert kind.made[0].number == int(device)
    with pytest.raises(CameraError, match=f"/dev/video{int(device) + 70} is not there"):
        make_camera(VisionSettings(camera="v4l2", device=int(device) + 70)).open()  # type: ignore[arg-type]
