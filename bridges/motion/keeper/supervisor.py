"""The bridge's side of the keeper: starts it, tells it of each move, watches that it answers, and replaces it.

Threads: one thread of the keeper's own (`keeper`) starts the process, asks it whether it is there, reads its answers
and replaces it; it calls `on_change` and `on_stop`, with no lock held. `moving` and `still` may be called from any
thread and never wait. Times are those of CLOCK_BOOTTIME, which the keeper's process reads too.
"""

from __future__ import annotations

import collections
import logging
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from bridges.motion.keeper import program
from bridges.motion.keeper.program import boot_time
from smartcar_mqtt.clock import Backoff

log = logging.getLogger(__name__)

PROGRAM = Path(program.__file__)
MARGIN_S = 0.5
"""How much longer than a move the keeper waits: the bridge itself ends moves, and is late only when it hangs."""
TOLERANCE_S = 0.1
"""An announced end that differs by less than this is not announced again."""
ANSWER_S = 0.5
"""What has not been answered after this will not be: the process is frozen, or starved."""
PING_S = 0.5
PING_MOVING_S = 0.2
START_S = 10.0
"""Longest start of the process: a Pi that has just booted is slow."""
SETTLED_S = 5.0
"""A keeper that has lived as long was all right; one that ends sooner is replaced after a growing pause."""
DISMISS_S = 1.0
STARTING = "the keeper of the serial line is being started"
NO_DESCRIPTOR = "this kind of serial device cannot be held by a keeper, and without one a killed bridge would go on"


class KeeperLostError(Exception):
    """There is no keeper that answers: the car must not move."""


class Connection:
    """One process of the keeper, and what has been said to it. Guarded by the Keeper's lock."""

    def __init__(self, process: subprocess.Popen[bytes], end: socket.socket) -> None:
        self.process = process
        self.socket = end
        self.started_at = boot_time()
        self.answered_at: float | None = None
        """When it answered last; None: it is still starting."""
        self.told_until: float | None = None
        """The end of the move that it knows of."""
        self.has_stopped = False
        """It writes STOP by itself, again and again, until it hears of a move or that the car stands."""
        self.number = 0
        self.unanswered: collections.deque[tuple[int, float]] = collections.deque()

    def say(self, word: str, *numbers: int) -> None:
        """Send a message; raises OSError where the process has gone or reads no more."""
        self.number += 1
        self.socket.send(" ".join((word, *map(str, (self.number, *numbers)))).encode())
        self.unanswered.append((self.number, boot_time()))

    def silence(self, now: float) -> str | None:
        """Why the car must not move with this keeper; None while it answers."""
        if self.answered_at is None:
            return STARTING
        waiting = now - self.unanswered[0][1] if self.unanswered else 0.0
        if waiting > ANSWER_S or now - self.answered_at > PING_S + ANSWER_S:
            return "the keeper of the serial line does not answer"
        return None


