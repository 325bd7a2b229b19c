"""The keeper: a tiny process that holds the serial line too, and writes STOP on it when the bridge can not.

A killed or frozen process writes nothing any more, and the seed's firmware goes on with its last command for ever. The
keeper reads from a pipe whose other end only the bridge holds: however the bridge ends, the kernel closes that end, and
the keeper writes STOP and ends. At each move it is told how long the move may take at most: when nothing more is heard
until then, because the bridge or the whole machine hangs, it writes STOP too. It is the system's bash, asleep all the
time.
"""

from __future__ import annotations

import logging
import os
import subprocess

log = logging.getLogger(__name__)

MARGIN_S = 1.0
"""How much longer than a lease the keeper waits: the bridge itself ends leases, and is late only when it hangs."""

# `read` fails with a status above 128 when the time is up, and with a lower one at the pipe's end, that is, without the
# word that the bridge says when it closes the line in order. STOP comes twice because the bridge may have died in the
# middle of a line, which the first one then ends.
SCRIPT = r"""
trap '' TERM INT HUP
limit=()
while true; do
    if read -r "${limit[@]}" word; then
        case $word in
            goodbye) exit ;;
            still) limit=() ;;
            *) limit=(-t "$word") ;;
        esac
    else
        status=$?
        printf 'STOP\nSTOP\n'
        [ "$status" -gt 128 ] || exit
        limit=()
    fi
done
"""


class Keeper:
    """The keeper of one open serial line. Its methods never wait.

    Args:
        descriptor: the open device; the keeper writes through it, so that the port is not opened a second time (which
            would reset some boards).
    """

    def __init__(self, descriptor: int) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._told_until: float | None = None
        try:
            self._process = subprocess.Popen(
                ["/bin/bash", "--norc", "--noprofile", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={"LC_ALL": "C"},  # a decimal point is a point
                start_new_session=True,  # a Ctrl-C in the terminal is not for the keeper
            )
        except OSError as error:
            log.error("no keeper for the serial line (%s): a killed bridge would not stop the car", error)
        else:
            assert self._process.stdin is not None  # noqa: S101 - asked for above
            os.set_blocking(self._process.stdin.fileno(), False)

    def moving(self, now: float, seconds: float) -> None:
        """A move has begun or goes on, for `seconds` at most; told only when it makes a difference."""
        ends = now + seconds
        if self._told_until is None or not ends + MARGIN_S / 2 <= self._told_until <= ends + 2 * MARGIN_S:
            self._told_until = ends + MARGIN_S
            self._say(b"%.2f\n" % (seconds + MARGIN_S))

    def still(self) -> None:
        """STOP has been written."""
        if self._told_until is not None:
            self._told_until = None
            self._say(b"still\n")

    def _say(self, word: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(word)
        except (OSError, ValueError) as error:  # it has gone, or reads no more, or has just been dismissed
            log.warning("the keeper of the serial line does not listen: %s", error)

    def dismiss(self) -> None:
        """End it without a STOP: the bridge has closed the line in order."""
        if self._process is None or self._process.stdin is None:
            return
        self._say(b"goodbye\n")
        try:
            self._process.stdin.close()
            self._process.wait(timeout=1)
        except OSError as error:
            log.warning("the keeper of the serial line cannot be dismissed: %s", error)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
