"""The keeper: a tiny process that holds the serial line too, and writes STOP on it when the bridge has died.

A killed process can write nothing any more, and the seed's firmware goes on with its last command for ever. The keeper
reads from a pipe whose other end only the bridge holds: however the bridge ends, the kernel closes that end, the keeper
wakes up, writes STOP and ends. It is the system's shell, one megabyte, asleep all the time.
"""

from __future__ import annotations

import logging
import subprocess

log = logging.getLogger(__name__)

# `read` fails at the pipe's end, that is, without the word that the bridge says when it closes the line in order. STOP
# comes twice because the bridge may have died in the middle of a line, which the first one then ends.
SCRIPT = "trap '' TERM INT HUP; read -r goodbye || printf 'STOP\\nSTOP\\n'"


class Keeper:
    """The keeper of one open serial line.

    Args:
        descriptor: the open device; the keeper writes through it, so that the port is not opened a second time (which
            would reset some boards).
    """

    def __init__(self, descriptor: int) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C in the terminal is not for the keeper
            )
        except OSError as error:
            log.error("no keeper for the serial line (%s): a killed bridge would not stop the car", error)

    def dismiss(self) -> None:
        """End it without a STOP: the bridge has closed the line in order."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(b"goodbye\n")
            self._process.stdin.close()
        except OSError as error:
            log.warning("the keeper of the serial line has gone by itself: %s", error)
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
