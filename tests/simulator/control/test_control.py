"""The twin as a process of its own, and the port through which others pull its cable and ask for its pose."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smartcar_mqtt.simulator.control.server import ControlServer, answer
from smartcar_mqtt.simulator.esp32.twin import SerialTwin
from smartcar_mqtt.simulator.world.world import World
from tests.support.serial_port import open_port, read_until

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@contextlib.contextmanager
def client(address: tuple[str, int]) -> Iterator[Ask]:
    with socket.create_connection(address, timeout=5) as connection, connection.makefile("rwb") as stream:

        def ask(request: dict[str, Any]) -> dict[str, Any]:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            reply: dict[str, Any] = json.loads(stream.readline())
            return reply

        yield ask


def places(scene: dict[str, Any]) -> dict[str, list[float]]:
    return {each["name"]: each["at"] for each in scene["obstacles"]}


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "esp32"


@pytest.fixture
def live(link: Path) -> Iterator[SerialTwin]:
    with SerialTwin(World.load("living_room"), link=link) as twin:
        yield twin


class TestControl:
    @pytest.mark.parametrize(
        "request_line",
        [
            b'{"do": "fly"}',
            b'{"do": "unplug", "now": true}',
            b'{"do": "silence", "on": "yes"}',
            b'{"do": "slow", "seconds": -1}',
            b'{"do": "garbage", "bytes": 0}',
            b'{"do": "raw", "text": "\\u2603"}',
            b'{"do": "remove", "name": "unicorn"}',
            b'{"do": "put", "obstacle": {"shape": "circle"}}',
            b"[]",
            b"null",
            b"unplug",
            b"\xff",
            b"[" * 60_000,
        ],
    )
    def test_what_is_no_request_is_an_error_and_changes_nothing(self, live: SerialTwin, request_line: bytes) -> None:
        before = live.faults()
        assert list(answer(live, request_line)) == ["error"]
        assert live.faults() == before
        assert live.plugged

    def test_every_fault_can_be_set_and_seen(self, live: SerialTwin) -> None:
        with ControlServer(live) as server, client(server.address) as ask:
            for fault, key, value in (
                ({"do": "silence"}, "silent", True),
                ({"do": "deaf", "on": True}, "deaf", True),
                ({"do": "block"}, "blocked", True),
                ({"do": "slow", "seconds": 0.5}, "slow", 0.5),
                ({"do": "rate", "hz": 50}, "rate", 50),
                ({"do": "unplug"}, "unplugged", True),
            ):
                assert ask(fault) == {"ok": True}
                assert ask({"do": "state"})["faults"][key] == value
            assert ask({"do": "state"})["serial"] is None
            assert ask({"do": "replug"})["serial"] == live.device

    def test_the_usb_port_can_be_written_and_the_pins_be_seen(self, live: SerialTwin, link: Path) -> None:
        with ControlServer(live) as server, client(server.address) as ask, open_port(str(link)) as port:
            assert ask({"do": "usb", "text": "LEFT\n"}) == {"ok": True}
            assert read_until(port, b"ACK:") == b"ACK:LEFT:OK\r\n"
            assert ask({"do": "state"})["pins"] == "1001"
            assert "error" in ask({"do": "usb", "text": "\u2603"})

    def test_the_room_can_be_seen_and_changed(self, live: SerialTwin) -> None:
        ball = {"shape": "circle", "name": "ball", "kind": "ball", "at": [0, 0.6], "radius_m": 0.1}
        with ControlServer(live) as server, client(server.address) as ask:
            assert ask({"do": "put", "obstacle": ball}) == {"ok": True}
            assert ask({"do": "move", "name": "ball", "x_m": 0.1, "y_m": 0.7}) == {"ok": True}
            assert places(ask({"do": "scene"}))["ball"] == [0.1, 0.7]
            assert ask({"do": "remove", "name": "ball"}) == {"ok": True}
            assert "ball" not in places(ask({"do": "scene"}))
            assert ask({"do": "pose", "x_m": 0, "y_m": 0.5, "heading_deg": 90}) == {"ok": True}
            assert ask({"do": "gas", "strength_raw": 900}) == {"ok": True}
            pose = ask({"do": "state"})["pose"]
            assert pose == {"x_m": 0.0, "y_m": 0.5, "heading_deg": pytest.approx(90)}

    def test_what_the_pi_sent_can_be_asked_for(self, live: SerialTwin, link: Path) -> None:
        with ControlServer(live) as server, client(server.address) as ask, open_port(str(link)) as port:
            port.write(b"LEFT\nSTOP\n")
            live.wait_for("STOP")
            assert ask({"do": "state"})["received"] == 2
            assert [each["line"] for each in ask({"do": "received", "since": 1})["lines"]] == ["STOP"]
            for request in ({"do": "raw", "text": "x\n"}, {"do": "cut", "at": 3}, {"do": "garbage", "bytes": 9}):
                assert ask(request) == {"ok": True}
            assert ask({"do": "reboot"}) == {"ok": True}


class TestProcess:
    START = (
        "import sys, pathlib; from smartcar_mqtt.simulator.control.process import run_simulator; "
        "run_simulator(pathlib.Path(sys.argv[1]), sys.argv[2], 0)"
    )

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
    def test_it_says_when_it_is_ready_and_ends_cleanly_on_a_signal(self, link: Path, end: signal.Signals) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", self.START, str(link), "living_room"], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                ready = json.loads(process.stdout.readline())
                assert ready["serial"] == str(link)
                with open_port(str(link)) as port, client(tuple(ready["control"])) as ask:
                    port.write(b"FORWARD\n")
                    assert read_until(port, b"ACK:") == b"ACK:FORWARD:OK\r\n"
                    state = ask({"do": "state"})
                    assert state["motors"] == [255, 255]
                    assert len(state["distances_cm"]) == 3
                process.send_signal(end)
                assert process.wait(5) == 0
                assert process.stdout.read() == ""
                assert not link.is_symlink()
            finally:
                process.kill()
