"""The keeper's program: it holds the serial line beside the bridge, and writes STOP on it when the bridge does not.

A killed or frozen process writes nothing any more, and the firmware goes on with its last command for ever. So this
program runs beside the bridge, in a process of its own, and writes STOP

- when the bridge has ended: the kernel then closes the bridge's end of the socket, however it ended;
- when a move lasts longer than the bridge has announced, because the bridge or the whole machine hangs;
- whenever it is in doubt: a message that it does not understand, one that is missing, a clock that goes backwards.

STOP is repeated: until the bridge speaks of a move again, or, without a bridge, until the ESP32 has confirmed it.

Messages are whole datagrams of a SOCK_SEQPACKET socket, so that none can be read in part, and are numbered. The end of
a move is a point in time of CLOCK_BOOTTIME, not a duration: a message that was delayed means the same, and a change of
the wall clock means nothing. That clock also runs while the machine is suspended.

    bridge → keeper   "move NUMBER MILLISECONDS"  the car may move until then
                      "still NUMBER"              the ESP32 has confirmed STOP
                      "ping NUMBER"               are you there?
                      "goodbye NUMBER"            the line is closed in order
    keeper → bridge   "ok NUMBER"                 read and obeyed; number 0: ready
                      "stopped WHY"               STOP has been written

Run as `python -I -S keeper/program.py LINE SOCKET DEVICE BRIDGE`: the first two are numbers of open descriptors, the
others (name of the device, process number of the bridge) are for those who look at it from outside. It imports only
what is built into the interpreter, to stay small.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select
import sys
import time

STOP_LINES = b"STOP\nSTOP\n"
"""Twice: the bridge may have ended in the middle of a line, which the first STOP then completes."""
CONFIRMED = b"ACK:STOP:OK\r\n"
MESSAGE_BYTES = 64
REPEAT_S = 0.3
LOOK_S = 0.2
"""While a move lasts the clock is looked at so often: a wait does not count the time in which the machine slept."""
LONGEST_MOVE_S = 60.0
"""Nothing that a bridge may announce ends later than this."""
WRITE_S = 0.2
ORPHAN_S = 60.0
"""How long STOP is repeated without a bridge when nothing confirms it."""


def boot_time() -> float:
    """Seconds since the start of the machine: monotonic, and going on while it is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Watch:
    """Looks after one serial line.

    Args:
        line: descriptor of the serial line, not blocking.
        bridge: descriptor of the socket to the bridge.
    """

    def __init__(self, line: int, bridge: int) -> None:
        self._line = line
        self._bridge = bridge
        self._number = 0
        self._deadline: float | None = None
        """When the present move is over at the latest; None: the car stands."""
        self._repeat_at: float | None = None
        """When STOP is written again; None: it is not."""
        self._looked_at = boot_time()
        self._poll = select.poll()
        self._poll.register(bridge, select.POLLIN)

    def run(self) -> None:
        """Watch until the bridge says goodbye, or has ended and the car has been stopped."""
        self._say(b"ok 0")
        while True:
            readable = self._poll.poll(self._wait_ms())
            self._look_at_clock()
            if readable:
                try:
                    message = posix.read(self._bridge, MESSAGE_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    message = b""
                if not message:
                    self._stop_as_orphan()
                    return
                if message.startswith(b"goodbye "):
                    return
                self._obey(message)

    def _wait_ms(self) -> int | None:
        due = [when for when in (self._deadline, self._repeat_at) if when is not None]
        if not due:
            return None
        return max(0, int(min(min(due) - boot_time(), LOOK_S) * 1000) + 1)

    def _obey(self, message: bytes) -> None:
        word, *numbers = message.split(b" ")
        if not numbers or len(message) == MESSAGE_BYTES or not all(number.isdigit() for number in numbers):
            self._stop(b"a message is not understood")
            return
        self._number += 1
        if int(numbers[0]) != self._number:
            self._number = int(numbers[0])
            self._stop(b"a message is missing")
        elif word == b"move" and len(numbers) == 2:
            self._move(int(numbers[1]) / 1000)
        elif word == b"still" and len(numbers) == 1:
            self._deadline = self._repeat_at = None
        elif word != b"ping" or len(numbers) != 1:
            self._stop(b"a message is not understood")
        self._say(b"ok %d" % self._number)

    def _move(self, deadline: float) -> None:
        left = deadline - boot_time()
        if 0 < left <= LONGEST_MOVE_S:
            self._deadline, self._repeat_at = deadline, None
        elif left <= 0:
            self._stop(b"a move was announced too late")
        else:
            self._stop(b"a move was announced that lasts too long")

    def _look_at_clock(self) -> None:
        now = boot_time()
        if now < self._looked_at:
            self._stop(b"the clock has gone backwards")
        self._looked_at = now
        if self._deadline is not None and now >= self._deadline:
            self._stop(b"a move has lasted longer than was announced")
        elif self._repeat_at is not None and now >= self._repeat_at:
            self._repeat_at = now + REPEAT_S
            self._write(STOP_LINES)

    def _stop(self, why: bytes) -> None:
        self._write(STOP_LINES)
        self._deadline, self._repeat_at = None, boot_time() + REPEAT_S
        self._say(b"stopped " + why)

    def _stop_as_orphan(self) -> None:
        """Write STOP until the ESP32 confirms it: nobody else reads or writes any more.

        A confirmation in the first round may be one of a STOP from before the last move, still on its way.
        """
        self._read_line(0.0)
        until = boot_time() + ORPHAN_S
        first = True
        while boot_time() < until:
            if not self._write(STOP_LINES):
                return
            heard = self._read_line(REPEAT_S)
            if heard is None or (CONFIRMED in heard and not first):
                return
            first = False

    def _read_line(self, seconds: float) -> bytes | None:
        """What comes from the ESP32 in that time; None: the line is gone."""
        heard = b""
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        until = boot_time() + seconds
        while True:
            if not poll.poll(max(0, int((until - boot_time()) * 1000))):
                return heard
            try:
                received = posix.read(self._line, 4096)
            except BlockingIOError:
                continue
            except OSError:
                return None
            if not received:
                return None
            heard = (heard + received)[-8192:]
            if boot_time() >= until and seconds:
                return heard

    def _write(self, lines: bytes) -> bool:
        """Write to the ESP32; False: the line is gone. What finds no room in time is repeated anyway."""
        until = boot_time() + WRITE_S
        poll = select.poll()
        poll.register(self._line, select.POLLOUT)
        while lines:
            try:
                lines = lines[posix.write(self._line, lines) :]
            except BlockingIOError:
                if boot_time() >= until:
                    return True
                poll.poll(20)
            except OSError:
                return False
        return True

    def _say(self, message: bytes) -> None:
        try:
            posix.write(self._bridge, message)
        except OSError:
            return  # it has ended, which the next look at the socket tells, or it does not read


def main() -> None:
    """Run as a program."""
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGTSTP):
        _signal.signal(number, _signal.SIG_IGN)  # they are for the bridge, which then ends the keeper
    line, bridge = int(sys.argv[1]), int(sys.argv[2])
    posix.set_blocking(line, False)
    posix.set_blocking(bridge, False)
    Watch(line, bridge).run()


if __name__ == "__main__":
    main()
