"""The processes of a demo: started in order, watched, ended in reverse order, never left behind."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import yaml

from smartcar_mqtt.cli.connection import demo_file
from smartcar_mqtt.config import ENVIRONMENT_PREFIX, Mqtt
from smartcar_mqtt.mqtt.broker import Broker, Message

TOLD_AFTER_S = 20.0
"""A bridge that needs longer to start is told about, and again each time as long has passed."""
START_TIMEOUT_S = 600.0
"""The longest wait for a part that runs and is not ready: an emulated or very busy machine needs minutes."""
LINK_TIMEOUT_S = 60.0
"""The longest wait for the hardware of a bridge that is online: it then is not slow, its hardware does not answer."""
END_TIMEOUT_S = 5.0
PORT_ATTEMPTS = 5
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"
"""Where Debian puts Mosquitto; not on everybody's PATH."""
PR_SET_PDEATHSIG = 1
END_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
"""Signals that end the demo."""


class DemoError(Exception):
    """The demo cannot start; the text says what to do."""


class Listener(Protocol):
    """Who is told of each part."""

    def ready(self, name: str, note: str, *, good: bool) -> None:
        """A part is ready, or is not."""

    def waiting(self, names: list[str], seconds: float) -> None:
        """These parts have started `seconds` ago and are not ready yet; the wait goes on."""


