"""The camera of the simulated car: pictures of the room that it drives in."""

from __future__ import annotations

from bridges.vision.camera.base import CameraError, Shot
from bridges.vision.settings import VisionSettings
from smartcar_mqtt.simulator.control import camera_client


class SimulatedCamera:
    """A camera in the simulated room; `device` is the simulator's control port: host:port."""

    paced = False

    def __init__(self, settings: VisionSettings) -> None:
        try:
            self._client = camera_client.SimulatedCamera(settings.device, (settings.width, settings.height))
        except ValueError:
            raise CameraError(
                f"vision.device is {settings.device!r}; for the simulated camera it is host:port of "
                "smartcar sim --control-port",
                settings.device,
            ) from None
        self._device = settings.device

    def open(self) -> None:
        try:
            self._client.scene()
        except OSError as error:
            raise CameraError(
                f"the simulated camera at {self._device} is not there; start smartcar sim --control-port ({error})",
                self._device,
            ) from None

    def read(self) -> Shot:
        try:
            return Shot(self._client.read())
        except OSError as error:
            raise CameraError(f"the simulated camera at {self._device} was lost: {error}", self._device) from None

    def close(self) -> None:
        self._client.close()
