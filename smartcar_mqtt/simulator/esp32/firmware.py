"""The firmware of the ESP32 board, line by line as the robot's own behaves, flaws included (seed facts, section 2).

Pure logic: it reads no clock and owns no thread. Whoever runs it says what time it is and hands over what was sent to
the board. One pass of its loop is: three echo waits, the collision check, a DATA line, the waiting commands, a line for
people on the USB port, 50 ms of rest. Everything happens in that order and nothing meanwhile, as on a board with one
thread; in particular SCAN keeps it from hearing anything for its whole duration.

A line that is printed goes into the transmitter, and the program goes on at once: while the Pi still receives a DATA
line (7 ms), the commands have been read already, so whatever the Pi answers to it waits for the next loop. Only what
the transmitter has no room for makes the program wait (module `uart`). Held against the firmware itself, compiled for
a PC with these sizes and speeds: lines are the same, and times agree within a millisecond
(tests/simulator/esp32/test_measured.py).

What the facts leave open is decided here: a car that is moving keeps moving during the scan's first measurement; a line
of blanks is an unknown command; what the Pi writes during the 0.3 s of the start is obeyed after it (a board loses what
comes before its port is set up).
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterator

from smartcar_mqtt.simulator.esp32 import board
from smartcar_mqtt.simulator.esp32.scan import Scan
from smartcar_mqtt.simulator.esp32.uart import BITS_PER_BYTE, Receiver, Transmitter
from smartcar_mqtt.simulator.world.wiring import DOCUMENTED, Pins, Wheels
from smartcar_mqtt.simulator.world.world import FULL_POWER, World

BANNER = "ESP32 board awake: motors, sonars and servo on the serial link, no OTA."
Motors = Wheels
HALT: Motors = (0, 0)

_PREFIXES = (b"FORWARD", b"BACKWARD", b"LEFT", b"RIGHT", b"SERVO:", b"SPEED:")


class Firmware:
    """A running ESP32 board in a world; the wheels of the world obey nothing else.

    Args:
        world: where the car is; it knows how its motors are wired.
        now: the time, seconds.
        baud: speed of both serial ports.
        speed_control: a newer build that knows SPEED:<n> (percent) and reports its motors truly; the old one answers
            UNKNOWN and reports 0.
        boot_noise: bytes that a Pi receives before the banner, while the pin of the ESP32 is not yet a serial port's.
    """

    def __init__(
        self,
        world: World,
        *,
        now: float = 0.0,
        baud: int = 115200,
        speed_control: bool = False,
        boot_noise: bytes = b"",
    ) -> None:
        self.world = world
        self.forward_blocked = False  # a fault: FORWARD is refused whatever the sensors say
        self._baud = baud
        self._seconds_per_byte = BITS_PER_BYTE / baud
        self._speed_control = speed_control
        self._boot_noise = boot_noise
        self._exact: dict[bytes, Callable[[], Iterator[float]]] = {
            b"STOP": self._stop,
            b"STATUS": self._status,
            b"RESET": self._reset,
            b"SCAN": Scan(
                measure=lambda: self._measure(board.SHORTEST_SCAN_BYTES),
                distances_cm=lambda: self._distances_cm,
                sonar_fields=self._sonar_fields,
                set_pins=self._set_pins,
                print_line=self._print,
                tell_people=self._tell_people,
            ).run,
            b"CLEARBLOCK": self._clear_block,
        }
        self._now = now
        self._sent = bytearray()
        self._leaving: deque[tuple[float, bytes]] = deque()
        self._usb_leaving: deque[tuple[float, bytes]] = deque(maxlen=board.KEPT_USB_LINES)
        self._pi = Receiver(baud)
        self._usb = Receiver(baud)
        self.reboot()

    # What can be seen from outside

    @property
    def next_event(self) -> float:
        """When the firmware next does something by itself."""
        return self._next_event

    @property
    def next_output(self) -> float:
        """Nothing is sent before this moment; whoever waits for output alone may sleep until then, past events."""
        quiet_until = self._next_event + self._quiet_s
        return min(quiet_until, self._leaving[0][0]) if self._leaving else quiet_until

    @property
    def pins(self) -> Pins:
        """Levels of the motor driver's inputs."""
        return self._pins

    @property
    def motors(self) -> Motors:
        """Power of the wheels (left, right), -255 to 255, as pins and wiring really make it."""
        return self.world.wiring.wheels(self._pins, self._power)

    @property
    def unheard_s(self) -> float:
        """For how long bytes from the Pi will still be on the line, at its pace."""
        return self._pi.busy_s(self._now)

    @property
    def lost_bytes(self) -> int:
        """Bytes from the Pi that have found the receive buffer full."""
        return self._pi.lost_bytes

    @property
    def distances_cm(self) -> tuple[int, int, int]:
        """The newest readings as the firmware reports them: -1 without an echo."""
        return self._distances_cm

    @property
    def servo_deg(self) -> int:
        """Commanded angle of the servo."""
        return self._servo_deg

    @property
    def obstacle(self) -> bool:
        """The flag OBSTACLE."""
        return self._obstacle

    @property
    def warning(self) -> bool:
        """The flag WARNING."""
        return self._warning

    # What runs it

    def advance(self, now: float, received: bytes = b"") -> bytes:
        """Run until `now` (seconds), when the Pi writes `received`. Return what has reached it since the last call.

        A line comes out when its last bit has left: always whole lines, but for one that a restart has cut off.
        """
        while self._next_event <= now:
            self._pass_time(self._next_event)
            self._next_event += next(self._program)
        self._pass_time(now)
        if received and self._next_event < math.inf:
            self._pi.send(now, received)
        while self._leaving and self._leaving[0][0] <= now:
            self._sent += self._leaving.popleft()[1]
        sent = bytes(self._sent)
        self._sent.clear()
        return sent

    def type_on_usb(self, data: bytes) -> None:
        """Somebody writes these bytes to the USB port, now; commands are obeyed, but answered to the Pi alone."""
        if data and self._next_event < math.inf:
            self._usb.send(self._now, data)

    def read_usb(self) -> bytes:
        """The lines for people that the USB port has sent since the last call; of many the newest."""
        sent = bytearray()
        while self._usb_leaving and self._usb_leaving[0][0] <= self._now:
            sent += self._usb_leaving.popleft()[1]
        return bytes(sent)

    def reboot(self) -> None:
        """Start anew, now: motors off, everything that was received or not yet sent is lost; after 0.3 s the banner."""
        self._cut_off()
        self._pi.clear()
        self._usb.clear()
        self._to_pi = Transmitter(self._baud)
        self._to_usb = Transmitter(self._baud)
        self._line = bytearray()
        self._power = FULL_POWER
        self._pins = board.ALL_OFF
        self._servo_deg = board.SERVO_MIDDLE_DEG
        self._obstacle = self._warning = False
        self._distances_cm = (-1, -1, -1)
        self._gas_raw = 0
        self._quiet_s = 0.0
        self._program = self._run()
        self._next_event = self._now

    def power_off(self) -> None:
        """Motors off and silent until `reboot`."""
        self.reboot()
        self._next_event = math.inf

    def _cut_off(self) -> None:
        """Of the line that is leaving, what has left is with the Pi already; the rest never comes."""
        if self._leaving:
            leaves_at, line = self._leaving[0]
            unsent = math.ceil((leaves_at - self._now) / self._seconds_per_byte)
            self._sent += line[: max(0, len(line) - unsent)]
            self._leaving.clear()
        self._usb_leaving.clear()

    def _pass_time(self, now: float) -> None:
        if now > self._now:
            self.world.switch(self._pins, self._power)
            self.world.step(now - self._now)
            self._now = now

    # The program: each `yield` is a time in which the board does nothing else

    def _run(self) -> Iterator[float]:
        yield board.BOOT_S
        yield from self._print(self._boot_noise + BANNER.encode("ascii"))
        for line in board.USB_GREETING:
            yield from self._tell_people(line)
        self._quiet_s = self._least_s(board.SHORTEST_ALERT_BYTES)
        while True:
            yield from self._measure(board.SHORTEST_ALERT_BYTES, then_s=board.GAS_READING_S)
            self._gas_raw = self.world.gas_raw()
            measured = self._distances_cm
            yield from self._check_collision()
            yield from self._report()
            yield from self._read_commands()
            yield from self._tell_people(
                "left {} cm, centre {} cm, right {} cm, gas {}, obstacle {:d}, warning {:d}, fwd {:d}".format(
                    *measured, self._gas_raw, self._obstacle, self._warning, not self._obstacle
                )
            )
            self._quiet_s = self._least_s(board.SHORTEST_ALERT_BYTES)
            yield board.LOOP_REST_S

    def _print(self, text: str | bytes) -> Iterator[float]:
        """Print a line to the Pi."""
        data = (text.encode("ascii") if isinstance(text, str) else text) + b"\r\n"
        wait_s, leaves_at = self._to_pi.write(self._now, len(data))
        self._leaving.append((leaves_at, data))
        if wait_s:
            yield wait_s

    def _tell_people(self, text: str | bytes) -> Iterator[float]:
        """Print a line to the USB port: in our own words, about as long as the firmware's."""
        data = (text.encode("ascii") if isinstance(text, str) else text) + b"\r\n"
        wait_s, leaves_at = self._to_usb.write(self._now, len(data))
        self._usb_leaving.append((leaves_at, data))
        if wait_s:
            yield wait_s

    def _least_s(self, report_bytes: int, sensors: int = 3) -> float:
        """How long it takes at least until the report on a measurement, which begins with so many sensors, has left."""
        return sensors * board.ECHO_START_S + report_bytes * self._seconds_per_byte

    def _measure(self, report_bytes: int, *, then_s: float = 0.0) -> Iterator[float]:
        """Ask the three sensors, one after the other; what follows takes `then_s` more before the report."""
        readings = []
        for sensor in range(3):
            distance_cm = self.world.distance_cm(sensor)
            wait_s = board.ECHO_WAIT_S
            if distance_cm is not None:
                wait_s = board.ECHO_START_S + distance_cm / board.CM_PER_MICROSECOND / 1e6
                if wait_s > board.ECHO_WAIT_S:
                    distance_cm, wait_s = None, board.ECHO_WAIT_S
            readings.append(-1 if distance_cm is None else distance_cm)
            self._quiet_s = self._least_s(report_bytes, 2 - sensor)
            yield wait_s + (then_s if sensor == 2 else 0.0)
        self._quiet_s = 0.0
        self._distances_cm = (readings[0], readings[1], readings[2])

    def _set_pins(self, pins: Pins) -> None:
        self._pins = pins

    def _check_collision(self) -> Iterator[float]:
        closest_cm = min((cm for cm in self._distances_cm if cm > 0), default=board.NOTHING_NEAR_CM)
        was_near = self._obstacle or self._warning
        if closest_cm <= board.STOP_ZONE_CM:
            entered = not self._obstacle
            self._obstacle = self._warning = True
            if entered:
                self._pins = board.ALL_OFF
                yield from self._tell_people("Motors off: something is 10 cm or less away")
                yield from self._alert("EMERGENCY_STOP")
        elif closest_cm <= board.WARNING_ZONE_CM:
            entered = not self._warning
            self._obstacle, self._warning = False, True
            if entered:
                yield from self._alert("WARNING_ZONE")
        else:
            self._obstacle = self._warning = False
            if was_near:
                yield from self._alert("CLEAR")

    def _alert(self, zone: str) -> Iterator[float]:
        yield from self._print(f"ALERT:COLLISION:{zone},{self._sonar_fields()}")

    def _report(self) -> Iterator[float]:
        left, right = self._reported_motors()
        yield from self._print(
            f"DATA:{self._sonar_fields()},MQ2:{self._gas_raw},SERVO:{self._servo_deg},LMOTOR:{left},RMOTOR:{right},"
            f"OBSTACLE:{self._obstacle:d},WARNING:{self._warning:d}"
        )

    def _sonar_fields(self) -> str:
        return "S1:{},S2:{},S3:{}".format(*self._distances_cm)

    def _reported_motors(self) -> Motors:
        return DOCUMENTED.wheels(self._pins, self._power) if self._speed_control else HALT

    def _read_commands(self) -> Iterator[float]:
        """Read both ports until they are empty, into one buffer: a line begun on one may be ended on the other."""
        for port, name in ((self._usb, b"USB"), (self._pi, b"Pi")):
            while received := port.read(self._now):
                text = received.rstrip(b"\r\n")
                self._line += text[: board.BUFFER_CHARACTERS - len(self._line)]
                if len(text) < len(received) and self._line:
                    line = bytes(self._line)
                    self._line.clear()
                    yield from self._obey(line, name)

    # Commands

    def _obey(self, line: bytes, port: bytes) -> Iterator[float]:
        yield from self._tell_people(b"Command from %b: %b." % (port, line.partition(b"\0")[0]))
        text = line.partition(b"\0")[0].strip()  # to the firmware a NUL ends the text
        token = text.upper()
        prefix = next((each for each in _PREFIXES if token.startswith(each)), None)
        if prefix == b"SPEED:" and not self._speed_control:
            prefix = None
        if prefix == b"FORWARD":
            yield from self._forward()
        elif prefix == b"SERVO:":
            yield from self._servo(token.removeprefix(prefix))
        elif prefix == b"SPEED:":
            yield from self._speed(token.removeprefix(prefix))
        elif prefix is not None:
            self._pins = board.LEVELS[prefix]
            yield from self._acknowledge(prefix, b"OK")
        elif token in self._exact:
            yield from self._exact[token]()
        else:
            yield from self._acknowledge(text, b"UNKNOWN")

    def _acknowledge(self, token: bytes, status: bytes) -> Iterator[float]:
        yield from self._print(b"ACK:%b:%b" % (token, status))

    def _forward(self) -> Iterator[float]:
        # A refusal leaves the motors as they are, running forward included.
        if self._obstacle or self.forward_blocked:
            yield from self._acknowledge(b"FORWARD", b"BLOCKED:OBSTACLE")
            yield from self._tell_people("Not forward: an obstacle is too near")
        elif self._warning:
            yield from self._acknowledge(b"FORWARD", b"BLOCKED:WARNING_ZONE")
            yield from self._tell_people("Not forward: something is near now")
        else:
            self._pins = board.LEVELS[b"FORWARD"]
            yield from self._acknowledge(b"FORWARD", b"OK")

    def _stop(self) -> Iterator[float]:
        self._pins = board.ALL_OFF
        yield from self._acknowledge(b"STOP", b"OK")

    def _servo(self, number: bytes) -> Iterator[float]:
        self._servo_deg = min(180, max(0, _leading_number(number)))
        yield from self._acknowledge(b"SERVO", b"OK:%d" % self._servo_deg)

    def _speed(self, number: bytes) -> Iterator[float]:
        percent = int(number) if re.fullmatch(rb"\d{1,3}", number) else -1
        if 0 <= percent <= 100:
            self._power = FULL_POWER * percent // 100
            yield from self._acknowledge(b"SPEED", b"OK:%d" % percent)
        else:
            yield from self._acknowledge(b"SPEED", b"ERROR:RANGE")

    def _status(self) -> Iterator[float]:
        left, right = self._reported_motors()
        yield from self._print(f"STATUS:SERVO:{self._servo_deg},LMOTOR:{left},RMOTOR:{right}")

    def _reset(self) -> Iterator[float]:
        self._servo_deg = board.SERVO_MIDDLE_DEG
        self._pins = board.ALL_OFF
        self._obstacle = self._warning = False
        yield from self._acknowledge(b"RESET", b"OK")

    def _clear_block(self) -> Iterator[float]:
        self._obstacle = False
        yield from self._acknowledge(b"CLEARBLOCK", b"OK")


def _leading_number(text: bytes) -> int:
    """What Arduino makes of a text as a number: its leading digits, 0 without any."""
    found = re.match(rb"\s*([+-]?\d+)", text)
    return int(found[1][:12]) if found else 0
