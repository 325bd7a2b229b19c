"""The twin on a real pseudo-terminal, read as the robot reads its board: through pyserial."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from smartcar_mqtt.clock import ManualClock
from smartcar_mqtt.simulator.esp32.firmware import BANNER
from smartcar_mqtt.simulator.esp32.twin import BOOT_NOISE, SerialTwin
from smartcar_mqtt.simulator.world.room import Room, Start, Wall
from smartcar_mqtt.simulator.world.world import World
from tests.support.serial_port import open_port, read_until

END = b"\r\n"
FIRST_LINE = BOOT_NOISE + BANNER.encode()
ROOM = Room(start=Start(at=(0.0, 0.0)), walls=(Wall(points=((-9.0, 1.11), (9.0, 1.11))),))


class Stepped:
    """A twin whose time the test moves, and a pyserial port on it."""

    def __init__(self, link: Path) -> None:
        self.twin = SerialTwin(World(ROOM), clock=ManualClock(), link=link)
        self.twin.start()
        self.port = open_port(str(link))

    def run(self, seconds: float, command: bytes = b"") -> bytes:
        """What arrives in that much simulated time after a command."""
        self.port.write(command)
        if command:
            self.twin.wait_for(command.decode().strip(), since=self.twin.received_count)
        sent = bytearray()
        for _ in range(round(seconds / 0.05)):
            self.twin.step(0.05)
            sent += self.arrived()
        return bytes(sent)

    def arrived(self) -> bytes:
        """What the kernel has passed on: it does so on a thread of its own, so wait until it is quiet."""
        data = bytearray()
        while select.select([self.port.fileno()], [], [], 0.01)[0]:
            data += self.port.read(self.port.in_waiting or 1)
        return bytes(data)


def commands_only(sent: bytes) -> list[bytes]:
    return [line for line in sent.split(END) if line and not line.startswith(b"DATA:")]


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "esp32"


@pytest.fixture
def stepped(link: Path) -> Iterator[Stepped]:
    bench = Stepped(link)
    bench.run(0.4)
    yield bench
    bench.port.close()
    bench.twin.close()


@pytest.fixture
def live(link: Path) -> Iterator[SerialTwin]:
    with SerialTwin(World(ROOM), link=link) as twin:
        yield twin


class TestStepped:
    def test_banner_and_data_lines_arrive_whole(self, link: Path) -> None:
        bench = Stepped(link)
        sent = bench.run(3.0)
        lines = sent.split(END)
        assert lines[0] == FIRST_LINE
        assert lines[-1] == b""
        assert len(lines) > 30
        assert set(lines[1:-1]) == {
            b"DATA:S1:105,S2:100,S3:105,MQ2:180,SERVO:90,LMOTOR:0,RMOTOR:0,OBSTACLE:0,WARNING:0"
        }
        bench.port.close()
        bench.twin.close()

    def test_the_car_moves_by_the_firmware_alone(self, stepped: Stepped) -> None:
        assert commands_only(stepped.run(0.5, b"FORWARD\n")) == [b"ACK:FORWARD:OK"]
        assert stepped.twin.motors == (255, 255)
        assert stepped.twin.look(lambda world, _: world.travelled_m) > 0.1

    def test_silence_sends_nothing_and_still_obeys(self, stepped: Stepped) -> None:
        stepped.twin.silence()
        assert stepped.run(0.5, b"LEFT\n") == b""
        assert stepped.twin.motors == (255, -255)
        stepped.twin.silence(False)
        assert stepped.run(0.3).startswith(b"DATA:")

    def test_deaf_obeys_nothing_still_sends_and_records(self, stepped: Stepped) -> None:
        stepped.twin.deaf()
        sent = stepped.run(0.5, b"LEFT\n")
        assert b"DATA:" in sent
        assert commands_only(sent) == []
        assert stepped.twin.motors == (0, 0)
        assert [each.line for each in stepped.twin.received] == ["LEFT"]

    def test_block_refuses_every_forward(self, stepped: Stepped) -> None:
        stepped.twin.block()
        assert commands_only(stepped.run(0.3, b"FORWARD\n")) == [b"ACK:FORWARD:BLOCKED:OBSTACLE"]

    def test_slow_delays_every_line_and_keeps_the_order(self, stepped: Stepped) -> None:
        stepped.twin.slow(2.0)
        stepped.arrived()
        assert stepped.run(1.9, b"LEFT\n") == b""
        sent = stepped.run(0.5)
        assert commands_only(sent) == [b"ACK:LEFT:OK"]
        assert sent.startswith(b"DATA:")

    def test_a_line_is_cut_with_its_end_kept(self, stepped: Stepped) -> None:
        stepped.twin.cut_next_line(11)
        lines = stepped.run(0.3).split(END)
        assert lines[0] == b"DATA:S1:105"
        assert lines[1].startswith(b"DATA:S1:105,S2:")

    def test_a_line_is_cut_without_its_end_and_the_next_sticks_to_it(self, stepped: Stepped) -> None:
        stepped.twin.cut_next_line(11, keep_end=False)
        assert stepped.run(0.3).startswith(b"DATA:S1:105DATA:S1:105,S2:")

    def test_garbage_and_raw_bytes_come_at_once_and_unchanged(self, stepped: Stepped) -> None:
        everything = bytes(range(256))
        stepped.twin.garbage(everything)
        stepped.twin.raw(b"DATA:S1:")
        assert stepped.arrived() == everything + b"DATA:S1:"
        stepped.twin.garbage(100)
        assert len(stepped.arrived()) == 100

    def test_a_reboot_in_the_middle_stops_the_motors_and_sends_the_banner(self, stepped: Stepped) -> None:
        stepped.run(0.3, b"FORWARD\n")
        stepped.twin.reboot()
        assert stepped.twin.motors == (0, 0)
        assert FIRST_LINE in stepped.run(0.4).split(END)

    def test_synthetic_lines_are_numbered_and_replace_the_firmwares(self, stepped: Stepped) -> None:
        stepped.twin.rate(200)
        sent = stepped.run(1.0, b"STOP\n")
        numbers = [int(line.split(b"MQ2:")[1].split(b",")[0]) for line in sent.split(END) if b"MQ2:" in line]
        assert numbers == list(range(199)) or numbers == list(range(200))
        assert commands_only(sent) == [b"ACK:STOP:OK"]
        stepped.twin.rate(0)
        assert b"MQ2:180" in stepped.run(0.3)

    def test_a_pulled_cable_leaves_the_car_driving_unless_the_power_goes_too(self, stepped: Stepped) -> None:
        stepped.run(0.3, b"LEFT\n")
        stepped.twin.unplug()
        stepped.twin.step(1.0)
        assert stepped.twin.motors == (255, -255)
        stepped.twin.replug()
        assert stepped.twin.motors == (0, 0)
        stepped.twin.unplug(power_off=True)
        assert stepped.twin.motors == (0, 0)

    def test_nobody_reading_costs_bytes_but_no_old_lines_for_a_later_reader(self, stepped: Stepped, link: Path) -> None:
        stepped.port.close()
        for _ in range(100):
            stepped.twin.step(1.0)
        assert stepped.twin.lost_bytes > 10_000
        stepped.port = open_port(str(link))
        stepped.twin.change(lambda world: world.set_gas_raw(1000))
        sent = stepped.run(0.5)
        assert sent.startswith(b"DATA:S1:105,S2:100,S3:105,MQ2:1")
        assert sent.count(END) < 10

    def test_whole_lines_are_lost_never_parts(self, stepped: Stepped) -> None:
        stepped.twin.rate(5000)
        for _ in range(20):
            stepped.twin.step(0.1)  # 0.8 MB that nobody takes meanwhile
        stepped.twin.rate(0)
        assert stepped.twin.lost_bytes > 100_000
        sent = b""
        while arrived := stepped.run(0.05):
            sent += arrived
        lines = sent.split(END)
        synthetic = [line for line in lines if b"S1:100," in line]
        assert len(synthetic) > 20
        assert all(line.startswith(b"DATA:") and line.endswith(b"WARNING:0") for line in lines if line)

    def test_an_open_port_that_is_not_read_keeps_every_line(self, stepped: Stepped) -> None:
        """As Linux does for a process that is frozen; after a thaw the oldest lines come first."""
        stepped.arrived()
        lost = stepped.twin.lost_bytes
        stepped.twin.step(60.0)
        assert stepped.twin.lost_bytes == lost
        sent = b""
        while arrived := stepped.arrived():
            sent += arrived
            stepped.twin.step(0.0)
        assert sent.count(b"DATA:") == pytest.approx(60 / 0.06956, abs=2)

    def test_bytes_of_the_pi_are_taken_at_the_lines_pace(self, stepped: Stepped) -> None:
        """11,520 bytes a second, however fast they are written: what the port cannot take yet waits with the Pi."""
        written = 0
        with contextlib.suppress(BlockingIOError):
            while written < 100_000:
                written += os.write(stepped.port.fileno(), b"STATUS\n" * 100)
                stepped.twin.step(0.0)
        assert 4096 < written < 40_000
        before = stepped.twin.received_count
        stepped.twin.step(1.0)
        assert (stepped.twin.received_count - before) * len("STATUS\n") <= 11_520 + 4096

    def test_only_a_hand_moved_clock_can_be_stepped(self, live: SerialTwin) -> None:
        with pytest.raises(TypeError, match="ManualClock"):
            live.step(1.0)


class TestLive:
    def test_lines_come_intact_at_the_rate_of_the_board(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)) as port:
            lines = []
            while len(lines) < 12:
                lines.append(port.readline())
            seconds = time.monotonic()
            lines += [port.readline() for _ in range(10)]
            seconds = time.monotonic() - seconds
        assert all(line.endswith(END) for line in lines)
        assert all(line.startswith(b"DATA:") and line.count(b",") == 8 for line in lines[1:])
        assert 0.5 < seconds < 2.0  # 10 loops of 82 ms; more on a busy machine

    def test_a_command_is_answered_recorded_and_moves_the_wheels(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)) as port:
            port.write(b"FORWARD\r\n")
            received = live.wait_for("FORWARD")
            assert received.number == 0
            assert read_until(port, b"ACK:") == b"ACK:FORWARD:OK\r\n"
            assert live.motors == (255, 255)
            port.write(b"STOP\n")
            assert read_until(port, b"ACK:") == b"ACK:STOP:OK\r\n"
            assert live.motors == (0, 0)

    def test_waiting_for_a_line_that_does_not_come_tells_what_came(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)) as port:
            port.write(b"LEFT\n")
            live.wait_for("LEFT")
            with pytest.raises(TimeoutError, match=r"'STOP' has not come.*\['LEFT'\]"):
                live.wait_for("STOP", timeout=0.05)

    def test_a_line_sent_before_is_not_found_with_a_mark(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)) as port:
            port.write(b"STOP\n")
            live.wait_for("STOP")
            mark = live.received_count
            with pytest.raises(TimeoutError):
                live.wait_for("STOP", timeout=0.05, since=mark)
            threading.Timer(0.05, port.write, [b"STOP\n"]).start()
            assert live.wait_for("STOP", since=mark).number == mark

    def test_unplugging_is_an_error_for_the_reader_and_replugging_a_new_start(
        self, live: SerialTwin, link: Path
    ) -> None:
        with open_port(str(link)) as port:
            port.readline()
            live.unplug()
            assert not link.is_symlink()
            assert live.faults()["unplugged"]
            with pytest.raises(serial.SerialException):
                read_until(port, b"a line that never comes")
            with pytest.raises(RuntimeError, match="unplugged"):
                _ = live.device
        with pytest.raises(serial.SerialException):
            open_port(str(link))
        for _ in range(3):
            live.replug()
            with open_port(str(link)) as port:
                first = port.readline()
                assert first == FIRST_LINE + END or first.startswith(b"DATA:"), "it was opened after the board's start"
                assert port.readline().startswith(b"DATA:")
            live.unplug()

    def test_a_second_reader_is_kept_out(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)), pytest.raises(serial.SerialException):
            open_port(str(link))

    def test_nothing_is_echoed_or_translated(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)) as port:
            live.silence()
            port.write(b"\x03\x11\x13\x1a\x04\x7f\nSTATUS\r\n")
            live.wait_for("STATUS")
            assert live.received[0].line == "\x03\x11\x13\x1a\x04\x7f"
            live.raw(b"\n\r\x03\x11\x13\x00")
            assert read_until(port, b"", end=b"\x00").endswith(b"\n\r\x03\x11\x13\x00")

    def test_thousands_of_lines_a_second_arrive_without_a_gap(self, live: SerialTwin, link: Path) -> None:
        with open_port(str(link)) as port:
            port.readline()
            live.rate(3000)
            received = b""
            while received.count(b"S1:100,") < 1500:
                received += port.read(port.in_waiting or 1)
            live.rate(0)
        lines = [line for line in received.split(END)[:-1] if b"S1:100," in line]
        numbers = [int(line.split(b"MQ2:")[1].split(b",")[0]) for line in lines]
        assert numbers == list(range(len(numbers))) or live.lost_bytes > 0  # a machine too busy to read
        assert numbers == sorted(set(numbers))

    def test_the_usb_port_is_a_second_one_with_lines_for_people(self, link: Path, tmp_path: Path) -> None:
        usb = tmp_path / "usb"
        with (
            SerialTwin(World(ROOM), link=link, usb_link=usb) as twin,
            open_port(str(link)) as port,
            open_port(str(usb)) as people,
        ):
            people.write(b"LEFT\n")
            assert read_until(port, b"ACK:") == b"ACK:LEFT:OK\r\n"
            assert twin.motors == (255, -255)
            assert read_until(people, b"Command") == b"Command from USB: LEFT.\r\n"
            assert read_until(people, b"left ").endswith(b"fwd 1\r\n")
            twin.usb(b"STOP\n")
            assert read_until(port, b"ACK:") == b"ACK:STOP:OK\r\n"
            twin.unplug()
            people.write(b"RIGHT\n")
            assert read_until(people, b"Command from USB: RIGHT") != b""
            assert twin.motors == (-255, 255), "a board that has lost the Pi still hears USB"
        assert not usb.is_symlink()

    def test_close_removes_the_link_and_may_be_repeated(self, link: Path) -> None:
        twin = SerialTwin(World(ROOM), link=link)
        twin.start()
        twin.close()
        twin.close()
        assert not link.is_symlink()
        with pytest.raises(RuntimeError, match="closed"):
            _ = twin.motors

    def test_a_file_in_the_place_of_the_link_is_left_alone(self, link: Path) -> None:
        link.write_text("mine")
        with pytest.raises(FileExistsError, match="is not a link"), SerialTwin(World(ROOM), link=link):
            pass
        assert link.read_text() == "mine"

    def test_a_link_left_behind_is_replaced(self, link: Path) -> None:
        link.symlink_to("/dev/pts/99999")
        with SerialTwin(World(ROOM), link=link) as twin:
            assert str(link.readlink()) == twin.device

    def test_an_error_in_a_question_belongs_to_who_asked(self, live: SerialTwin) -> None:
        with pytest.raises(KeyError):
            live.change(lambda world: world.remove_obstacle("unicorn"))
        assert live.motors == (0, 0)
