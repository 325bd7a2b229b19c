"""A TCP connection that a test can cut or hold back: it carries everything to a port of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Listens on a port of its own while it is plugged in, and carries everything to another one."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self._flows = threading.Event()
        """Whether what the far end sends is carried to the near end."""
        self._flows.set()

    def hold(self) -> None:
        """Keep what the far end sends from now on; `flow` hands it over, in order."""
        self._flows.clear()

    def flow(self) -> None:
        """Hand over what was held, and everything after it."""
        self._flows.set()

    def plug(self) -> None:
        """Accept connections; the first time chooses the port."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def pull(self) -> None:
        """Close everything at both ends."""
        self._flows.set()
        listener, self._listener = self._listener, None
        with self._lock:
            ends, self._open = [*self._open, *([listener] if listener else [])], []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target_port))
            with self._lock:
                self._open += [near, far]
            for source, target in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._carry, args=(source, target, source is far), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, may_be_held: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if may_be_held:
                    self._flows.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
