"""One daemon's life: start, systemd, log, failures, and its end with the right exit code."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from smartcar_mqtt import service as service_module
from smartcar_mqtt.config import Logging
from smartcar_mqtt.config import loading as configuration
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.entities import Button
from smartcar_mqtt.logs.output import JournalFormatter, QueuedOutput, end_logging, is_journal, set_up_logging
from smartcar_mqtt.service import END_SIGNALS, Notifier, Service, find_bridge
from tests.library.example import BASE, Lamp, make_config
from tests.support.environment import car_environment
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.observer import Observer
from tests.support.program import Output, Program

TIMEOUT_S = 10.0
MOTION = "smartcar/car/motion"
SMARTCAR = [sys.executable, "-m", "smartcar_mqtt.cli"]


class NotifySocket:
    """What systemd listens on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def next(self, timeout: float = TIMEOUT_S) -> str:
        """The next message; TimeoutError where none comes."""
        self._socket.settimeout(timeout)
        return self._socket.recv(1000).decode()

    def wait(self, message: str) -> None:
        """Pass everything over until this message."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.next(max(0.01, deadline - time.monotonic())) != message:
            pass

    def drain(self) -> None:
        """Forget what has come."""
        self._socket.settimeout(0)
        try:
            while True:
                self._socket.recv(1000)
        except BlockingIOError:
            return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    """Its socket, with each kind of address."""
    listening = NotifySocket(
        str(tmp_path / "n") if request.param == "path" else f"@smartcar-{os.getpid()}-{time.time()}"
    )
    yield listening
    listening.close()


@pytest.fixture
def notified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    """systemd's socket for a service in this process, which is watched and fed every 20 ms."""
    listening = NotifySocket(str(tmp_path / "n"))
    monkeypatch.setenv("NOTIFY_SOCKET", listening.address)
    monkeypatch.setenv("WATCHDOG_USEC", "60000")
    yield listening
    listening.close()


@pytest.fixture
def _own_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A service in this process leaves pytest's signals and hooks as they were."""
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def environment(tmp_path: Path, port: int, **more: str) -> dict[str, str]:
    """For `smartcar run motion` with a board that is not there, and nothing of this machine's configuration."""
    settings = {
        "MQTT__HOST": "127.0.0.1",
        "MQTT__PORT": port,
        "LOGGING__DIRECTORY": tmp_path / "logs",
        "CAR__STATE_DIRECTORY": tmp_path / "state",
        "MOTION__DEVICE": tmp_path / "no-such-device",
    }
    return {**car_environment(settings, tmp_path), **more}


def run_motion(settings: Mapping[str, str]) -> Program:
    return Program("motion", [*SMARTCAR, "run", "motion"], output=Output(), environment=settings)


# -- a real process ----------------------------------------------------------------------------------------------------


def test_a_bridge_without_its_hardware_is_online_tells_systemd_and_ends_in_order(
    broker: Mosquitto, observer: Observer, systemd: NotifySocket, tmp_path: Path
) -> None:
    settings = environment(tmp_path, broker.port, NOTIFY_SOCKET=systemd.address, WATCHDOG_USEC="300000")
    program = run_motion(settings)
    try:
        assert systemd.next() == "READY=1"
        assert systemd.next() == "WATCHDOG=1"
        assert systemd.next() == "WATCHDOG=1"
        observer.wait(f"{MOTION}/availability", lambda message: message.payload == b"online")
        assert observer.wait(f"{MOTION}/state").json["link"] is False
        program.signal(signal.SIGTERM)
        systemd.wait("STOPPING=1")
        observer.wait(f"{MOTION}/availability", lambda message: message.payload == b"offline")
    finally:
        assert program.stop() == 0
    observer.flush()
    assert len(observer.seen(f"{MOTION}/availability")) == 2  # the will has not spoken
    log = (tmp_path / "logs/motion.log").read_text()
    assert f"motion bridge starts (configuration: {settings['SMARTCAR_CONFIG']})" in log
    assert "motion bridge has ended" in log
    assert "Traceback" not in log + program.output.tail()


def test_ctrl_c_ends_it_in_order_too_and_without_a_broker(tmp_path: Path) -> None:
    program = run_motion(environment(tmp_path, free_port()))
    program.output.wait("cannot be reached: .*Connection refused; trying again")
    program.signal(signal.SIGINT)
    program.output.wait("motion bridge has ended")
    assert program.stop() == 0
    assert "Traceback" not in program.output.tail()


