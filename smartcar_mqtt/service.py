"""One daemon's life: configuration, log, signals, systemd, and the order in which things start and end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from types import FrameType, TracebackType

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.clock import Scheduler, SystemClock
from smartcar_mqtt.config import Config, dotenv_problem, load
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.installed import find_bridge, require
from smartcar_mqtt.logs.output import end_logging, set_up_logging
from smartcar_mqtt.mqtt.broker import Broker

log = logging.getLogger(__name__)

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HANDLER_LIMIT_S = 2.0
"""A command handler on the network thread that takes longer counts as hung: the watchdog is fed no more."""


def run(name: str, config_file: str | os.PathLike[str] | None = None) -> int:
    """Run a bridge until a signal ends it; returns the exit code of the process."""
    kind = find_bridge(name)
    require(kind.name, kind.needs)
    config = load(config_file, sections={name: kind.settings_type})
    set_up_logging(name, config.logging)
    code = Service(kind.configured(config), config).run()
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # it has ended: a second signal must not spoil the exit code
    if not end_logging():
        os._exit(code)  # whoever reads the log does not: Python would wait for it at its end
    return code


class Service:
    """A bridge, its connection and its main loop.

    The main thread runs the scheduler: timers of the bridge, and the watchdog's food, which is therefore late when a
    timer hangs. The first unexpected exception on any thread ends the process with the hardware left safe; systemd
    starts it again.
    """

    def __init__(self, kind: type[Bridge], config: Config) -> None:
        self.clock = SystemClock()
        self.scheduler = Scheduler(self.clock)
        broker = Broker(config.mqtt, f"smartcar-{config.car.id}-{kind.name}", will=kind.will(config))
        self.bridge = kind(config, self.scheduler, broker)
        self.notifier = Notifier()
        self.failed = False

    def run(self) -> int:
        """Live until SIGTERM, SIGINT or a failure; returns the exit code."""
        for number in END_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` leaves SIGHUP
                signal.signal(number, self._signalled)
        threading.excepthook = self._thread_failed
        log.info("%s bridge starts (configuration: %s)", self.bridge.name, self.bridge.config.source)
        problem = dotenv_problem()
        if problem:
            log.warning(problem)
        try:
            self.bridge.open()
            self.bridge.broker.start()
            self.notifier.notify("READY=1")
            self._feed_watchdog()
            self.scheduler.run()
        except Exception:
            log.exception("the %s bridge fails", self.bridge.name)
            self.failed = True
        finally:
            self.notifier.notify("STOPPING=1")
            self.bridge.close()
            self.bridge.goodbye()
        log.info("%s bridge has ended", self.bridge.name)
        return 1 if self.failed else 0

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.scheduler.stop()

    def _thread_failed(self, arguments: threading.ExceptHookArgs) -> None:
        kind, error, trace = arguments.exc_type, arguments.exc_value, arguments.exc_traceback
        name = arguments.thread.name if arguments.thread else "?"
        details: tuple[type[BaseException], BaseException, TracebackType | None] = (kind, error or kind(), trace)
        self.bridge.make_safe(f"thread {name} fails")  # before anything else
        log.critical("thread %s fails", name, exc_info=details)
        self.failed = True
        self.scheduler.stop()

    def _feed_watchdog(self) -> None:
        interval = self.notifier.watchdog_interval
        if interval is None:
            return
        problem = self.bridge.problem() or self._network_problem()
        if problem is None:
            self.notifier.notify("WATCHDOG=1")
        else:
            log.error("the watchdog is not fed: %s", problem)
        self.scheduler.call_later(interval / 3, self._feed_watchdog)

    def _network_problem(self) -> str | None:
        since = self.bridge.broker.busy_since
        if since is not None and time.monotonic() - since > HANDLER_LIMIT_S:
            return f"a command has been running on the network thread for {time.monotonic() - since:.1f} s"
        return None


class Notifier:
    """What systemd wants to hear of a service of `Type=notify`; silent without systemd.

    Source: sd_notify(3), the datagram protocol on $NOTIFY_SOCKET.
    """

    def __init__(self) -> None:
        address = os.environ.pop("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if address:
            # Never waits: the leases of moves run out on the thread that tells systemd.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            self._socket.connect("\0" + address[1:] if address.startswith("@") else address)
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        self.watchdog_interval = int(microseconds) / 1e6 if self._socket and microseconds.isdigit() else None
        """Seconds within which systemd wants a sign of life; None: it does not watch."""

    def notify(self, message: str) -> None:
        """Send one message, such as `READY=1`."""
        if self._socket is not None:
            try:
                self._socket.send(message.encode())
            except OSError as error:
                log.warning("systemd cannot be told %s: %s", message, error)


__all__ = ["ConfigError", "Notifier", "Service", "find_bridge", "run", "set_up_logging"]
