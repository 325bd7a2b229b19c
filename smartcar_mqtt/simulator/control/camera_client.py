"""The camera of a simulated car in another process: asks for its scene over the control port and renders it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from smartcar_mqtt.simulator.camera.renderer import Camera, Frame
from smartcar_mqtt.simulator.camera.scene import Scene
from smartcar_mqtt.simulator.control.client import ANSWER_TIMEOUT_S, ControlClient
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json


class SimulatedCamera:
    """Pictures of a simulated car that `smartcar sim --control-port` runs. Not for several threads at once."""

    def __init__(
        self, address: str, size: tuple[int, int] = (640, 480), *, timeout_s: float = ANSWER_TIMEOUT_S, seed: int = 0
    ) -> None:
        """A camera of that many columns and rows on the car at `host:port`; nothing is connected yet.

        Raises:
            ValueError: the address is not one.
        """
        self._client = ControlClient(address, timeout_s=timeout_s)
        self._camera = Camera(size, seed=seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a later `read` connects again."""
        self._client.close()

    def scene(self) -> Scene:
        """What stands before the camera now.

        Raises:
            OSError: the car cannot be reached, has gone, is too slow, or answers something else.
        """
        line = self._client.ask_raw({"do": "scene"})
        try:
            return decode_json(line, Scene)
        except DecodingError as error:
            raise OSError(f"the simulated car at {self._client.address} sent no scene ({error})") from error

    def read(self) -> Frame:
        """The picture at this moment, rows x columns x (blue, green, red): an array of its own for each call.

        Raises:
            OSError: as for `scene`.
        """
        return self._camera.picture(self.scene())