def test_when_it_is_killed_it_is_offline_and_the_next_one_takes_over(
    broker: Mosquitto, observer: Observer, tmp_path: Path
) -> None:
    settings = environment(tmp_path, broker.port)
    program = run_motion(settings)
    observer.wait(f"{MOTION}/availability", lambda message: message.payload == b"online")
    mark = observer.mark()
    program.kill()
    observer.wait(f"{MOTION}/availability", lambda message: message.payload == b"offline", since=mark)
    again = run_motion(settings)
    observer.wait(f"{MOTION}/availability", lambda message: message.payload == b"online", since=mark)
    again.stop()


def smartcar(*arguments: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SMARTCAR, *arguments], env=settings, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        ("mqtt: {port: x}", {}, "{file}: mqtt.port: 'x' is not allowed (expected: a whole number from 1 to 65535)"),
        ("motion: {bawd: 9600}", {}, "{file}: motion.bawd: unknown key (did you mean 'baud'?)"),
        ("mqtt: {password: x}", {}, "{file}: mqtt.password: a secret does not belong here; set MQTT_PASSWORD in .env"),
        ("mqtt: [", {}, "{file}: line 2: not valid YAML"),
        ("", {"SMARTCAR__MQTT__PROT": "1"}, "environment: SMARTCAR__MQTT__PROT: mqtt.prot: unknown key"),
        ("", {"SMARTCAR_CONFIG": "/missing.yaml"}, "/missing.yaml: there is no such configuration file"),
        ("mqtt: {tls: {enabled: true, ca_file: /missing.pem}}", {}, "mqtt.tls: /missing.pem: cannot be used"),
        ("", {"SMARTCAR__CAR__STATE_DIRECTORY": "/dev/null/x"}, "/dev/null/x: cannot be made; correct car.state_dir"),
    ],
)
def test_an_unusable_configuration_is_one_sentence_and_exit_code_1(
    tmp_path: Path, text: str, more: dict[str, str], sentence: str
) -> None:
    settings = {**environment(tmp_path, 1), **more}
    (tmp_path / "system.yaml").write_text(text)
    done = smartcar("run", "motion", settings=settings)
    assert done.returncode == 1
    assert done.stderr.startswith(f"smartcar: {sentence.format(file=tmp_path / 'system.yaml')}")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_bridge_is_a_usage_error(tmp_path: Path) -> None:
    done = smartcar("run", "moton", settings=environment(tmp_path, 1))
    assert done.returncode == 2
    assert "'moton' is not" in done.stderr
    assert "motion" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_journal_gets_priorities_instead_of_times(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    status = os.fstat(writing)
    settings = environment(tmp_path, free_port(), JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}")
    with subprocess.Popen([*SMARTCAR, "run", "motion"], env=settings, stderr=writing) as process:
        os.close(writing)
        try:
            with os.fdopen(reading) as lines:
                assert next(lines).startswith("<6>smartcar_mqtt.service: motion bridge starts")
                assert any(line.startswith("<4>smartcar_mqtt.mqtt.connection: the broker at") for line in lines)
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


# -- finding bridges ---------------------------------------------------------------------------------------------------


def test_a_bridge_is_found_by_its_name() -> None:
    assert find_bridge("motion").__name__ == "Motion"


def test_a_bridge_that_is_not_there_is_an_error_with_a_hint() -> None:
    with pytest.raises(ConfigError, match=r"there is no bridge 'moton' \(did you mean 'motion'\?\)"):
        find_bridge("moton")


def test_a_bridge_whose_packages_are_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name="serial")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ConfigError, match=r"needs the Python package 'serial'; run: pip install 'smartcar-mqtt\[mot"):
        find_bridge("motion")


# -- the watchdog ------------------------------------------------------------------------------------------------------


class Hanging(Lamp):
    """A lamp with a handler that hangs."""

    @Button(immediate=True)
    def hang(self) -> None:
        self.note("hang")
        self.release.wait(TIMEOUT_S)


@pytest.fixture
def watched(broker: Mosquitto, notified: NotifySocket) -> Iterator[Service]:
    """A service whose main loop runs on a thread, fed and connected."""
    service = Service(Hanging, make_config(broker.port))
    main = threading.Thread(target=service.scheduler.run)
    service.bridge.broker.start()
    service._feed_watchdog()
    main.start()
    notified.wait("WATCHDOG=1")
    yield service
    assert isinstance(service.bridge, Lamp)
    service.bridge.release.set()
    service.scheduler.stop()
    main.join(TIMEOUT_S)
    service.bridge.goodbye()


