"""The firmware of the ESP32 board, line by line as the robot's own behaves, flaws included (seed facts, section 2).

Pure logic: it reads no clock and owns no thread. Whoever runs it says what time it is and hands over what arrived on
the serial line. One pass of its loop is: three echo waits, the collision check, a DATA line, the waiting commands,
50 ms of rest. Everything happens in that order and nothing meanwhile, as on a board with one thread; in particular
SCAN keeps it from hearing anything for its whole duration.

What the facts leave open is decided here: within a loop an ALERT goes out before the DATA line; SCAN turns with the
pins of RIGHT, and a car that is moving keeps moving during the scan's first measurement; the mean distance that SCAN
reports is cut off to whole centimetres; a line of blanks is an unknown command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from smartcar_mqtt.simulator.world.world import FULL_POWER, World

BANNER = "ESP32 board awake: motors, sonars and servo on the serial link, no OTA."
BUFFER_CHARACTERS = 127  # of a command line; what is beyond is lost without a word
PORT_BYTES = 256  # received and not yet read: the receive buffer of the Arduino core
BITS_PER_BYTE = 10  # 8N1
BOOT_S = 0.3
LOOP_REST_S = 0.05
ECHO_WAIT_S = 0.03
CM_PER_MICROSECOND = 0.01715
USB_DEBUG_BYTES = 80  # each loop also writes a line for people to the USB port, at the same speed
SHORTEST_REPORT_BYTES = len("SCAN:POS:0,S1:0,S2:0,S3:0\r\n")  # the least that follows a measurement
STOP_ZONE_CM = 10
WARNING_ZONE_CM = 20
NOTHING_NEAR_CM = 9999
SCAN_READINGS = 8
SCAN_STEP_DEG = 45
SCAN_TURN_S = 0.2
SCAN_SETTLE_S = 0.1
SERVO_MIDDLE_DEG = 90

Motors = tuple[int, int]
HALT: Motors = (0, 0)

_PREFIXES = (b"FORWARD", b"BACKWARD", b"LEFT", b"RIGHT", b"SERVO:", b"SPEED:")


class Firmware:
    """A running ESP32 board in a world; the wheels of the world obey nothing else.

    `swapped_wiring` turns the car as the seed's stated pins would: LEFT clockwise. `speed_control` is a newer build
    that knows SPEED:<n> (percent) and reports its wheels truly; the old one answers UNKNOWN and reports 0.
    """

    def __init__(
        self,
        world: World,
        *,
        now: float = 0.0,
        baud: int = 115200,
        swapped_wiring: bool = False,
        speed_control: bool = False,
    ) -> None:
        self.world = world
        self.forward_blocked = False  # a fault: FORWARD is refused whatever the sensors say
        self._seconds_per_byte = BITS_PER_BYTE / baud
        self._speed_control = speed_control
        self._left_turn: Motors = (1, -1) if swapped_wiring else (-1, 1)
        self._exact: dict[bytes, Callable[[], Iterator[float]]] = {
            b"STOP": self._stop,
            b"STATUS": self._status,
            b"RESET": self._reset,
            b"SCAN": self._scan,
            b"CLEARBLOCK": self._clear_block,
        }
        self._now = now
        self._sent = bytearray()
        self.reboot()

    # What can be seen from outside

    @property
    def next_event(self) -> float:
        """When the firmware next does something by itself."""
        return self._next_event

    @property
    def next_output(self) -> float:
        """Nothing is sent before this moment; whoever waits for output alone may sleep until then, past events."""
        return self._next_event + self._quiet_s

    @property
    def motors(self) -> Motors:
        """Power of the wheels (left, right), -255 to 255, as the pins really are."""
        left, right = self._direction
        power = FULL_POWER * self._speed_percent // 100
        return left * power, right * power

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
        """Run until `now` (seconds); `received` arrives at that moment. Return what was sent since the last call.

        What is sent comes out when its last bit has left: always whole lines.
        """
        while self._next_event <= now:
            self._pass_time(self._next_event)
            self._next_event += next(self._program)
        self._pass_time(now)
        self._port.extend(received[: PORT_BYTES - len(self._port)])
        sent = bytes(self._sent)
        self._sent.clear()
        return sent

    def reboot(self) -> None:
        """Start anew, now: motors off, everything that was received or half sent is lost; after 0.3 s the banner."""
        self._port = bytearray()
        self._line = bytearray()
        self._direction = HALT
        self._speed_percent = 100
        self._servo_deg = SERVO_MIDDLE_DEG
        self._obstacle = self._warning = False
        self._distances_cm = (-1, -1, -1)
        self._gas_raw = 0
        self._quiet_s = 0.0
        self._program = self._run()
        self._next_event = self._now

    def power_off(self) -> None:
        """Motors off and silent until `reboot`."""
        self.reboot()
        self._next_event = float("inf")

    def _pass_time(self, now: float) -> None:
        if now > self._now:
            self.world.drive(*self.motors)
            self.world.step(now - self._now)
            self._now = now

    # The program: each `yield` is a time in which the board does nothing else

    def _run(self) -> Iterator[float]:
        yield BOOT_S
        yield from self._print(BANNER)
        while True:
            yield from self._measure()
            self._gas_raw = self.world.gas_raw()
            yield from self._check_collision()
            yield from self._report()
            yield from self._read_commands()
            self._quiet_s = SHORTEST_REPORT_BYTES * self._seconds_per_byte
            yield LOOP_REST_S

    def _print(self, text: str | bytes, *, after_s: float = 0.0) -> Iterator[float]:
        line = (text.encode("ascii") if isinstance(text, str) else text) + b"\r\n"
        yield after_s + len(line) * self._seconds_per_byte
        self._sent += line

    def _measure(self) -> Iterator[float]:
        readings = []
        self._quiet_s = SHORTEST_REPORT_BYTES * self._seconds_per_byte
        for sensor in range(3):
            distance_cm = self.world.distance_cm(sensor)
            readings.append(-1 if distance_cm is None else distance_cm)
            yield ECHO_WAIT_S if distance_cm is None else distance_cm / CM_PER_MICROSECOND / 1e6
        self._quiet_s = 0.0
        self._distances_cm = (readings[0], readings[1], readings[2])

    def _check_collision(self) -> Iterator[float]:
        closest_cm = min((cm for cm in self._distances_cm if cm > 0), default=NOTHING_NEAR_CM)
        was_near = self._obstacle or self._warning
        if closest_cm <= STOP_ZONE_CM:
            entered = not self._obstacle
            self._obstacle = self._warning = True
            if entered:
                self._direction = HALT
                yield from self._alert("EMERGENCY_STOP")
        elif closest_cm <= WARNING_ZONE_CM:
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
            f"OBSTACLE:{self._obstacle:d},WARNING:{self._warning:d}",
            after_s=USB_DEBUG_BYTES * self._seconds_per_byte,
        )

    def _sonar_fields(self) -> str:
        return "S1:{},S2:{},S3:{}".format(*self._distances_cm)

    def _reported_motors(self) -> Motors:
        return self.motors if self._speed_control else HALT

    def _read_commands(self) -> Iterator[float]:
        while self._port:
            byte = self._port.pop(0)
            if byte in b"\r\n":
                if self._line:
                    line = bytes(self._line)
                    self._line.clear()
                    yield from self._obey(line)
            elif len(self._line) < BUFFER_CHARACTERS:
                self._line.append(byte)

    # Commands

    def _obey(self, line: bytes) -> Iterator[float]:
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
            self._direction = self._direction_of(prefix)
            yield from self._acknowledge(prefix, b"OK")
        elif token in self._exact:
            yield from self._exact[token]()
        else:
            yield from self._acknowledge(text, b"UNKNOWN")

    def _direction_of(self, token: bytes) -> Motors:
        left, right = self._left_turn
        return {b"BACKWARD": (-1, -1), b"LEFT": (left, right), b"RIGHT": (right, left)}[token]

    def _acknowledge(self, token: bytes, status: bytes) -> Iterator[float]:
        yield from self._print(b"ACK:%b:%b" % (token, status))

    def _forward(self) -> Iterator[float]:
        # A refusal leaves the motors as they are, running forward included.
        if self._obstacle or self.forward_blocked:
            yield from self._acknowledge(b"FORWARD", b"BLOCKED:OBSTACLE")
        elif self._warning:
            yield from self._acknowledge(b"FORWARD", b"BLOCKED:WARNING_ZONE")
        else:
            self._direction = (1, 1)
            yield from self._acknowledge(b"FORWARD", b"OK")

    def _stop(self) -> Iterator[float]:
        self._direction = HALT
        yield from self._acknowledge(b"STOP", b"OK")

    def _servo(self, number: bytes) -> Iterator[float]:
        self._servo_deg = min(180, max(0, _leading_number(number)))
        yield from self._acknowledge(b"SERVO", b"OK:%d" % self._servo_deg)

    def _speed(self, number: bytes) -> Iterator[float]:
        percent = int(number) if re.fullmatch(rb"\d{1,3}", number) else -1
        if 0 <= percent <= 100:
            self._speed_percent = percent
            yield from self._acknowledge(b"SPEED", b"OK:%d" % percent)
        else:
            yield from self._acknowledge(b"SPEED", b"ERROR:RANGE")

    def _status(self) -> Iterator[float]:
        left, right = self._reported_motors()
        yield from self._print(f"STATUS:SERVO:{self._servo_deg},LMOTOR:{left},RMOTOR:{right}")

    def _reset(self) -> Iterator[float]:
        self._servo_deg = SERVO_MIDDLE_DEG
        self._direction = HALT
        self._obstacle = self._warning = False
        yield from self._acknowledge(b"RESET", b"OK")

    def _clear_block(self) -> Iterator[float]:
        self._obstacle = False
        yield from self._acknowledge(b"CLEARBLOCK", b"OK")

    def _scan(self) -> Iterator[float]:
        yield from self._print("SCAN:START")
        best_deg, best_cm = 0, 0.0
        for step in range(SCAN_READINGS):
            angle_deg = step * SCAN_STEP_DEG
            yield from self._measure()
            yield from self._print(f"SCAN:POS:{angle_deg},{self._sonar_fields()}")
            heard = [cm for cm in self._distances_cm if cm > 0]
            mean_cm = sum(heard) / len(heard) if heard else 0.0
            if mean_cm > best_cm:
                best_deg, best_cm = angle_deg, mean_cm
            if step < SCAN_READINGS - 1:
                self._direction = self._direction_of(b"RIGHT")
                yield SCAN_TURN_S
                self._direction = HALT
                yield SCAN_SETTLE_S
        yield from self._print(f"SCAN:BEST:{best_deg},DIST:{int(best_cm)}")
        yield from self._print("SCAN:COMPLETE")
        yield from self._acknowledge(b"SCAN", b"OK")


def _leading_number(text: bytes) -> int:
    """What Arduino makes of a text as a number: its leading digits, 0 without any."""
    found = re.match(rb"\s*([+-]?\d+)", text)
    return int(found[1][:12]) if found else 0