class Demo:
    """A broker, a simulated car and bridges, each a process of its own, in a folder that goes with them."""

    def __init__(self, *, broker_port: int, listen: str, room: str, bridges: tuple[str, ...]) -> None:
        self.port = broker_port
        self.listen = listen
        self.host = "127.0.0.1" if listen == "0.0.0.0" else listen  # noqa: S104 - the user's own wish
        self.room = room
        self.serial = ""
        self.control = ""
        """Where the simulated room is asked what stands in it: host:port."""
        self.states: dict[str, str] = dict.fromkeys(bridges, "offline")
        self.folder = Path(tempfile.mkdtemp(prefix="smartcar-demo-"))
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._broker: Broker | None = None
        self._changed = threading.Condition()
        self._linked: dict[str, bool] = {}
        self._online_since: dict[str, float] = {}
        self._was_online: set[str] = set()
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def complete(self) -> bool:
        """Whether every bridge was online, and no part has ended by itself."""
        return self._was_online == self.states.keys() and not self._told

    # -- starting ------------------------------------------------------------------------------------------------

    def start(self, told: Listener) -> None:
        """Start everything; returns when each bridge is online, has ended, or its time is up."""
        self._start_broker(told)
        self._start_car(told)
        self._start_bridges(told)
        self._announce_to_commands()

    def _start_broker(self, told: Listener) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path=SYSTEM_FOLDERS)
        if program is None:
            raise DemoError("Mosquitto is not installed; run: sudo apt-get install mosquitto mosquitto-clients")
        wished = self.port
        for _ in range(PORT_ATTEMPTS):
            self.port = free_port(self.listen, self.port)
            settings = [
                f"listener {self.port} {self.listen}",
                "allow_anonymous true",
                "persistence false",
                "set_tcp_nodelay true",
                "log_dest stdout",
                *(["user root"] if os.geteuid() == 0 else []),
            ]
            path = self.folder / "mosquitto.conf"
            path.write_text("\n".join(settings) + "\n", encoding="utf-8")
            self._spawn("broker", [program, "-c", str(path)])
            if self._listens():
                break
            self._end("broker")
            self.port = 0  # somebody has been faster
        else:
            raise DemoError(f"the broker does not start: {self.last_words('broker')}")
        note = f"{self.host}:{self.port}"
        if wished not in {0, self.port}:
            note += f"   (port {wished} is taken)"
        told.ready("broker", note, good=True)

    def _listens(self) -> bool:
        """Wait until the broker accepts connections; False when it has ended instead."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._children["broker"].poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 0.5):
                return True
            time.sleep(0.02)
        return False

    def _start_car(self, told: Listener) -> None:
        device = self.folder / "esp32"
        process = self._spawn(
            "car",
            [*PROGRAM, "sim", "--room", self.room, "--link", str(device), "--control-port", "0"],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        line = process.stdout.readline()
        if not line:
            process.wait(END_TIMEOUT_S)
            raise DemoError(self.last_words("car").removeprefix("smartcar: "))
        said = json.loads(line)
        self.serial = said["serial"]
        self.control = "{}:{}".format(*said["control"])
        told.ready("ESP32", f"simulated, in the room {self.room}, on {self.serial}", good=True)

    def _start_bridges(self, told: Listener) -> None:
        settings = {
            "car": {"state_directory": str(self.folder)},
            "mqtt": {"host": self.host, "port": self.port},
            "logging": {"directory": str(self.folder / "logs")},
            "motion": {"device": self.serial},
            **{name: section for name, section in self._without_hardware().items() if name in self.states},
        }
        path = self.folder / "system.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        broker = self._broker = Broker(Mqtt(host=self.host, port=self.port), f"smartcar-demo-{os.getpid()}")
        broker.on_connected = lambda: broker.subscribe("smartcar/car/+/availability", "smartcar/car/+/state")
        broker.on_message = self._heard
        broker.start()
        for name in self.states:
            self._spawn(name, [*PROGRAM, "run", name, "--config", str(path)])
        self._wait_online(told)

    def _wait_online(self, told: Listener) -> None:
        """Wait for each bridge while it runs, however slow this machine is; a signal that ends the demo ends this."""
        began = time.monotonic()
        next_told = TOLD_AFTER_S
        waiting = set(self.states)
        while waiting and not signal.sigpending() & END_SIGNALS:
            with self._changed:
                self._changed.wait_for(lambda: waiting & self._was_online, 0.2)
            passed = time.monotonic() - began
            for name in sorted(waiting):
                if name in self._was_online:
                    waiting.discard(name)
                    told.ready(name, f"online after {passed:.1f} s", good=True)
                elif (reason := self._given_up(name, passed)) is not None:
                    waiting.discard(name)
                    told.ready(name, f"{reason}: {self.last_words(name)}", good=False)
            if waiting and passed >= next_told:
                told.waiting(sorted(waiting), passed)
                next_told = passed + TOLD_AFTER_S

    def _given_up(self, name: str, passed_s: float) -> str | None:
        """Why a bridge is waited for no longer; None while it may still come."""
        if self._children[name].poll() is not None:
            return "not online"
        answered = self._online_since.get(name)
        if answered is not None and time.monotonic() - answered > LINK_TIMEOUT_S:
            return "online without its hardware"
        return f"not online after {passed_s:.0f} s" if passed_s > START_TIMEOUT_S else None

    def _without_hardware(self) -> dict[str, dict[str, str]]:
        """Settings of bridges whose hardware the demo does without: what it would show there are pictures."""
        return {
            "led": {"driver": "none", "picture": "animated"},
            "display": {"driver": "none"},
            "vision": {"camera": "simulated", "device": self.control, "start_mode": "on_with_stream"},
        }

    def _heard(self, message: Message) -> None:
        """A bridge counts as online when it says so and, where it has a link to hardware, that link is up too.

        A link of which nothing is known yet (null) is not up.
        """
        *_, name, kind = message.topic.split("/")
        if name not in self.states or not message.payload:
            return
        with self._changed:
            if kind == "availability":
                self.states[name] = message.payload.decode(errors="replace")
                if self.states[name] == "online":
                    self._online_since.setdefault(name, time.monotonic())
                else:
                    self._online_since.pop(name, None)
            else:
                self._linked[name] = json.loads(message.payload).get("link", True) is True
            if self.states[name] == "online" and self._linked.get(name):
                self._was_online.add(name)
            self._changed.notify_all()

    def _announce_to_commands(self) -> None:
        """Let `smartcar drive` and its like find this demo's broker."""
        path = demo_file()
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"pid": os.getpid(), "host": self.host, "port": self.port, "serial": self.serial}, file)
        fresh.replace(path)

    def _spawn(self, name: str, command: list[str], *, stdout: int | None = None) -> subprocess.Popen[str]:
        """Start a process that ends with this one, however that ends; its words go to a file."""
        words: IO[str]
        with (self.folder / f"{name}.out").open("w", encoding="utf-8") as words:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words if stdout is None else stdout,
                stderr=words,
                text=True,
                env=clean_environment(),
                start_new_session=True,  # Ctrl-C is for the demo, which then ends its parts in order
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one system call, no lock
            )
        self._children[name] = process
        return process

    # -- running and ending --------------------------------------------------------------------------------------

    def ended(self) -> list[tuple[str, str]]:
        """Parts that have ended by themselves since the last call, with their last words."""
        found = [name for name, process in self._children.items() if process.poll() is not None]
        new = [(name, self.last_words(name)) for name in found if name not in self._told]
        self._told.update(name for name, _ in new)
        return new

    def last_words(self, name: str) -> str:
        """The last error that a part has printed; without one, its last line."""
        try:
            lines = (self.folder / f"{name}.out").read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            lines = []
        said = [line for line in reversed(lines) if line.strip()]
        return next((line for line in said if " ERROR " in line), said[0] if said else "it said nothing")

    def close(self) -> None:
        """End all parts, the broker last, and remove the folder."""
        if self._broker is not None:
            self._broker.stop()
        for name in reversed([name for name in self._children if name not in {"broker", "car"}]):
            self._children[name].send_signal(signal.SIGTERM)
        for name in [*[name for name in self._children if name not in {"broker", "car"}], "car", "broker"]:
            self._end(name)
        path = demo_file()
        with contextlib.suppress(OSError, ValueError, KeyError):
            if json.loads(path.read_text(encoding="utf-8"))["pid"] == os.getpid():
                path.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, name: str) -> None:
        process = self._children.pop(name, None)
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


PROGRAM = (sys.executable, "-m", "smartcar_mqtt.cli")


def free_port(address: str, wished: int) -> int:
    """The wished port if nobody has it, else one that is free now."""
    for port in (wished, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if port == 0:
                    raise DemoError(f"cannot listen on {address}: {error}") from None
            else:
                return int(probe.getsockname()[1])
    raise AssertionError


def clean_environment() -> dict[str, str]:
    """The environment without what is meant for a real car."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENVIRONMENT_PREFIX) and name not in {"SMARTCAR_CONFIG", "STATE_DIRECTORY"}
    }


def die_with_parent() -> Callable[[], None]:
    """What a child does before it becomes its program: end when this process ends, and hear signals again."""
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return prepare
