"""Client of the simulator's control port: for tests, for the demo, and for the simulated camera."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, Self

import msgspec

from smartcar_mqtt.simulator.control.server import LONGEST_REQUEST_BYTES
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

ANSWER_TIMEOUT_S = 2.0
LONGEST_ANSWER_BYTES = 16_000_000  # all lines that it has received


class ControlClient:
    """Asks a simulated car that runs in another process; connects when it has to, again after the car was away.

    Not for several threads at once.
    """

    def __init__(self, address: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Nothing is connected yet; `address` is `host:port`, as `smartcar sim --control-port 0` tells it.

        Raises:
            ValueError: the address is not one.
        """
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f'"{address}" is no address of a simulated car: write host:port, such as 127.0.0.1:7300.')
        self.address = address
        self._host_and_port = host, int(port)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._waiting = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; may be called twice."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._waiting = None, b""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request (see the module `server`) and return the answer.

        Raises:
            OSError: the car cannot be reached, has gone, is too slow, or refuses the request.
        """
        try:
            answer = decode_json(self.ask_raw(request), dict[str, Any], most_bytes=LONGEST_ANSWER_BYTES)
        except DecodingError as error:
            raise OSError(f"the simulated car at {self.address} answers with something else: {error}") from error
        if "error" in answer:
            raise OSError(f"the simulated car at {self.address} refuses {request}: {answer['error']}")
        return answer

    def ask_raw(self, request: dict[str, Any]) -> bytes:
        """The same, with the answer as the line of JSON that it is.

        Raises:
            OSError: the car cannot be reached, has gone, or is too slow.
        """
        line = msgspec.json.encode(request) + b"\n"
        if len(line) > LONGEST_REQUEST_BYTES:
            raise OSError(f"a request to the simulated car has {len(line)} bytes: make it shorter")
        try:
            return self._exchange(line)
        except OSError as error:
            self.close()
            reason = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise OSError(f"the simulated car at {self.address} cannot be asked ({reason}): is it running?") from error

    def _exchange(self, line: bytes) -> bytes:
        if self._socket is None:
            self._socket = socket.create_connection(self._host_and_port, timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(line)
        while b"\n" not in self._waiting:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionResetError("it has closed the connection")
            self._waiting += data
        answer, _, self._waiting = self._waiting.partition(b"\n")
        return answer
