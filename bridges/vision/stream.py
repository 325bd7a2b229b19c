"""The live picture for programs on this machine: HTTP over a Unix socket.

`/stream` (multipart/x-mixed-replace), `/snapshot.jpg`, `/captures` and `/captures/NAME`; docs/vision.md is the
contract. It does not go through the broker: that may stand across Wi-Fi, where video would delay everything else.

Threads: one that accepts, and one for each client, which waits for frames and blocks in `send` where its client does
not read; so a stalled client harms nobody else. A picture is encoded by the first thread that wants it, for all.
"""

from __future__ import annotations

import http.server
import logging
import os
import socket
import socketserver
import stat
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

import msgspec

from bridges.vision.camera.frames import Frame, Pace
from bridges.vision.camera.grabber import Grabber
from bridges.vision.captures import CaptureError, Captures

log = logging.getLogger(__name__)

BOUNDARY = "smartcar-frame"
SEND_BUFFER_BYTES = 32_768
"""Send buffer of a client's socket; with the default size a slow client would see old pictures."""
SEND_TIMEOUT_S = 10.0
"""A client that reads nothing for so long is disconnected."""
IDLE_S = 0.5
"""After so long without a new frame the last one is sent again: browsers show a frame only when the next one begins."""
FIRST_FRAME_S = 5.0
"""Longest wait for a picture after the camera was switched on."""
CLOSING_LIMIT_S = 1.0
MOST_CLIENTS = 32
MOST_PATH_BYTES = 107
"""Longest path of a Unix socket (Linux, sockaddr_un)."""
HTTP_INTERFACE = """\
The live picture does not go through the broker. It is served as HTTP on a Unix socket, whose path is the value of
`stream_socket` in the state (`curl --unix-socket PATH http://car/stream`):

- `GET /stream`: `multipart/x-mixed-replace`, one JPEG in each part, at most `vision.stream_fps` a second;
  `?boxes=1` draws boxes around what was found. Each part has `Content-Length`, `X-Frame-Number`, `X-Captured-At`
  (seconds since 1970) and `X-Captured-Monotonic` (seconds of this machine's monotonic clock).
- `GET /snapshot.jpg`: the newest frame, with the same headers and the same `?boxes=1`.
- `GET /captures`: a JSON list, the newest first: `file`, `time`, `width`, `height`, `bytes`, `id`, `source`,
  `detections`. `GET /captures/FILE`: that picture; `.json` in place of `.jpg`: what is known of it.

Where there is no picture the answer is 503 with the reason in a line of text; `/stream` ends with the mode
`on_with_stream`, and stands still during a pause.
"""
"""For the reference of topics."""


class Shown(Protocol):
    """What the server shows."""

    def hidden(self) -> str:
        """Why there is no live picture now; empty: there is one, or there will be."""

    def paused(self) -> bool:
        """Whether the picture stands still for now: clients stay, and nothing is sent."""

    def live_jpeg(self, frame: Frame, *, boxes: bool) -> bytes:
        """The frame as JPEG, with or without boxes around what was found last."""


class StreamError(Exception):
    """The socket cannot be opened; the text says why."""


