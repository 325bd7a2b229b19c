"""A network camera: MJPEG over HTTP, each picture as the test says, damaged ones too."""

from __future__ import annotations

import http.server
import socketserver
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray

BOUNDARY = "picture"


def as_jpeg(image: NDArray[np.uint8]) -> bytes:
    """A sound picture."""
    return bytes(cv2.imencode(".jpg", image)[1])


def without_data(jpeg: bytes) -> bytes:
    """Begins and ends as a JPEG does, with nothing between."""
    return jpeg[:2] + bytes(len(jpeg) - 4) + jpeg[-2:]


def zeros(jpeg: bytes) -> bytes:
    """Nothing but zeros."""
    return bytes(len(jpeg))


def without_tables(jpeg: bytes) -> bytes:
    """The tables that tell how to decode it are lost."""
    return jpeg[:2] + bytes(400) + jpeg[402:]


class MjpegServer:
    """Serves `picture_of(number)` for each number from 0 on, until it gives None; then the connection ends."""

    def __init__(self, picture_of: Callable[[int], bytes | None], *, fps: float = 30.0) -> None:
        self.picture_of = picture_of
        self.period_s = 1.0 / fps
        self.ending = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.connections = 0

    @property
    def address(self) -> str:
        """Where the pictures are."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/video.mjpg"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: MjpegServer


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        owner = cast("_Server", self.server).owner
        owner.connections += 1
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        number = 0
        while not owner.ending.wait(owner.period_s) and (jpeg := owner.picture_of(number)) is not None:
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            number += 1
