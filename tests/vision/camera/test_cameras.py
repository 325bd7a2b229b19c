"""Each camera: what it gives, and what it says when it cannot."""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from bridges.vision.camera.base import CameraError, make_camera, turned
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.simulator.control.server import ControlServer
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.world import World
from tests.vision.camera import fake_picamera2
from tests.vision.camera.scripted_camera import picture

FRAMES = 6


def write_video(path: Path) -> Path:
    """A video of six frames, each brighter than the one before."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for number in range(FRAMES):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    return path


# -- Picamera2 ---------------------------------------------------------------------------------------------------------


def test_picamera2_is_configured_read_and_closed_as_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = fake_picamera2.install(monkeypatch)
    camera = make_camera(VisionSettings(width=832, height=468, fps=12))
    assert camera.paced
    assert not kind.made, "nothing is opened before `open`"
    camera.open()
    (made,) = kind.made
    assert made.configuration["main"] == {"size": (832, 468), "format": "RGB888"}
    assert made.controls == {"FrameRate": 12}
    for number in range(1, 10):
        shot = camera.read()
        assert shot.image.shape == (468, 832, 3)
        assert shot.image[0, 0].tolist() == [number, 20, 200], "blue, green, red"
        assert 0.03 <= shot.age_s < 1.0
    assert made.lent == 0
    camera.close()
    assert made.closed
    camera.close()


@pytest.mark.parametrize(
    ("settings", "controls"),
    [
        ({"exposure_us": 8000}, {"AeEnable": True, "ExposureTime": 8000}),
        ({"gain": 2.5}, {"AeEnable": True, "AnalogueGain": 2.5}),
        ({"exposure_us": 8000, "gain": 4.0}, {"AeEnable": False, "ExposureTime": 8000, "AnalogueGain": 4.0}),
    ],
)
def test_picamera2_exposure_is_what_the_configuration_says(
    settings: dict[str, float], controls: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = fake_picamera2.install(monkeypatch)
    make_camera(VisionSettings(**settings)).open()
    assert kind.made[0].controls == {"FrameRate": 15, **controls}


def test_a_missing_pi_camera_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_picamera2.install(monkeypatch)
    with pytest.raises(CameraError, match="no Pi camera 1; check its cable"):
        make_camera(VisionSettings(device="1")).open()


def test_a_busy_pi_camera_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_picamera2.install(monkeypatch).busy = True
    with pytest.raises(CameraError, match="in use by another program"):
        make_camera(VisionSettings()).open()


def test_a_lost_pi_camera_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = fake_picamera2.install(monkeypatch)
    camera = make_camera(VisionSettings())
    camera.open()
    kind.unplugged = True
    with pytest.raises(CameraError, match=r"Pi camera 0 was lost: Camera frontend has timed out!$"):
        camera.read()


def test_a_pi_camera_that_does_not_open_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = fake_picamera2.install(monkeypatch)

    def fail(self: object) -> None:
        raise OSError("no memory for buffers")

    monkeypatch.setattr(kind, "start", fail)
    with pytest.raises(CameraError, match="no memory for buffers"):
        make_camera(VisionSettings()).open()
    assert kind.made[0].closed


def test_picamera2_that_is_missing_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match=r"apt install python3-picamera2.*--system-site-packages"):
        make_camera(VisionSettings()).open()


class OtherNumpy(MetaPathFinder, Loader):
    """`import picamera2` fails as it does beside a simplejpeg that was built for another numpy."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "picamera2" else None

    def exec_module(self, module: ModuleType) -> None:
        raise ValueError(
            "numpy.dtype size changed, may indicate binary incompatibility. "
            "Expected 96 from C header, got 88 from PyObject"
        )


def test_a_simplejpeg_for_another_numpy_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [OtherNumpy(), *sys.meta_path])
    with pytest.raises(CameraError, match=r"pip install 'simplejpeg>=1\.9'") as told:
        make_camera(VisionSettings()).open()
    assert "\n" not in str(told.value)


def test_a_pi_camera_has_a_number() -> None:
    with pytest.raises(CameraError, match="it is the camera's number"):
        make_camera(VisionSettings(device="/dev/video0"))


# -- OpenCV ------------------------------------------------------------------------------------------------------------