class Keeper:
    """The keeper of one open serial line.

    Args:
        descriptor: the open device; the keeper writes through it, so that the port is not opened a second time (which
            would reset some boards) and its lock is shared.
        device: the device's name, for those who look at the list of processes.
        on_change: called with "" when a keeper is there, and with the reason when there is none any more.
        on_stop: called with the reason when the keeper has written STOP by itself.
    """

    def __init__(
        self, descriptor: int, device: str, *, on_change: Callable[[str], None], on_stop: Callable[[str], None]
    ) -> None:
        self._descriptor = os.dup(descriptor)  # the port may be closed while a process is being started
        self._device = device
        self._on_change = on_change
        self._on_stop = on_stop
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._reason = STARTING
        self._leave_it = False
        self._logged = ""
        self._ready = threading.Event()
        self._ending = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def wait_ready(self, seconds: float) -> bool:
        """Wait for the first keeper."""
        return self._ready.wait(seconds)

    @property
    def alive(self) -> bool:
        """Whether the thread that watches it is at work, or has ended it in order."""
        return self._thread.is_alive() or self._ending.is_set()

    @property
    def pid(self) -> int | None:
        """Its process."""
        connection = self._connection
        return None if connection is None else connection.process.pid

    def moving(self, seconds: float) -> None:
        """A move is about to begin or to go on, for `seconds` at most; to be called before it is written.

        Raises:
            KeeperLostError: nobody is there to end it; the move must not be written.
        """
        with self._lock:
            now = boot_time()
            connection = self._connection
            reason = self._reason if connection is None else connection.silence(now)
            if connection is None or reason is not None:
                raise KeeperLostError(reason)
            ends = now + seconds + MARGIN_S
            told = connection.told_until
            if told is None or connection.has_stopped or abs(told - ends) > TOLERANCE_S:
                try:
                    connection.say("move", round(ends * 1000))
                except OSError as error:
                    raise KeeperLostError(f"the keeper of the serial line does not listen: {error}") from None
                connection.told_until, connection.has_stopped = ends, False

    def still(self) -> None:
        """The ESP32 has confirmed STOP: the keeper need not look at the clock."""
        with self._lock:
            connection = self._connection
            if connection is not None and (connection.told_until is not None or connection.has_stopped):
                connection.told_until, connection.has_stopped = None, False
                try:
                    connection.say("still")
                except OSError as error:
                    log.debug("the keeper does not listen: %s", error)  # which its thread finds, too

    def dismiss(self, *, stop: bool = False) -> None:
        """The bridge closes the line in order; with `stop` the process goes on until the ESP32 has confirmed STOP."""
        self._leave_it = stop
        self._ending.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join(2 * DISMISS_S)
        os.close(self._descriptor)
        if not self._thread.is_alive():
            os.close(self._wake)

    # -- the keeper's thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff(0.05, 2.0)
        while not self._ending.is_set():
            try:
                connection = self._start()
            except OSError as error:
                self._lost(f"the keeper of the serial line cannot be started: {error}")
                self._ending.wait(backoff.next_s())
                continue
            reason = self._serve(connection)
            lived_s = boot_time() - connection.started_at
            with self._lock:
                self._connection = None
                self._reason = reason or STARTING
            if reason is None:
                self._take_leave(connection)
                return
            connection.process.kill()
            self._lost(f"{reason}; another one is started")
            connection.socket.close()
            connection.process.wait()
            if lived_s < SETTLED_S:
                self._ending.wait(backoff.next_s())
            else:
                backoff.reset()
                self._logged = ""

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        numbers = (self._descriptor, theirs.fileno())
        environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROGRAM), *map(str, numbers), self._device, str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=numbers,
                env=environment,
                cwd="/",
                start_new_session=True,  # a Ctrl-C in the terminal is not for the keeper
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        connection = Connection(process, ours)
        with self._lock:
            self._connection = connection
        return connection

    def _serve(self, connection: Connection) -> str | None:
        """Watch one process; why it is no good any more, None where it is dismissed."""
        poll = select.poll()
        poll.register(connection.socket, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        looked_at = patient_from = connection.started_at
        while not self._ending.is_set():
            ping_s = PING_S if connection.told_until is None else PING_MOVING_S
            poll.poll(ping_s * 1000)
            now = boot_time()
            if now - looked_at > ping_s + ANSWER_S / 2:
                patient_from = now  # this thread was not served: perhaps the keeper was not either
            looked_at = now
            reason = self._read(connection)
            with self._lock:
                if reason is None:
                    reason = self._judge(connection, now, patient_from, ping_s)
            if reason is not None:
                return reason
        return None

    @staticmethod
    def _judge(connection: Connection, now: float, patient_from: float, ping_s: float) -> str | None:
        if connection.answered_at is None:
            late = now - max(connection.started_at, patient_from) > START_S
            return "the keeper of the serial line does not start" if late else None
        if connection.unanswered:
            late = now - max(connection.unanswered[0][1], patient_from) > ANSWER_S
            return "the keeper of the serial line does not answer" if late else None
        if now - connection.answered_at >= ping_s * 0.9:
            try:
                connection.say("ping")
            except OSError as error:
                return f"the keeper of the serial line does not listen: {error}"
        return None

    def _read(self, connection: Connection) -> str | None:
        """Take all its answers; the reason where it has ended or talks nonsense."""
        while True:
            try:
                message = connection.socket.recv(2 * program.MESSAGE_BYTES)
            except BlockingIOError:
                return None
            except OSError as error:
                return f"the keeper of the serial line has gone: {error}"
            word, _, rest = message.partition(b" ")
            if not message:
                return "the keeper of the serial line has ended"
            if word == b"ok" and rest.isdigit():
                self._answered(connection, int(rest))
            elif word == b"stopped":
                with self._lock:
                    connection.told_until, connection.has_stopped = None, True
                self._on_stop(rest.decode("ascii", "replace"))
            else:
                return f"the keeper of the serial line says {message!r}"

    def _answered(self, connection: Connection, number: int) -> None:
        with self._lock:
            first = connection.answered_at is None
            connection.answered_at = boot_time()
            while connection.unanswered and connection.unanswered[0][0] <= number:
                connection.unanswered.popleft()
        if first:
            log.debug("the keeper of %s is process %d", self._device, connection.process.pid)
            self._ready.set()
            self._on_change("")

    def _lost(self, reason: str) -> None:
        with self._lock:
            known, self._reason = self._logged == reason, reason
        self._on_change(reason)
        if not known:  # afterwards: a log file may take its time; and once for each cause
            self._logged = reason
            log.error("%s", reason)

    def _take_leave(self, connection: Connection) -> None:
        if self._leave_it:
            connection.socket.close()
            return
        try:
            connection.say("goodbye")
            connection.process.wait(timeout=DISMISS_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            log.warning("the keeper of the serial line cannot be dismissed, and is killed: %s", error)
            connection.process.kill()
            connection.process.wait()
        connection.socket.close()
