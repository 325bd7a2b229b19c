"""The ESP32 twin on a pseudo-terminal: the firmware in real time, or step by step for tests, with faults on demand.

One thread owns everything: world, firmware, wire and terminal. It sleeps until the firmware may send, until bytes
arrive, or until another thread hands it something to do; every public method may be called from any thread, is done
by that thread, and returns when it is done. With a ManualClock there is no thread: `step` moves the time, methods
act where they are called, and then only one thread may use the twin.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from smartcar_mqtt.clock import Clock, ManualClock, SystemClock
from smartcar_mqtt.simulator.esp32.firmware import Firmware, Motors
from smartcar_mqtt.simulator.esp32.line_faults import Wire
from smartcar_mqtt.simulator.esp32.line_log import ReceivedLine, ReceivedLines
from smartcar_mqtt.simulator.esp32.pseudo_terminal import PseudoTerminal
from smartcar_mqtt.simulator.esp32.uart import BITS_PER_BYTE
from smartcar_mqtt.simulator.world.world import World

BOOT_NOISE = b"\x00\xff"  # a pin that is not yet driven, and the first edge of the transmitter
BAUD = 115200
KERNEL_BYTES = 4096  # of the Pi's transmit buffer: more than that is not taken from it before the line has room
ANSWER_TIMEOUT_S = 5.0  # for what another thread hands over; it takes microseconds
LONGEST_SLEEP_S = 3600.0

T = TypeVar("T")


class SerialTwin:
    """A board on a serial line. Use it as a context manager, or `start` and `close` it.

    Nothing runs the firmware but this; the wheels obey nothing but the firmware.

    Args:
        world: the room and the car, which knows how its motors are wired.
        clock: the time; with a ManualClock the twin has no thread.
        link: a stable name for the Pi's serial port.
        usb_link: a stable name for the board's USB port, which there is only with it.
        speed_control: the board has a newer firmware, which knows SPEED.
        boot_noise: what arrives before the banner while the board starts.
        seed: of the line noise.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: Clock | None = None,
        link: Path | None = None,
        usb_link: Path | None = None,
        speed_control: bool = False,
        boot_noise: bytes = BOOT_NOISE,
        seed: int = 0,
    ) -> None:
        self._clock = clock or SystemClock()
        self._link = link
        self._usb_link = usb_link
        self._random = random.Random(seed)  # noqa: S311 - line noise, not a secret
        self._world = world
        self._firmware = Firmware(
            world, now=self._clock.monotonic(), baud=BAUD, speed_control=speed_control, boot_noise=boot_noise
        )
        self._wire = Wire()
        self._deaf = False
        self._terminal: PseudoTerminal | None = None
        self._usb: PseudoTerminal | None = None
        self._lost_bytes = 0
        self._received = ReceivedLines()
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)

    # Life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Open the serial ports; with a real clock, start the thread.

        Raises:
            FileExistsError: something that is not a link stands at `link`.
            OSError: the port or the link cannot be made.
        """
        self._terminal = PseudoTerminal(self._link)
        if self._usb_link is not None:
            self._usb = PseudoTerminal(self._usb_link)
        if not isinstance(self._clock, ManualClock):
            self._thread = threading.Thread(target=self._run, name="esp32-twin", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop, hang up and remove the link; harmless the second time."""
        if self._thread is not None and self._thread.is_alive():
            self._do(self._end)
            self._thread.join()
        self._hang_up()
        if self._usb is not None:
            self._usb.close()
            self._usb = None
        self._wake_receiver.close()
        self._wake_sender.close()

    def step(self, seconds: float) -> None:
        """Under a ManualClock: let that much time pass, event by event; 0 takes in what the Pi has sent."""
        if not isinstance(self._clock, ManualClock):
            raise TypeError("the twin runs in real time: only one with a ManualClock can be stepped")
        end = self._clock.monotonic() + seconds
        while (event := self._serve()) < end:
            self._clock.advance(max(0.0, event - self._clock.monotonic()))
        self._clock.advance(max(0.0, end - self._clock.monotonic()))
        self._serve()

    # What can be seen

    @property
    def device(self) -> str:
        """Path of the serial port; another one after `replug`, for which `link` stays.

        Raises:
            RuntimeError: the twin is not started or unplugged.
        """
        terminal = self._terminal
        if terminal is None:
            raise RuntimeError("there is no serial port: the twin is unplugged or not started")
        return terminal.device

    @property
    def plugged(self) -> bool:
        """Whether there is a serial port."""
        return self._terminal is not None

    @property
    def motors(self) -> Motors:
        """Power of the wheels (left, right) now, -255 to 255."""
        return self.look(lambda _, firmware: firmware.motors)

    @property
    def received(self) -> list[ReceivedLine]:
        """The lines that the Pi has sent, heard or not; the newest 10,000."""
        return self._received.since()

    @property
    def received_count(self) -> int:
        """How many lines the Pi has sent so far; a mark for `wait_for(..., since=)`."""
        return self._received.count

    @property
    def synthetic_count(self) -> int:
        """How many synthetic lines have been sent at the present or last `rate`."""
        return self._wire.synthetic_count

    @property
    def lost_bytes(self) -> int:
        """Bytes that the Pi was too slow to take, or that nobody was there to read."""
        return self._lost_bytes + (self._terminal.lost_bytes if self._terminal else 0)

    def wait_for(self, line: str, timeout: float = 2.0, *, since: int = 0) -> ReceivedLine:
        """Wait until the Pi has sent exactly this line, counted from line number `since` on.

        Raises:
            TimeoutError: it has not within `timeout` real seconds.
        """
        if self._thread is None:
            self._await_manually(line, timeout, since)
            timeout = 0.0
        return self._received.wait_for(line, timeout, since=since)

    def received_since(self, number: int) -> list[ReceivedLine]:
        """The lines that the Pi has sent from that number on."""
        return self._received.since(number)

    def look(self, question: Callable[[World, Firmware], T]) -> T:
        """Ask (or change) world and firmware at this moment; the one way to touch them while the twin runs."""
        return self._do(lambda: question(self._world, self._firmware))

    def change(self, change: Callable[[World], T]) -> T:
        """Change the world at this moment, such as `twin.change(lambda room: room.remove_obstacle("ball"))`."""
        return self._do(lambda: change(self._world))

    def faults(self) -> dict[str, bool | float]:
        """Which faults are on."""
        return self._do(
            lambda: {
                "unplugged": self._terminal is None,
                "silent": self._wire.silent,
                "deaf": self._deaf,
                "blocked": self._firmware.forward_blocked,
                "slow": self._wire.delay_s,
                "rate": self._wire.synthetic_hz,
            }
        )

    # Faults

    def unplug(self, *, power_off: bool = False) -> None:
        """Pull the cable: the reader gets an error or an end of file, the link vanishes.

        A board with power of its own goes on doing what it was told last: that is the worst case, so it is the usual
        one here. With `power_off` the board dies with the cable.
        """
        self._do(lambda: self._pull(power_off=power_off))

    def replug(self) -> None:
        """Plug the cable in again: a new port under the same link, and the board boots."""
        self._do(self._plug_in)

    def reboot(self) -> None:
        """Let the board start anew: motors off, then its banner."""
        self._do(self._firmware.reboot)

    def garbage(self, noise: int | bytes) -> None:
        """Send these bytes, or so many random ones, at once and without an end of line."""
        self.raw(self._random.randbytes(noise) if isinstance(noise, int) else noise)

    def raw(self, data: bytes) -> None:
        """Send exactly these bytes at once."""
        self._do(lambda: self._write(data))

    def usb(self, data: bytes) -> None:
        """Write these bytes to the board's USB port: commands are obeyed, but answered on the Pi's line alone."""
        self._do(lambda: self._firmware.type_on_usb(data))

    def cut_next_line(self, at: int, *, keep_end: bool = True) -> None:
        """Let only `at` bytes of the firmware's next line through; without its end the line after sticks to it."""
        self._do(lambda: self._wire.cut_next_line(at, keep_end=keep_end))

    def silence(self, on: bool = True) -> None:
        """Send nothing, still obey."""

        def switch() -> None:
            self._wire.silent = on

        self._do(switch)

    def deaf(self, on: bool = True) -> None:
        """Obey nothing, still send. What the Pi sends is recorded all the same."""

        def switch() -> None:
            self._deaf = on

        self._do(switch)

    def block(self, on: bool = True) -> None:
        """Refuse every FORWARD with BLOCKED:OBSTACLE, whatever the sensors say."""

        def switch() -> None:
            self._firmware.forward_blocked = on

        self._do(switch)

    def slow(self, seconds: float) -> None:
        """Let every line arrive that much later; 0 ends it. What is under way keeps its order."""

        def switch() -> None:
            self._wire.delay_s = max(0.0, seconds)

        self._do(switch)

    def rate(self, hz: float) -> None:
        """Send synthetic DATA lines at that rate in place of the firmware's; 0 ends it. For measuring throughput."""
        self._do(lambda: self._wire.set_rate(hz, self._clock.monotonic()))

    # The thread

    def _run(self) -> None:
        """Body of the thread, the only one to touch world, firmware, wire and terminal; it ends by `close`."""
        try:
            wake = self._wake_receiver.fileno()
            ready: list[int] = []
            while not self._ending:
                event = self._serve(ready)
                terminals = [each for each in (self._terminal, self._usb) if each is not None]
                awaited = [wake, *(descriptor for each in terminals for descriptor in each.awaited)]
                if self._line_full_s > 0 and self._terminal is not None and self._terminal.master in awaited:
                    awaited.remove(self._terminal.master)
                    event = min(event, self._clock.monotonic() + self._line_full_s)
                blocked = [each.master for each in terminals if each.blocked]
                pause = min(LONGEST_SLEEP_S, max(0.0, event - self._clock.monotonic()))
                ready, _, _ = select.select(awaited, blocked, [], pause)
                if wake in ready:
                    self._wake_receiver.recv(4096)
                    self._do_tasks()
        finally:
            self._ending = True
            self._do_tasks()

    @property
    def _line_full_s(self) -> float:
        """For how long nothing more can be taken from the Pi, at the line's pace."""
        return self._firmware.unheard_s - KERNEL_BYTES * BITS_PER_BYTE / BAUD

    def _serve(self, ready: Sequence[int] | None = None) -> float:
        """Bring everything up to now; return when to do so again.

        `ready` are the descriptors on which something may have come, None where that is not known.
        """
        now = self._clock.monotonic()
        terminal, received = self._terminal, b""
        if terminal is not None and (ready is None or terminal.master in ready or terminal.opening in ready):
            received = terminal.read() if self._line_full_s <= 0 else b""
        if received:
            self._received.add(now, received)
        self._wire.put(now, self._firmware.advance(now, b"" if self._deaf else received))
        if self._wire.next_due <= now or (terminal is not None and terminal.blocked):
            self._write(self._wire.take(now))
        if self._usb is not None:
            self._firmware.type_on_usb(self._usb.read())
            self._usb.write(self._firmware.read_usb())
        return min(self._firmware.next_output, self._wire.next_due)

    def _do(self, task: Callable[[], T]) -> T:
        """Have the thread do it between two events, at the present moment of the simulation; wait for the result."""
        if self._thread is None:
            self._serve()
            return task()
        future: Future[T] = Future()

        def perform() -> None:
            self._serve()
            try:
                future.set_result(task())
            except Exception as error:  # noqa: BLE001 - it belongs to the thread that asked
                future.set_exception(error)

        if self._ending or not self._thread.is_alive():
            raise RuntimeError("the twin is closed")
        self._tasks.put(perform)
        with contextlib.suppress(BlockingIOError):  # full: it is being woken anyway
            self._wake_sender.send(b"!")
        return future.result(ANSWER_TIMEOUT_S)

    def _do_tasks(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._tasks.get_nowait()()

    def _end(self) -> None:
        self._ending = True

    def _write(self, data: bytes) -> None:
        if self._terminal is not None:
            self._terminal.write(data)

    def _pull(self, *, power_off: bool) -> None:
        self._hang_up()
        self._wire.drop_all()
        if power_off:
            self._firmware.power_off()

    def _plug_in(self) -> None:
        if self._terminal is None:
            self._terminal = PseudoTerminal(self._link)
            self._firmware.reboot()

    def _hang_up(self) -> None:
        if self._terminal is not None:
            self._lost_bytes += self._terminal.lost_bytes
            self._terminal.close()
            self._terminal = None

    def _await_manually(self, line: str, timeout: float, since: int) -> None:
        """Without a thread: take in what the Pi sends, in real time, while the simulated time stands still."""
        deadline = SystemClock().monotonic() + timeout
        while self._terminal is not None and all(each.line != line for each in self._received.since(since)):
            left = deadline - SystemClock().monotonic()
            if left <= 0 or not select.select([self._terminal.master], [], [], left)[0]:
                return
            self._serve()