def assert_starved(notified: NotifySocket) -> None:
    """No food for five times the usual interval, once what was on its way has come."""
    notified.drain()
    with pytest.raises(TimeoutError):
        notified.next(0.1)


def test_the_watchdog_is_fed_several_times_within_its_time(watched: Service, notified: NotifySocket) -> None:
    assert [notified.next(0.5) for _ in range(5)] == ["WATCHDOG=1"] * 5


def test_the_watchdog_is_not_fed_while_the_main_loop_hangs(watched: Service, notified: NotifySocket) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait(TIMEOUT_S)

    watched.scheduler.call_later(0, hang)
    assert hanging.wait(TIMEOUT_S)
    assert_starved(notified)
    release.set()
    assert notified.next() == "WATCHDOG=1"


def test_the_watchdog_is_not_fed_while_a_handler_hangs_on_the_network_thread(
    watched: Service,
    notified: NotifySocket,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(service_module, "HANDLER_LIMIT_S", 0.0)
    lamp = watched.bridge
    assert isinstance(lamp, Hanging)
    observer.wait(f"{BASE}/state")
    observer.send(f"{BASE}/hang/set", "PRESS")
    assert lamp.ran.get(timeout=TIMEOUT_S).key == "hang"
    assert_starved(notified)
    assert "the watchdog is not fed: a command has been running on the network thread" in caplog.text
    lamp.release.set()
    assert notified.next() == "WATCHDOG=1"


def test_the_watchdog_is_not_fed_while_the_bridge_has_a_problem(
    watched: Service, notified: NotifySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched.bridge, "problem", lambda: "the reader thread is dead")
    assert_starved(notified)


def test_a_busy_worker_does_not_starve_the_watchdog(
    watched: Service, notified: NotifySocket, observer: Observer
) -> None:
    lamp = watched.bridge
    assert isinstance(lamp, Hanging)
    observer.wait(f"{BASE}/state")
    observer.send(f"{BASE}/slow/set", "PRESS")
    assert lamp.ran.get(timeout=TIMEOUT_S).key == "slow"
    notified.drain()
    assert notified.next() == "WATCHDOG=1"


def test_without_systemd_nothing_is_sent_and_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    notifier = Notifier()
    notifier.notify("READY=1")
    assert notifier.watchdog_interval is None


def test_the_socket_is_not_inherited_by_children(notified: NotifySocket) -> None:
    notifier = Notifier()
    assert "NOTIFY_SOCKET" not in os.environ
    assert notifier.watchdog_interval == 0.06


def test_a_systemd_that_is_gone_is_a_warning(notified: NotifySocket, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier()
    notified.close()
    notifier.notify("READY=1")
    assert "systemd cannot be told READY=1" in caplog.text


# -- failures ----------------------------------------------------------------------------------------------------------


def lamp_service(prepare: Callable[[Lamp], object]) -> tuple[Service, Lamp]:
    """A service without a broker, with something that goes wrong in it."""
    service = Service(Lamp, make_config(free_port()))
    lamp = service.bridge
    assert isinstance(lamp, Lamp)
    prepare(lamp)
    return service, lamp


def fail() -> None:
    raise ZeroDivisionError("a bug")


@pytest.mark.usefixtures("_own_signals")
def test_an_error_in_a_timer_ends_the_service_with_exit_code_1(
    notified: NotifySocket, caplog: pytest.LogCaptureFixture
) -> None:
    service, lamp = lamp_service(lambda lamp: lamp.scheduler.call_later(0, fail))
    closed: list[str] = []
    lamp.close = lambda: closed.append(notified.next())  # type: ignore[method-assign]
    assert service.run() == 1
    assert closed == ["READY=1"]
    notified.wait("STOPPING=1")
    assert "the lamp bridge fails" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.usefixtures("_own_signals")
def test_hardware_that_cannot_be_opened_ends_it_too(notified: NotifySocket) -> None:
    service, lamp = lamp_service(lambda lamp: None)
    closed: list[bool] = []
    lamp.open = fail  # type: ignore[method-assign]
    lamp.close = lambda: closed.append(True)  # type: ignore[method-assign]
    assert service.run() == 1
    assert closed == [True]
    assert notified.next() == "STOPPING=1"


@pytest.mark.usefixtures("_own_signals")
def test_an_error_on_any_thread_makes_the_hardware_safe_and_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    service, lamp = lamp_service(
        lambda lamp: lamp.scheduler.call_later(0, threading.Thread(target=fail, name="reader").start) and None
    )
    assert service.run() == 1
    assert lamp.made_safe == ["thread reader fails"]
    assert "thread reader fails" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_exit_code_0(number: signal.Signals) -> None:
    service, lamp = lamp_service(
        lambda lamp: lamp.scheduler.call_later(0, lambda: os.kill(os.getpid(), number)) and None
    )
    assert service.run() == 0
    assert lamp.made_safe == []


@pytest.mark.usefixtures("_own_signals")
def test_secrets_that_others_can_read_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(configuration, "PROJECT_ROOT", tmp_path)
    Path(".env").write_text("MQTT_PASSWORD=hunter2")
    Path(".env").chmod(0o644)
    service, _ = lamp_service(lambda lamp: lamp.scheduler.stop())
    assert service.run() == 0
    assert f"{tmp_path}/.env: others can read your secrets; run: chmod 600" in caplog.text
    assert "hunter2" not in caplog.text


# -- the log -----------------------------------------------------------------------------------------------------------


def queued_output() -> QueuedOutput:
    """The one handler of a daemon."""
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, QueuedOutput)
    return handler


def write_log(directory: Path, *, backup_count: int, lines: int) -> dict[str, int]:
    """Write that many lines; the files and their sizes afterwards."""
    set_up_logging("lamp", Logging(directory=str(directory), max_bytes=10_000, backup_count=backup_count))
    for number in range(lines):
        logging.getLogger("test").info("line %05d %s", number, "x" * 60)
        if number % 500 == 499:
            assert queued_output().written(5)
    assert end_logging()
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def test_a_full_log_file_is_put_aside_and_old_ones_are_thrown_away(tmp_path: Path) -> None:
    sizes = write_log(tmp_path / "deep/logs", backup_count=2, lines=1000)
    assert list(sizes) == ["lamp.log", "lamp.log.1", "lamp.log.2"]
    assert max(sizes.values()) <= 10_000
    assert "line 00999" in (tmp_path / "deep/logs/lamp.log").read_text()
    assert "INFO    test: line" in (tmp_path / "deep/logs/lamp.log").read_text()


def test_with_no_old_files_to_keep_the_log_stays_small_all_the_same(tmp_path: Path) -> None:
    sizes = write_log(tmp_path, backup_count=0, lines=1000)
    assert list(sizes) == ["lamp.log"]
    assert sizes["lamp.log"] <= 10_000
    assert (tmp_path / "lamp.log").read_text().endswith("line 00999 " + "x" * 60 + "\n")


def test_without_a_directory_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_up_logging("lamp", Logging(directory=""))
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_does_not_keep_the_bridge_from_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("in the way")
    set_up_logging("lamp", Logging(directory=str(tmp_path / "logs")))
    assert end_logging()
    assert "no log file: " in capsys.readouterr().err
    assert len(queued_output().outputs) == 1


def test_the_level_of_the_configuration_counts(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("lamp", Logging(directory="", level="WARNING"))
    logging.getLogger("test").info("quiet")
    logging.getLogger("test").warning("loud")
    assert end_logging()
    assert capsys.readouterr().err.endswith("WARNING test: loud\n")


def test_each_line_for_the_journal_has_its_priority() -> None:
    try:
        fail()
    except ZeroDivisionError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it fails", (), sys.exc_info())
    lines = JournalFormatter("%(name)s: %(message)s").format(record).splitlines()
    assert lines[0] == "<3>x: it fails"
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize(
    ("level", "priority"), [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)]
)
def test_priorities(level: str, priority: int) -> None:
    record = logging.LogRecord("x", logging.getLevelNamesMapping()[level], "x.py", 1, "hello", (), None)
    assert JournalFormatter("%(message)s").format(record) == f"<{priority}>hello"


def test_a_variable_that_was_only_inherited_is_not_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop's terminal passes its own $JOURNAL_STREAM on to every program."""
    with (tmp_path / "x").open("w") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert is_journal(stream)
        monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
        assert not is_journal(stream)
        monkeypatch.delenv("JOURNAL_STREAM")
        assert not is_journal(stream)
    assert not is_journal(stream)
