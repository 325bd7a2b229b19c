"""The serial protocol of the ESP32: lines to values and back.

Lines from the ESP32 end with CR LF, always both. That, and one strict form for each kind of line, tells a line that was
cut in the middle of a number is told from a shorter one. Whatever is not exactly a known line is damaged, and a damaged
line never changes anything. Source: the seed firmware's protocol as measured (see docs/serial-protocol.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

MAX_LINE_BYTES = 256
"""Longest line that is read; the longest of the firmware has about 90 bytes."""
FURTHEST_CM = 600
"""No echo comes from farther away: the firmware waits 30 ms, which is 514 cm."""
NO_ECHO = -1

DIRECTIONS = ("forward", "backward", "left", "right")
STOP_LINE = b"STOP\n"


class BadLineError(ValueError):
    """A line that is damaged, too long or unknown."""


class Frame(msgspec.Struct, frozen=True):
    """One DATA line: what the sensors say. Distances in whole cm, None where no echo came back."""

    left: int | None
    center: int | None
    right: int | None
    gas: int
    """Raw ADC value, 0 to 4095."""
    servo: int
    """Commanded angle of the pan servo in degrees, 0 to 180."""
    left_motor: int
    """As the firmware reports it, -255 to 255; the seed's firmware always says 0."""
    right_motor: int
    obstacle: bool
    """The firmware sees something at 10 cm or nearer."""
    warning: bool
    """The firmware sees something at 20 cm or nearer."""

    @property
    def nearest(self) -> int | None:
        """The smallest distance; 0 is the nearest of all, None = no sensor hears an echo."""
        return nearest_of(self.left, self.center, self.right)


class Ack(msgspec.Struct, frozen=True):
    """The ESP32's answer to a command."""

    command: str
    """The word of the command, such as FORWARD; of an unknown one all of its text."""
    status: str
    """OK, BLOCKED, ERROR or UNKNOWN."""
    detail: str = ""


class Status(msgspec.Struct, frozen=True):
    """Answer to STATUS."""

    servo: int
    left_motor: int
    right_motor: int


class Alert(msgspec.Struct, frozen=True):
    """The firmware has entered another zone: EMERGENCY_STOP, WARNING_ZONE or CLEAR."""

    zone: str
    nearest: int | None = None
    """The smallest distance, in cm; None = no echo."""


class Scanned(msgspec.Struct, frozen=True):
    """A line of the firmware's own SCAN, which this project does not use (it is deaf meanwhile)."""

    text: str


class Banner(msgspec.Struct, frozen=True):
    """The first line after a start of the ESP32."""

    text: str


Line = Frame | Ack | Status | Alert | Scanned | Banner

_NUMBER = rb"(0|-?[1-9]\d{0,3})"
"""As the firmware prints numbers: one with a zero in front has lost a digit on the way."""
_DATA = re.compile(
    rb"DATA:S1:%(n)b,S2:%(n)b,S3:%(n)b,MQ2:%(n)b,SERVO:%(n)b,LMOTOR:%(n)b,RMOTOR:%(n)b,OBSTACLE:([01]),WARNING:([01])"
    % {b"n": _NUMBER}
)
_ACK_OK = re.compile(rb"ACK:(FORWARD|BACKWARD|LEFT|RIGHT|STOP|RESET|SCAN|CLEARBLOCK):(OK)()")
_ACK_SERVO = re.compile(rb"ACK:(SERVO):(OK):(0|[1-9]\d?|1[0-7]\d|180)")
_ACK_SPEED = re.compile(rb"ACK:(SPEED):(OK):(0|[1-9]\d?|100)")
_ACK_NOT = re.compile(rb"ACK:([A-Z]{1,16}):(BLOCKED|ERROR):([A-Z_]{1,32})")
_ACK_UNKNOWN = re.compile(rb"ACK:(?!.*(?:DATA|ACK|STATUS|ALERT|SCAN):)([\x20-\x7e]{0,127}):(UNKNOWN)()")
_STATUS = re.compile(rb"STATUS:SERVO:%(n)b,LMOTOR:%(n)b,RMOTOR:%(n)b" % {b"n": _NUMBER})
_ALERT = re.compile(
    rb"ALERT:COLLISION:(EMERGENCY_STOP|WARNING_ZONE|CLEAR),S1:%(n)b,S2:%(n)b,S3:%(n)b" % {b"n": _NUMBER}
)
_SCAN = re.compile(
    rb"SCAN:(?:START|COMPLETE|POS:%(n)b,S1:%(n)b,S2:%(n)b,S3:%(n)b|BEST:%(n)b,DIST:%(n)b)" % {b"n": _NUMBER}
)
_BANNER = re.compile(rb"(?=.*ESP32)(?=.*no OTA)[\x20-\x7e]{1,220}\.", re.IGNORECASE)
"""With room for a line that the restart has cut off, which it then follows."""
_PRINTABLE_END = re.compile(rb"[\x20-\x7e]{0,221}\Z")
"""The banner stands behind whatever bytes the restart has left on the line."""


