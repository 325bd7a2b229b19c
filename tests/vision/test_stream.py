"""The live stream, as a plain HTTP client on the Unix socket sees it."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from bridges.vision import stream as stream_module
from bridges.vision.camera.base import CameraError
from bridges.vision.camera.frames import Frame
from bridges.vision.captures import Capture, Captures
from bridges.vision.jpeg import Encoder
from bridges.vision.stream import MOST_CLIENTS, StreamError, StreamServer, check_free
from tests.vision.camera.scripted_camera import Desk, ScriptedCamera, picture
from tests.vision.viewer import Viewer, get


class Studio:
    """A server with a camera whose pictures the test takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.desk = Desk(monkeypatch)
        self.encoder = Encoder(80)
        self.reason = ""
        self.standing = False
        self.captures = Captures(folder / "captures", most=10, most_bytes=10**9)
        self.server = StreamServer(folder / "vision.sock", self, self.desk.grabber, self.captures, fps=15)
        self.path = self.server.path
        self.camera: ScriptedCamera

    def start(self) -> None:
        self.server.open()
        self.camera = self.desk.start()
        self.camera.wait_read()

    def close(self) -> None:
        self.server.close()
        self.desk.close()

    def hidden(self) -> str:
        return self.reason

    def paused(self) -> bool:
        return self.standing

    def live_jpeg(self, frame: Frame, *, boxes: bool) -> bytes:
        return self.encoder.jpeg(frame)

    def take(self, seed: int, *, after: float = 0.1, size: tuple[int, int] = (64, 48)) -> None:
        """The camera takes the next picture."""
        self.desk.clock.advance(after)
        self.camera.gives(picture(seed, size))
        self.camera.wait_read()

    def hide(self, reason: str) -> None:
        self.reason = reason
        self.desk.grabber.wake()

    def wait_viewers(self, count: int) -> None:
        """Wait until so many watch: the server learns of a lost client when it sends to it."""
        for seed in range(1000):
            if self.server.viewers == count:
                return
            self.take(1000 + seed)
        raise AssertionError(f"{self.server.viewers} viewers, not {count}")


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Studio]:
    monkeypatch.setattr(stream_module, "IDLE_S", 30.0)  # only where a test is about it
    studio = Studio(monkeypatch, tmp_path)
    studio.start()
    yield studio
    studio.close()


