"""A real Mosquitto for tests: on a free loopback port, with whatever configuration a test needs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.program import Output, Program, ProgramError

HOST = "127.0.0.1"
_START_ATTEMPTS = 5
# Without `debug`: it would write a line for every packet, which a benchmark would feel.
_LOG_TYPES = ("error", "warning", "notice", "information", "subscribe", "unsubscribe")


def free_port() -> int:
    """A TCP port of the loopback that is free now; somebody else may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """One broker process. `start` and `stop` it, or use it in a `with` statement.

    Args:
        extra: further configuration lines, such as those of a TLS listener, `password_file` or a Unix socket
            (`listener 0 /path`). They come last, so listener options belong to the listener that they follow.
        allow_anonymous: whether clients without a name may connect.
        set_tcp_nodelay: Mosquitto's option of that name. Off as in Mosquitto itself; without it a busy broker's
            small messages may wait 40 ms for the subscriber's delayed acknowledgement.
        persistence: keep retained messages and sessions over `restart`.
    """

    host = HOST

    def __init__(
        self,
        extra: Sequence[str] = (),
        *,
        allow_anonymous: bool = True,
        set_tcp_nodelay: bool = False,
        persistence: bool = False,
    ) -> None:
        self.port = 0
        self.output = Output()
        self._extra = list(extra)
        self._allow_anonymous = allow_anonymous
        self._set_tcp_nodelay = set_tcp_nodelay
        self._persistence = persistence
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._program: Program | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether the process lives, be it paused."""
        return self._program is not None and self._program.running

    def start(self) -> None:
        """Start it and return when its listeners accept connections.

        The first start chooses the port; later ones keep it.

        Raises:
            ProgramError: Mosquitto is not installed, or refuses its configuration.
        """
        if self.running:
            raise ProgramError(f"the Mosquitto on port {self.port} already runs: stop it first, or call restart()")
        if self.port:
            self._start()
            return
        for attempt in range(1, _START_ATTEMPTS + 1):
            self.port = free_port()
            try:
                self._start()
            except ProgramError:
                # Somebody took the port between our look and Mosquitto's bind.
                if attempt == _START_ATTEMPTS or "Address already in use" not in self.output.tail():
                    raise
            else:
                return

    def stop(self) -> None:
        """End it as `systemctl stop` does: clients see the connection close."""
        if self._program is not None:
            self._program.stop()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash does."""
        self._running().kill()

    def restart(self) -> None:
        """Stop it where it still runs, and start it on the same port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing is answered, as on a network that lost its way."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running().signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good and remove its files."""
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def wait_log(self, pattern: str, *, since: int = 0, timeout: float = 10.0) -> str:
        """The first log line from mark `since` (of `output.mark()`) on that matches the regular expression."""
        return self.output.wait(pattern, since=since, timeout=timeout)

    def wait_subscribed(self, topic: str, *, since: int = 0, timeout: float = 10.0) -> None:
        """Wait until some client has subscribed to exactly this topic filter, so that nothing sent to it is lost."""
        self.wait_log(rf" [012] {re.escape(topic)}$", since=since, timeout=timeout)

    def _running(self) -> Program:
        if self._program is None or not self._program.running:
            raise ProgramError(f"the Mosquitto on port {self.port or '(none yet)'} does not run: start() it first")
        return self._program

    def _start(self) -> None:
        search_path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"
        program = shutil.which("mosquitto", path=search_path)
        if program is None:
            raise ProgramError("mosquitto is neither on the PATH nor in /usr/sbin: sudo apt install mosquitto")
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="smartcar-mosquitto-")
        configuration = Path(self._folder.name) / "mosquitto.conf"
        configuration.write_text("\n".join([*self._configuration(Path(self._folder.name)), ""]))
        mark = self.output.mark()
        self._program = Program("mosquitto", [program, "-c", str(configuration)], output=self.output)
        try:
            # Written after every listener has been opened: what connects from now on is accepted.
            self.wait_log("mosquitto version .* running", since=mark)
        except ProgramError as error:
            self._program.kill()
            raise ProgramError(f"Mosquitto did not start on port {self.port}: {error}") from error

    def _configuration(self, folder: Path) -> list[str]:
        lines = [
            f"listener {self.port} {HOST}",
            f"allow_anonymous {_word(self._allow_anonymous)}",
            f"set_tcp_nodelay {_word(self._set_tcp_nodelay)}",
            f"persistence {_word(self._persistence)}",
            "log_dest stderr",
            *(f"log_type {kind}" for kind in _LOG_TYPES),
            "connection_messages true",
        ]
        if self._persistence:
            lines.append(f"persistence_location {folder}/")
        if os.geteuid() == 0:
            lines.append("user root")  # else it drops to the user `mosquitto`, who may not read our files
        return lines + self._extra


def _word(flag: bool) -> str:
    return "true" if flag else "false"