def parse_line(line: bytes) -> Line:
    """Read one line, without its line end.

    Raises:
        BadLineError: it is not exactly one of the known lines, or a number is out of its range.
    """
    found = _DATA.fullmatch(line)
    if found:
        numbers = [int(text) for text in found.groups()]
        left, center, right = (distance(number) for number in numbers[:3])
        gas, servo, left_motor, right_motor, obstacle, warning = numbers[3:]
        in_range(gas, 0, 4095)
        in_range(servo, 0, 180)
        in_range(left_motor, -255, 255)
        in_range(right_motor, -255, 255)
        return Frame(left, center, right, gas, servo, left_motor, right_motor, obstacle == 1, warning == 1)
    return parse_rare_line(line)


def parse_rare_line(line: bytes) -> Line:
    """Read a line that is no DATA; as `parse_line`."""
    for pattern in (_ACK_OK, _ACK_SERVO, _ACK_SPEED, _ACK_NOT, _ACK_UNKNOWN):
        if found := pattern.fullmatch(line):
            return Ack(*(text.decode("ascii") for text in found.groups()))
    if found := _ALERT.fullmatch(line):
        return Alert(found[1].decode("ascii"), nearest_of(*(distance(int(text)) for text in found.groups()[1:])))
    if found := _STATUS.fullmatch(line):
        servo, left_motor, right_motor = (int(text) for text in found.groups())
        return Status(in_range(servo, 0, 180), in_range(left_motor, -255, 255), in_range(right_motor, -255, 255))
    if _SCAN.fullmatch(line):
        return Scanned(line.decode("ascii"))
    if banner := find_banner(line):
        return Banner(banner.decode("ascii"))
    raise BadLineError("not a known line")


def find_banner(line: bytes) -> bytes | None:
    """The banner at the end of a line, behind whatever bytes; None where there is none."""
    end = _PRINTABLE_END.search(line[-221:])
    return end[0] if end is not None and _BANNER.fullmatch(end[0]) else None


def tells_of_damage(line: bytes) -> bool:
    """Whether a damaged line is the ESP32's answer to a command that has reached it damaged."""
    return line.endswith(b":UNKNOWN")


def distance(number: int) -> int | None:
    """A distance in cm; None for "no echo"."""
    in_range(number, NO_ECHO, FURTHEST_CM)
    return None if number == NO_ECHO else number


def nearest_of(*distances: int | None) -> int | None:
    """The smallest of distances; None where all of them are."""
    return min((each for each in distances if each is not None), default=None)


def in_range(number: int, low: int, high: int) -> int:
    """The number, if it is one that the firmware can send."""
    if not low <= number <= high:
        raise BadLineError(f"{number} is not between {low} and {high}")
    return number


class LineSplitter:
    """Cuts a stream of bytes into lines; a chunk's end is never taken for a line's end."""

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = False

    def feed(self, received: bytes) -> Iterator[bytes | None]:
        """Each complete line without its CR LF; None for one that is too long or does not end with CR LF.

        Of one that is too long only a banner at its end counts.
        """
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            overlong, self._overlong = self._overlong or len(line) > MAX_LINE_BYTES, False
            if not line.endswith(b"\r"):
                if line or overlong:
                    yield None
            elif overlong:
                yield find_banner(line[:-1])
            elif len(line) > 1:
                yield line[:-1]
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest = self._rest[-MAX_LINE_BYTES:]
            self._overlong = True

    def clear(self) -> None:
        """Forget an unfinished line: after a reconnect the next bytes belong to another one."""
        self._rest = b""
        self._overlong = False


def servo_line(degrees: int) -> bytes:
    """The command that turns the pan servo."""
    return b"SERVO:%d\n" % degrees


def speed_line(percent: int) -> bytes:
    """The command that sets the motors' speed, for firmware that knows it."""
    return b"SPEED:%d\n" % percent


def word_line(word: str) -> bytes:
    """A command that is one word, such as FORWARD or CLEARBLOCK."""
    return word.upper().encode("ascii") + b"\n"
