"""An ESP32 board on a table: bytes in, lines with their times out."""

from __future__ import annotations

from smartcar_mqtt.simulator.esp32.firmware import Firmware
from smartcar_mqtt.simulator.world.room import Gas, Room, RoundObstacle, Start, Wall
from smartcar_mqtt.simulator.world.wiring import DOCUMENTED, Wiring
from smartcar_mqtt.simulator.world.world import World

RADIUS_M = 0.11
FULL = (255, 255)
HALT = (0, 0)


class Bench:
    """A board whose car has a wall that many centimetres ahead, or None; time passes only in the calls."""

    def __init__(self, ahead_cm: float | None = 100, *, wiring: Wiring = DOCUMENTED, **options: bool) -> None:
        walls = () if ahead_cm is None else (self.wall(ahead_cm),)
        room = Room(start=Start(at=(0.0, 0.0)), walls=walls, gas=Gas(clean_air_raw=321))
        self.world = World(room, wiring=wiring)
        self.board = Firmware(self.world, **options)
        self.now = 0.0
        self.lines: list[tuple[float, str]] = []
        self.run(0.35)  # boot and banner
        self.run_until("DATA:")

    @staticmethod
    def wall(ahead_cm: float) -> Wall:
        away = RADIUS_M + ahead_cm / 100
        return Wall(points=((-9.0, away), (9.0, away)))

    def look_at(self, ahead_cm: float) -> None:
        """Put the car that far from a round thing that fills its view."""
        y = self.world.pose.y_m + RADIUS_M + 2 + ahead_cm / 100
        self.world.put_obstacle(RoundObstacle(name="thing", kind="box", at=(0, y), radius_m=2))

    def run(self, seconds: float, received: bytes = b"") -> list[str]:
        """Let time pass after `received` has arrived; the new lines."""
        first = len(self.lines)
        self._take(self.board.advance(self.now, received))
        end = self.now + seconds
        while self._next_moment <= end:
            self.now = self._next_moment
            self._take(self.board.advance(self.now))
        self.now = end
        self._take(self.board.advance(end))
        return [line for _, line in self.lines[first:]]

    def run_until(self, start: str) -> str:
        """Let time pass until a line begins like this; that line."""
        for _ in range(1000):
            self.now = self._next_moment
            sent = self.board.advance(self.now)
            self._take(sent)
            if sent.decode("latin-1").startswith(start):
                return self.lines[-1][1]
        raise AssertionError(f"no line begins with {start}")

    def ask(self, command: bytes | str, seconds: float = 0.4) -> list[str]:
        """Send a line; everything but DATA that comes back."""
        data = command.encode() if isinstance(command, str) else command
        return [line for line in self.run(seconds, data + b"\n") if not line.startswith("DATA:")]

    def data(self) -> str:
        """A DATA line measured from now on."""
        self.run_until("DATA:")
        return self.run_until("DATA:")

    @property
    def _next_moment(self) -> float:
        """When the board does something, or a line has left."""
        return min(self.board.next_event, self.board.next_output)

    def _take(self, sent: bytes) -> None:
        assert sent == b"" or sent.endswith(b"\r\n")
        self.lines += [(self.now, line.decode("latin-1")) for line in sent.split(b"\r\n")[:-1]]
