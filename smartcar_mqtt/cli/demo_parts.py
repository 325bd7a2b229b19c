"""The processes of a demo: started in order, watched, ended in reverse order, never left behind."""

from __future__ import annotations

import contextlib
import ctypes
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

import msgspec
import yaml

from smartcar_mqtt.cli import demo_record
from smartcar_mqtt.config import ENVIRONMENT_PREFIX, PROJECT_ROOT, Mqtt, SimulatedCar
from smartcar_mqtt.installed import NotInstalledError, find_settings
from smartcar_mqtt.mqtt.broker import Broker, Message
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

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
END_SIGNALS = {signal.SIGINT, signal.SIGTERM} | (
    {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else set()
)
"""Signals that end the demo; the end of its terminal does not where it was started with `nohup`."""


class DemoError(Exception):
    """The demo cannot start; the text says what to do."""


class Started(msgspec.Struct):
    """What `smartcar sim` says when it is ready."""

    serial: str
    control: tuple[str, int]


class Listener(Protocol):
    """Who is told of each part."""

    def ready(self, name: str, note: str, *, good: bool) -> None:
        """A part is ready, or is not."""

    def waiting(self, names: list[str], seconds: float) -> None:
        """These parts have started `seconds` ago and are not ready yet; the wait goes on."""


class Demo:
    """A broker, a simulated car and bridges, each a process of its own, in a folder that goes with them."""

    def __init__(
        self, *, broker_port: int, listen: str, room: str, bridges: tuple[str, ...], chosen: bool = True
    ) -> None:
        """Nothing is started yet.

        Args:
            broker_port: port that is wished for; 0: any.
            listen: address of the broker.
            room: name or file of the room.
            bridges: which bridges.
            chosen: whether these were asked for by name; else one whose libraries are not here is left out.
        """
        self.port = broker_port
        self.listen = listen
        self.host = "127.0.0.1" if listen == "0.0.0.0" else listen  # noqa: S104 - the user's own wish
        self.room = room
        self.serial = ""
        self.control = ""
        """Where the simulated room is asked what stands in it: host:port."""
        self.states: dict[str, str] = dict.fromkeys(bridges, "offline")
        self._chosen = chosen
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="smartcar-demo-"))
        except OSError as error:
            raise DemoError(f"there is no folder for temporary files; set TMPDIR: {error.strerror}") from None
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._broker: Broker | None = None
        self._changed = threading.Condition()
        self._linked: dict[str, bool] = {}
        self._online_since: dict[str, float] = {}
        self._was_online: set[str] = set()
        self._told: set[str] = set()
        self._record: Path | None = None
        """The file by which commands find this demo."""

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
        self._announce_to_commands(told)

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
        try:
            said = decode_json(line, Started)
        except DecodingError:
            raise DemoError(f"the simulated car says something odd: {line[:200]!r}") from None
        self.serial = said.serial
        self.control = "{}:{}".format(*said.control)
        told.ready("ESP32", f"simulated, in the room {self.room}, on {self.serial}", good=True)

    def _start_bridges(self, told: Listener) -> None:
        car = SimulatedCar(self.serial, self.control)
        settings = {
            "car": {"state_directory": str(self.folder)},
            "mqtt": {"host": self.host, "port": self.port},
            "logging": {"directory": str(self.folder / "logs")},
            **{name: find_settings(name).for_demo(car) for name in self.states},
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
                elif self._children[name].poll() == NotInstalledError.exit_code and not self._chosen:
                    waiting.discard(name)
                    told.ready(name, f"left out: {self.last_words(name).removeprefix('smartcar: ')}", good=False)
                    del self._children[name], self.states[name]
                elif (reason := self._given_up(name, passed)) is not None:
                    waiting.discard(name)
                    told.ready(name, f"{reason}: {self.last_words(name)}", good=False)
            if waiting and passed >= next_told:
                told.waiting(sorted(waiting), passed)
                next_told = passed + TOLD_AFTER_S
        if not self.states:
            raise DemoError("the libraries of no bridge are installed; run: pip install 'smartcar-mqtt[all]'")

    def _given_up(self, name: str, passed_s: float) -> str | None:
        """Why a bridge is waited for no longer; None while it may still come."""
        if self._children[name].poll() is not None:
            return "not online"
        answered = self._online_since.get(name)
        if answered is not None and time.monotonic() - answered > LINK_TIMEOUT_S:
            return "online without its hardware"
        return f"not online after {passed_s:.0f} s" if passed_s > START_TIMEOUT_S else None

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
                with contextlib.suppress(DecodingError):
                    state = decode_json(message.payload)
                    # Without a link there is no hardware to wait for; null: it is not known yet.
                    self._linked[name] = not isinstance(state, dict) or state.get("link", True) is True
            if self.states[name] == "online" and self._linked.get(name):
                self._was_online.add(name)
            self._changed.notify_all()

    def _announce_to_commands(self, told: Listener) -> None:
        """Let `smartcar drive` and its like find this demo's broker."""
        self._record = demo_record.publish(self.host, self.port, self.serial)
        if self._record is None:
            told.ready(
                "commands", f"there is no folder to be found by; give them --broker {self.host}:{self.port}", good=False
            )

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
                encoding="utf-8",
                errors="replace",
                cwd=self.folder,
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
        if self._record is not None:
            with contextlib.suppress(OSError):
                self._record.unlink()
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


OF_A_REAL_CAR = frozenset(
    {
        "SMARTCAR_CONFIG", "MQTT_USERNAME", "MQTT_PASSWORD", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET",
        "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM",
    }
)  # fmt: skip
"""Variables of the car's own services: none of them may reach the demo, nor may those of a file `.env`."""


def absolute_paths() -> list[str]:
    """The folders of $PYTHONPATH as seen from everywhere, since the parts run in a folder of their own."""
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return [os.path.abspath(path) for path in (*named, str(PROJECT_ROOT))]  # noqa: PTH100


def clean_environment() -> dict[str, str]:
    """The environment without what is meant for a real car."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENVIRONMENT_PREFIX) and name not in OF_A_REAL_CAR
    } | {"SMARTCAR_DOTENV": "", "PYTHONPATH": os.pathsep.join(absolute_paths())}


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