def test_a_viewer_gets_each_frame_with_its_number_and_time(studio: Studio) -> None:
    with Viewer(studio.path) as viewer:
        assert viewer.status == 200
        assert viewer.headers["Content-Type"].startswith("multipart/x-mixed-replace; boundary=")
        assert viewer.headers["Cache-Control"] == "no-store"
        first = viewer.part()
        assert first.number == 1
        assert viewer.part() == first, "twice: a browser shows a picture only when the next one begins"
        for seed in (2, 3, 4):
            studio.take(seed)
            part = viewer.part()
            assert part.number == seed
            assert part.captured_at == pytest.approx(studio.desk.clock.monotonic())
            assert float(part.headers["X-Captured-At"]) == pytest.approx(studio.desk.clock.wall())
            shown = cv2.imdecode(np.frombuffer(part.jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert shown.shape == (48, 64, 3)


def test_a_picture_is_encoded_once_for_all_viewers_and_never_for_none(studio: Studio) -> None:
    studio.take(2)
    assert studio.encoder.count == 0
    with Viewer(studio.path) as one, Viewer(studio.path) as other:
        for viewer in (one, other):
            viewer.part()
            viewer.part()
        studio.take(3)
        assert one.part() == other.part()
        assert studio.encoder.count == 2
    studio.wait_viewers(0)
    count = studio.encoder.count
    studio.take(4)
    studio.take(5)
    assert studio.encoder.count == count


def test_a_viewer_that_reads_nothing_harms_nobody(studio: Studio) -> None:
    stalled = [Viewer(studio.path) for _ in range(3)]
    with Viewer(studio.path) as viewer:
        viewer.part()
        viewer.part()
        for seed in range(2, 30):
            studio.take(seed, size=(320, 240))
            assert viewer.part().number == seed
    # What the stalled ones find when they go on is what the kernel held, and then the newest, nothing in between.
    studio.take(30)
    for each in stalled:
        numbers = [each.part().number]
        while numbers[-1] < 30:
            numbers.append(each.part().number)
        assert len(numbers) < 8, numbers
        each.close()


def test_viewers_that_vanish_are_no_news(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        viewer = Viewer(studio.path)
        viewer.part()
        viewer.close()
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.connect(str(studio.path))
    studio.wait_viewers(0)
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


def test_the_last_frame_is_sent_again_when_no_newer_one_comes(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "IDLE_S", 0.02)
    with Viewer(studio.path) as viewer:
        viewer.part()
        viewer.part()
        assert viewer.part().number == 1
        studio.take(2)
        assert [viewer.part().number, viewer.part().number] == [2, 2]


def test_the_stream_ends_when_it_is_switched_off_and_says_why_afterwards(studio: Studio) -> None:
    with Viewer(studio.path) as viewer:
        viewer.part()
        viewer.part()
        studio.hide("the mode is off")
        with pytest.raises(EOFError):
            viewer.part()
    for address in ("/stream", "/snapshot.jpg"):
        answer = get(studio.path, address)
        assert (answer.status, answer.body) == (503, b"the mode is off\n")


def test_a_pause_keeps_the_viewer(studio: Studio) -> None:
    with Viewer(studio.path) as viewer:
        viewer.part()
        viewer.part()
        studio.standing = True
        studio.take(2)
        assert get(studio.path, "/snapshot.jpg").body == b"paused\n"
        studio.standing = False
        studio.take(3)
        assert viewer.part().number == 3


def test_a_lost_camera_is_told(studio: Studio) -> None:
    studio.camera.fails(CameraError("unplugged"))
    assert studio.desk.link() == (False, "unplugged")
    assert get(studio.path, "/snapshot.jpg").body == b"unplugged\n"


def test_a_snapshot_is_the_newest_frame(studio: Studio) -> None:
    studio.take(2)
    answer = get(studio.path, "/snapshot.jpg?boxes=1")
    assert answer.status == 200
    assert answer.headers["X-Frame-Number"] == "2"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    head = get(studio.path, "/snapshot.jpg", method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_captures_are_listed_and_served(studio: Studio) -> None:
    assert get(studio.path, "/captures").body == b"[]"
    capture = Capture(file="", time=1_767_225_600.0, width=64, height=48, bytes=0, id="x", detections=[])
    stored = studio.captures.store(b"jpeg", capture)
    answer = get(studio.path, "/captures")
    assert answer.headers["Content-Type"] == "application/json"
    assert msgspec.json.decode(answer.body, type=list[Capture]) == [stored]
    assert get(studio.path, f"/captures/{stored.file}").body == b"jpeg"
    assert get(studio.path, f"/captures/{stored.file}").headers["Content-Type"] == "image/jpeg"
    about = get(studio.path, f"/captures/{stored.file.replace('jpg', 'json')}")
    assert msgspec.json.decode(about.body)["id"] == "x"


@pytest.mark.parametrize(
    "address", ["/captures/..%2Fsecret", "/captures/../secret", "/captures//etc/passwd", "/captures/", "/nowhere", "/"]
)
def test_nothing_else_is_served(studio: Studio, address: str) -> None:
    (studio.path.parent / "secret").write_text("secret")
    studio.captures.folder.mkdir()
    answer = get(studio.path, address)
    assert answer.status == 404
    assert b"secret" not in answer.body.replace(b"'..%2Fsecret'", b"").replace(b"'../secret'", b"")


def test_too_many_clients_are_turned_away(studio: Studio) -> None:
    viewers = [Viewer(studio.path) for _ in range(MOST_CLIENTS)]
    with pytest.raises((EOFError, ConnectionError)):
        Viewer(studio.path)
    for viewer in viewers:
        viewer.close()
    studio.wait_viewers(0)


def test_the_socket_is_for_its_user_and_group_and_goes_with_the_server(studio: Studio) -> None:
    mode = studio.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660
    with pytest.raises(StreamError, match="another vision bridge serves there"):
        check_free(studio.path)
    studio.server.close()
    assert not studio.path.exists()


def test_a_stale_socket_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    check_free(stale)
    assert not stale.exists()
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(StreamError, match="something else than a socket"):
        check_free(file)
    with pytest.raises(StreamError, match="too long"):
        check_free(tmp_path / ("x" * 200))


def test_closing_lets_viewers_go(studio: Studio) -> None:
    with Viewer(studio.path) as viewer:
        viewer.part()
        viewer.part()
        threading.Thread(target=studio.server.close).start()
        with pytest.raises(EOFError):
            viewer.part()