class StreamServer:
    """Serves the live picture and the captures.

    Args:
        path: the Unix socket; a stale one is replaced.
        shown: what is shown.
        grabber: where frames come from.
        captures: what was captured.
        fps: most frames a second for each client.
    """

    def __init__(self, path: Path, shown: Shown, grabber: Grabber, captures: Captures, *, fps: float) -> None:
        self.path = path
        self.shown = shown
        self.grabber = grabber
        self.captures = captures
        self.fps = fps
        self.closing = False
        self._lock = threading.Condition()
        self._clients = 0
        self._viewers = 0
        self._server: _Server | None = None

    @property
    def viewers(self) -> int:
        """How many clients watch `/stream` now."""
        return self._viewers

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def open(self) -> None:
        """Listen.

        Raises:
            StreamError: the path is too long, is no socket's, or belongs to a program that runs.
        """
        check_free(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = os.umask(0o117)  # so that the socket is never accessible to others
            try:
                self._server = _Server(self)
            finally:
                os.umask(before)
        except OSError as error:
            raise StreamError(f"vision.socket: {self.path}: cannot be opened: {error.strerror}") from None
        threading.Thread(target=self._server.serve_forever, name="stream", daemon=True).start()
        log.info("live stream at %s", self.path)

    def close(self) -> None:
        """Stop listening, disconnect all clients, remove the socket."""
        self.closing = True
        self.grabber.wake()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            self.path.unlink(missing_ok=True)
            with self._lock:  # a thread that encodes while the process ends would crash it
                self._lock.wait_for(lambda: not self._clients, CLOSING_LIMIT_S)

    def obstacle(self) -> str:
        """Why a new client gets no picture; empty: it gets one."""
        if self.closing:
            return "the bridge ends"
        return self.shown.hidden() or ("paused" if self.shown.paused() else self.grabber.reason)

    def enter(self) -> bool:
        """Count a new client; False where there are too many."""
        with self._lock:
            if self._clients >= MOST_CLIENTS:
                return False
            self._clients += 1
            return True

    def leave(self) -> None:
        """Count a client that has left."""
        with self._lock:
            self._clients -= 1
            self._lock.notify_all()

    def watch(self, change: int) -> None:
        """Count a viewer of the stream that comes (1) or goes (-1)."""
        with self._lock:
            self._viewers += change


def check_free(path: Path) -> None:
    """Remove a stale socket.

    Raises:
        StreamError: the path cannot be used.
    """
    if len(os.fsencode(path)) > MOST_PATH_BYTES:
        raise StreamError(f"vision.socket: {path}: too long for a socket (at most {MOST_PATH_BYTES} bytes)")
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise StreamError(f"vision.socket: {path}: something else than a socket is there; name another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise StreamError(f"vision.socket: {path}: cannot be tried: {error.strerror}") from None
    raise StreamError(f"vision.socket: {path}: another vision bridge serves there; end it, or name another path")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CLIENTS

    def __init__(self, owner: StreamServer) -> None:
        self.owner = owner
        super().__init__(os.fspath(owner.path), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.owner.enter():
            super().process_request(request, client_address)
        else:
            log.warning("a client of the live stream is turned away: there are %d already", MOST_CLIENTS)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.owner.leave()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "smartcar-vision"
    sys_version = ""
    timeout = SEND_TIMEOUT_S
    wbufsize = 0

    @property
    def owner(self) -> StreamServer:
        return cast("_Server", self.server).owner

    def setup(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        super().setup()

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client has disconnected, or reads nothing

    def version_string(self) -> str:
        return self.server_version

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        log.debug(format, *args)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.close_connection = True
        address = urlsplit(self.path)
        boxes = parse_qs(address.query).get("boxes", ["0"])[-1] in {"1", "true", "yes"}
        match address.path:
            case "/stream":
                self._stream(boxes=boxes)
            case "/snapshot.jpg":
                self._snapshot(boxes=boxes)
            case "/captures":
                self._answer("application/json", msgspec.json.encode(self.owner.captures.list()))
            case path if path.startswith("/captures/"):
                self._capture(path.removeprefix("/captures/"))
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, "there are /stream, /snapshot.jpg, /captures and /captures/NAME")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._answer("text/plain; charset=utf-8", f"{reason}\n".encode(), status=status)

    def _answer(
        self, kind: str, body: bytes, *, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self._send_headers({"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, headers: dict[str, str]) -> None:
        for name, value in {**headers, "Cache-Control": "no-store", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _capture(self, name: str) -> None:
        try:
            content = self.owner.captures.read(name)
        except CaptureError as error:
            self._refuse(HTTPStatus.NOT_FOUND, str(error))
        else:
            self._answer("image/jpeg" if name.endswith(".jpg") else "application/json", content)

    def _first(self) -> Frame | None:
        """The newest frame, or the first one that comes; None after an answer that tells why there is none."""
        owner = self.owner
        frame = owner.grabber.wait_newer(0, FIRST_FRAME_S, unless=lambda: bool(owner.obstacle()))
        reason = owner.obstacle()
        if frame is None or reason:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, reason or "the camera has given no picture yet")
            return None
        return frame

    def _snapshot(self, *, boxes: bool) -> None:
        frame = self._first()
        if frame is not None:
            self._answer("image/jpeg", self.owner.shown.live_jpeg(frame, boxes=boxes), headers=stamps(frame))

    def _stream(self, *, boxes: bool) -> None:
        frame = self._first()
        if frame is None:
            return
        owner = self.owner
        self.send_response(HTTPStatus.OK)
        self._send_headers({"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
        if self.command == "HEAD":
            return
        owner.watch(+1)
        try:
            self.wfile.write(f"--{BOUNDARY}\r\n".encode())
            self._send_part(frame, boxes=boxes)  # twice: browsers show a part when the next one begins
            self._send_frames(frame, boxes=boxes)
        finally:
            owner.watch(-1)

    def _send_frames(self, frame: Frame, *, boxes: bool) -> None:
        owner = self.owner
        pace = Pace(owner.fps)
        pace.takes(frame.captured_at)
        newest, repeated = frame, False
        self._send_part(frame, boxes=boxes)
        while True:
            found = owner.grabber.wait_newer(
                newest.number, IDLE_S, unless=lambda: owner.closing or bool(owner.shown.hidden())
            )
            if owner.closing or owner.shown.hidden():
                return
            if found is None:
                if not repeated:
                    repeated = True
                    self._send_part(frame, boxes=boxes)
                continue
            newest = found
            if not owner.shown.paused() and pace.takes(found.captured_at):
                frame, repeated = found, False
                self._send_part(frame, boxes=boxes)

    def _send_part(self, frame: Frame, *, boxes: bool) -> None:
        """Send one picture and the boundary after it, so that clients know at once that it is complete."""
        jpeg = self.owner.shown.live_jpeg(frame, boxes=boxes)
        head = {"Content-Type": "image/jpeg", "Content-Length": str(len(jpeg)), **stamps(frame)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.wfile.write(b"".join((lines.encode(), b"\r\n", jpeg, f"\r\n--{BOUNDARY}\r\n".encode())))


def stamps(frame: Frame) -> dict[str, str]:
    """Headers that tell which frame this is and when it was taken."""
    return {
        "X-Frame-Number": str(frame.number),
        "X-Captured-At": f"{frame.wall:.6f}",
        "X-Captured-Monotonic": f"{frame.captured_at:.6f}",
    }
