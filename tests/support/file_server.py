"""An HTTP server with one file, which can be told to behave like bad servers do."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class FileServer:
    """Serves `content` at any path on a port of its own; what was asked for is in `asked`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges = True
        """Whether parts of the file can be asked for."""
        self.breaks_after: list[int] = []
        """For each of the next requests, after how many bytes the connection breaks."""
        self.answers: list[int] = []
        """Status codes with which the next requests are answered instead."""
        self.length: int | None = None
        """A length that is told in place of the right one; -1: none."""
        self.shift = 0
        """How far beside what was asked for the part begins that is sent."""
        self.redirect = False
        """Whether the file is at another place by now, as it is with releases."""
        self.silent = False
        """Whether nothing is answered at all."""
        self.asked: list[str] = []
        """The Range header of each request; empty for none."""
        self._released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/models/net.onnx"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, on a thread of the server."""
        if self.redirect and not request.path.startswith("/store/"):
            request.send_response(302)
            request.send_header("Location", f"/store{request.path}")
            request.end_headers()
            return
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        if self.silent:
            self._released.wait(30)
            return
        if self.answers:
            request.send_error(self.answers.pop(0))
            return
        begin = 0
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        if found and self.ranges:
            begin = int(found[1])
            if begin >= len(self.content):
                request.send_error(416)
                return
            begin += self.shift
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        else:
            request.send_response(200)
        length = len(self.content) - begin if self.length is None else self.length
        if length >= 0:
            request.send_header("Content-Length", str(length))
        request.end_headers()
        body = self.content[begin:]
        if self.breaks_after:
            body = body[: self.breaks_after.pop(0)]
        with contextlib.suppress(OSError):  # who has seen enough hangs up
            request.wfile.write(body)
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_WR)