def read_levels(camera: object, count: int) -> list[int]:
    return [round(float(camera.read().image.mean()) / 40) for _ in range(count)]  # type: ignore[attr-defined]


def test_a_video_file_begins_anew_at_its_end(tmp_path: Path) -> None:
    camera = make_camera(VisionSettings(camera="v4l2", device=str(write_video(tmp_path / "video.avi"))))
    assert not camera.paced
    camera.open()
    assert read_levels(camera, 2 * FRAMES + 1) == [*range(FRAMES), *range(FRAMES), 0]
    camera.close()


def test_a_video_file_ends_where_the_configuration_says_so(tmp_path: Path) -> None:
    camera = make_camera(VisionSettings(camera="v4l2", device=str(write_video(tmp_path / "video.avi")), loop=False))
    camera.open()
    assert read_levels(camera, FRAMES) == list(range(FRAMES))
    with pytest.raises(CameraError, match="has ended"):
        camera.read()
    camera.close()


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("/dev/video77", "/dev/video77 is not there; is it plugged in"),
        ("77", "/dev/video77 is not there"),
        ("nowhere.avi", "nowhere.avi is not there"),
    ],
)
def test_a_camera_that_is_not_there_is_told(device: str, reason: str) -> None:
    with pytest.raises(CameraError, match=reason):
        make_camera(VisionSettings(camera="v4l2", device=device)).open()


def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.avi"
    path.write_text("no video")
    with pytest.raises(CameraError, match="no video that OpenCV can read"):
        make_camera(VisionSettings(camera="v4l2", device=str(path))).open()


@pytest.mark.parametrize("camera", ["v4l2", "picamera2", "simulated"])
@pytest.mark.parametrize("password", ["secret", "se/cr@et:#1%20", "se cr'et\"", "s?cr=et&x"])
def test_no_driver_tells_the_password_of_an_address(camera: str, password: str) -> None:
    device = f"http://me:{password}@127.0.0.1:9/video?token=Pass word"
    with pytest.raises(CameraError) as told:
        make_camera(VisionSettings(camera=camera, device=device)).open()
    assert password not in str(told.value)
    assert "Pass word" not in str(told.value)


# -- the simulated room ------------------------------------------------------------------------------------------------


def test_the_simulated_camera_shows_the_room_from_where_the_car_stands() -> None:
    with SerialTwin(World.load("living_room")) as twin, ControlServer(twin) as control:
        host, port = control.address
        camera = make_camera(VisionSettings(camera="simulated", device=f"{host}:{port}", width=320, height=240))
        camera.open()
        before = camera.read().image
        assert before.shape == (240, 320, 3)
        assert (camera.read().image != before).any(), "the sensor's noise"
        twin.change(lambda world: world.set_pose(2.0, 1.0, 180.0))
        after = camera.read().image
        assert np.abs(after.astype(int) - before).mean() > 5
        camera.close()


def test_a_simulator_that_does_not_run_is_told() -> None:
    with pytest.raises(CameraError, match="start smartcar sim --control-port"):
        make_camera(VisionSettings(camera="simulated", device="127.0.0.1:9")).open()
    with pytest.raises(CameraError, match="host:port"):
        make_camera(VisionSettings(camera="simulated"))


# -- turning -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, lambda image: image),
        ({"rotation": 90}, lambda image: np.rot90(image, -1)),
        ({"rotation": 180}, lambda image: np.rot90(image, 2)),
        ({"rotation": 270}, lambda image: np.rot90(image, 1)),
        ({"flip_horizontal": True}, lambda image: image[:, ::-1]),
        ({"flip_vertical": True}, lambda image: image[::-1]),
        ({"flip_horizontal": True, "flip_vertical": True}, lambda image: image[::-1, ::-1]),
        ({"rotation": 90, "flip_vertical": True}, lambda image: np.rot90(image, -1)[::-1]),
    ],
)
def test_pictures_are_turned_and_flipped(settings: dict[str, object], expected: object) -> None:
    image = picture(1)
    result = turned(image, VisionSettings(**settings))  # type: ignore[arg-type]
    assert (result == expected(image)).all()  # type: ignore[operator]
    assert result.flags.c_contiguous
