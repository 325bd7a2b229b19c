"""A plain HTTP client on the live stream's Unix socket, as any program may write it from docs/vision.md."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

TIMEOUT_S = 10.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float = TIMEOUT_S) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


class Answer(NamedTuple):
    """What a request was answered with."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(path: Path, address: str, *, method: str = "GET") -> Answer:
    """One request."""
    connection = UnixConnection(path)
    try:
        connection.request(method, address)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class Part(NamedTuple):
    """One picture of the stream."""

    headers: dict[str, str]
    jpeg: bytes

    @property
    def number(self) -> int:
        return int(self.headers["X-Frame-Number"])

    @property
    def captured_at(self) -> float:
        return float(self.headers["X-Captured-Monotonic"])


class Viewer:
    """Watches `/stream`; `part` is the next picture."""

    def __init__(self, path: Path, address: str = "/stream", *, receive_bytes: int | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT_S)
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.connect(os.fspath(path))
        self._socket.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._line().split()[1])
        self.headers = self._headers()
        self._boundary = "--" + self.headers.get("Content-Type", "").partition("boundary=")[2]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go away without a word."""
        self._file.close()
        self._socket.close()

    def part(self) -> Part:
        """The next picture; EOFError when the stream has ended."""
        line = self._line()
        while line == "":
            line = self._line()
        assert line == self._boundary, line
        headers = self._headers()
        return Part(headers, self._file.read(int(headers["Content-Length"])))

    def _headers(self) -> dict[str, str]:
        found = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            found[name] = value
        return found

    def _line(self) -> str:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line.decode().rstrip("\r\n")
