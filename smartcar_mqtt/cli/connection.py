"""How the commands find the broker, and the short connection that they use."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import click
import msgspec

from smartcar_mqtt.cli.demo_record import running_demo
from smartcar_mqtt.cli.output import say
from smartcar_mqtt.config import Car, Config, Mqtt, load
from smartcar_mqtt.mqtt.broker import Broker, Message

CONNECT_TIMEOUT_S = 5.0
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def broker_options(function: FunctionT) -> FunctionT:
    """The options of every command that talks to a broker."""
    for option in (
        click.option("--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file to use."),
        click.option("--car", help="Id of the car, where there are several.  [default: that of the configuration]"),
        click.option(
            "--broker", metavar="HOST:PORT", help="Broker.  [default: the configuration's, or a running demo's]"
        ),
    ):
        function = option(function)
    return function


def find_config(broker: str | None, car: str | None, config_file: str | None) -> Config:
    """The configuration with the broker that the user means.

    In this order: --broker; the configuration, where one is named by option or environment; a running demo; the
    default configuration.
    """
    config = load(config_file)
    if broker is not None:
        host, port = parse_address(broker)
        return changed(config, host=host, port=port, car=car)
    named = config_file or any(
        name in os.environ for name in ("SMARTCAR_CONFIG", "SMARTCAR__MQTT__HOST", "SMARTCAR__MQTT__PORT")
    )
    demo = None if named else running_demo()
    if demo is not None:
        say(f"using the demo's broker at {demo.host}:{demo.port}", err=True)
        found = Config({"car": Car(), "mqtt": Mqtt(host=demo.host, port=demo.port)}, {}, "demo")
        return changed(found, car=car)
    return changed(config, car=car)


def changed(config: Config, *, host: str | None = None, port: int | None = None, car: str | None = None) -> Config:
    """The configuration with another broker or car."""
    mqtt, car_section = config.mqtt, config.car
    if host is not None:
        mqtt = msgspec.structs.replace(mqtt, host=host, port=port or mqtt.port)
    if car is not None:
        try:
            car_section = msgspec.convert({**msgspec.to_builtins(car_section), "id": car}, Car)
        except msgspec.ValidationError:
            raise click.UsageError(f"--car {car!r}: letters, digits, - and _ only, at most 40") from None
    return Config({"car": car_section, "mqtt": mqtt}, {}, config.source)


def parse_address(text: str) -> tuple[str, int | None]:
    """HOST, HOST:PORT, [IPV6]:PORT or the path of a Unix socket."""
    if text.startswith("/"):
        return text, None
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, None
    if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise click.UsageError(f"--broker {text!r}: expected HOST:PORT, such as localhost:1883")
    return host.strip("[]"), int(port)


class Session:
    """A connection for the time of one command; messages are handed to `on_message` on the network thread."""

    def __init__(self, config: Config, on_message: Callable[[Message], None], *filters: str) -> None:
        logging.getLogger().addHandler(logging.NullHandler())  # problems are told in one sentence, below
        self.config = config
        self.broker = Broker(config.mqtt, f"smartcar-cli-{os.getpid()}-{os.urandom(3).hex()}")
        self.broker.on_message = on_message
        self.broker.on_connected = self._connected
        self.broker.on_failed = self._failed
        self._filters = filters
        self._settled = threading.Event()
        self._problem = ""

    def __enter__(self) -> Self:
        self.broker.start()
        if not self._settled.wait(CONNECT_TIMEOUT_S):
            self._problem = f"the broker at {self.broker.address} does not answer"
        if self._problem:
            self.broker.stop()
            hint = "" if self.config.source == "demo" else "; start one, or name it with --broker HOST:PORT"
            raise click.ClickException(self._problem + hint)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.broker.stop()

    def _connected(self) -> None:
        if self._filters:
            self.broker.subscribe(*self._filters)
        self._settled.set()

    def _failed(self, reason: str) -> None:
        if not self._settled.is_set():
            self._problem = reason
            self._settled.set()


def wait_until_complete(session: Session, marker: str) -> threading.Event:
    """An event that is set when all retained messages of the session's subscriptions have been handed over.

    The session must have `marker` among its filters: a message to oneself arrives behind what was retained.
    """
    complete = threading.Event()
    handler = session.broker.on_message

    def watch(message: Message) -> None:
        if message.topic == marker:
            complete.set()
        else:
            handler(message)

    session.broker.on_message = watch
    session.broker.publish(marker, b"sync", qos=1)
    return complete
