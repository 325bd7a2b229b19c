"""The simulated camera and the car in two processes: pictures over the control port, a car that goes and comes back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from smartcar_mqtt.simulator.camera.renderer import Camera
from smartcar_mqtt.simulator.camera.scene import scene_of
from smartcar_mqtt.simulator.control.camera_client import SimulatedCamera
from smartcar_mqtt.simulator.control.client import ControlClient
from smartcar_mqtt.simulator.control.server import ControlServer
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.world import World
from tests.support.serial_port import open_port, read_until

BALL = {"shape": "circle", "name": "new", "kind": "ball", "at": [2.0, 1.8], "radius_m": 0.1, "height_m": 0.2}


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[SerialTwin]:
    with SerialTwin(World.load("living_room"), link=tmp_path / "esp32") as twin:
        yield twin


def address_of(server: ControlServer) -> str:
    host, port = server.address
    return f"{host}:{port}"


def test_the_picture_is_the_one_that_the_world_itself_would_give(twin: SerialTwin) -> None:
    with ControlServer(twin) as server, SimulatedCamera(address_of(server), seed=3) as camera:
        expected = Camera(seed=3).picture(scene_of(World.load("living_room")))
        assert np.array_equal(camera.read(), expected)


def test_a_ball_put_into_the_world_is_in_the_next_picture(twin: SerialTwin) -> None:
    with ControlServer(twin) as server, SimulatedCamera(address_of(server), (160, 120)) as camera:
        camera.read()
        with ControlClient(address_of(server)) as control:
            control.ask({"do": "put", "obstacle": BALL})
        assert "new" in {each.name for each in Camera((160, 120)).labelled(camera.scene())[1]}


def test_pose_and_servo_are_those_of_the_moment(twin: SerialTwin) -> None:
    with ControlServer(twin) as server, SimulatedCamera(address_of(server)) as camera:
        assert camera.scene().servo_deg == 90
        twin.change(lambda world: world.set_pose(1.0, 2.5, 45))
        with open_port(twin.device) as port:
            port.write(b"SERVO:120\n")
            assert read_until(port, b"ACK:SERVO") == b"ACK:SERVO:OK:120\r\n"
        scene = camera.scene()
        assert (scene.x_m, scene.y_m, round(scene.heading_deg)) == (1.0, 2.5, 45)
        assert scene.servo_deg == 120


def test_a_pulled_cable_does_not_blind_the_camera(twin: SerialTwin) -> None:
    with ControlServer(twin) as server, SimulatedCamera(address_of(server), (160, 120)) as camera:
        twin.unplug()
        assert camera.read().shape == (120, 160, 3)


def test_a_car_that_has_gone_is_an_error_in_words_and_one_that_is_back_gives_pictures_again(twin: SerialTwin) -> None:
    with ControlServer(twin) as server:
        camera = SimulatedCamera(address_of(server), (160, 120))
        camera.read()
        port = server.address[1]
    camera.close()
    with pytest.raises(OSError, match=f"the simulated car at 127.0.0.1:{port} cannot be asked .*: is it running"):
        camera.read()
    with ControlServer(twin, port):
        assert camera.read().shape == (120, 160, 3)
        camera.close()


def test_a_car_that_does_not_answer_is_an_error_after_the_time_that_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        camera = SimulatedCamera(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.05)
        with pytest.raises(OSError, match="no answer in time"):
            camera.read()
        camera.close()


@pytest.mark.parametrize("address", ["", "7300", "localhost:", "localhost:x", ":7300"])
def test_what_is_no_address_is_told_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="write host:port"):
        SimulatedCamera(address)


def test_a_request_that_is_refused_is_an_error_with_the_reason(twin: SerialTwin) -> None:
    with ControlServer(twin) as server, ControlClient(address_of(server)) as control:
        with pytest.raises(OSError, match="there is no obstacle named 'unicorn'"):
            control.ask({"do": "remove", "name": "unicorn"})
        assert control.ask({"do": "state"})["pose"]["x_m"] == 2.0
