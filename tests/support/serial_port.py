"""A serial port as the robot opens its board: through pyserial, for itself alone."""

from __future__ import annotations

import serial


def open_port(device: str) -> serial.Serial:
    return serial.Serial(device, 115200, timeout=2.0, exclusive=True)


def read_until(port: serial.Serial, start: bytes, *, end: bytes = b"\n") -> bytes:
    """The next line that begins like this; pyserial's own time-out of 2 s bounds the wait."""
    while line := bytes(port.read_until(end)):
        if line.startswith(start):
            return line
    raise AssertionError(f"no line begins with {start!r}")
