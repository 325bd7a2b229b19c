"""A bridge with an entity of every platform, the ways to run it, and a broker that only takes notes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.clock import Clock, ManualClock, Scheduler, SystemClock
from smartcar_mqtt.commands import DEFERRED, Blocked, Parsed, Request, parse_envelope
from smartcar_mqtt.config import Car, Config, Logging, Mqtt, Section
from smartcar_mqtt.entities import (
    BinarySensor,
    Button,
    Camera,
    Command,
    Event,
    Image,
    Light,
    Notify,
    Number,
    Select,
    Sensor,
    Siren,
    Stream,
    Switch,
    Text,
    Trigger,
    Update,
)
from smartcar_mqtt.mqtt.broker import Broker
from tests.support.noting_broker import TIMEOUT_S, NotingBroker

BASE = "smartcar/car/lamp"
DISCOVERY = "homeassistant/device/smartcar_car_lamp/config"
BIRTH = "homeassistant/status"

BridgeT = TypeVar("BridgeT", bound=Bridge)


class Ran(NamedTuple):
    """A handler that has run."""

    key: str
    value: Any
    thread: str


class Lamp(Bridge):
    """What it does is to remember what it was told, and on which thread."""

    name = "lamp"
    title = "Lamp"

    warmth = Sensor(unit="°C", device_class="temperature", state_class="measurement", precision=1)
    mood = Sensor(options=("calm", "wild"), attributes=True)
    hardware = BinarySensor(device_class="connectivity", category="diagnostic", urgent=True)
    touched = Event(types=("short", "long"), trigger=True)
    knocked = Trigger(types=("once", "twice"))
    picture = Image()
    view = Camera()
    samples = Stream(example="{}")

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        self.ran: queue.Queue[Ran] = queue.Queue()
        self.release = threading.Event()
        self.deferred: list[Request] = []
        self.made_safe: list[str] = []
        self.losses: list[str] = []

    def note(self, key: str, value: Any = None) -> None:
        self.ran.put(Ran(key, value, threading.current_thread().name))

    def make_safe(self, reason: str) -> None:
        self.made_safe.append(reason)

    def lost(self, reason: str) -> None:
        self.losses.append(reason)

    @Button(immediate=True)
    def flash(self) -> None:
        self.note("flash")

    @Button(immediate=True, only_safer=True)
    def stop(self) -> None:
        self.note("stop")

    @Button(only_safer=True)
    def cool_down(self) -> None:
        self.note("cool_down")

    @Button(requires=("hardware",))
    def slow(self) -> None:
        self.note("slow")
        assert self.release.wait(TIMEOUT_S)

    @Button(immediate=True)
    def later(self, request: Request) -> object:
        self.deferred.append(request)
        return DEFERRED

    @Button(immediate=True)
    def forbidden(self) -> None:
        raise Blocked("the lamp is hot")

    @Button(immediate=True)
    def broken(self) -> None:
        raise ZeroDivisionError("a bug")

    @Number(minimum=0, maximum=100, unit="%")
    def brightness(self, percent: int) -> None:
        self.note("brightness", percent)
        self.update(brightness=percent)

    @Select(options=("warm", "cold"), immediate=True)
    def tint(self, option: str) -> None:
        self.note("tint", option)
        self.update(tint=option)

    @Switch(on_is_safer=True, immediate=True)
    def lock(self, on: bool, request: Request) -> None:
        self.note("lock", (on, request.source))
        self.update(lock=on)

    @Text(maximum=20, immediate=True)
    def label(self, text: str) -> None:
        self.note("label", text)
        self.update(label=text)

    @Notify(immediate=True)
    def say(self, text: str) -> None:
        self.note("say", text)

    @Update(device_class="firmware")
    def software(self) -> None:
        self.note("software")

    @Light(effects=("rainbow",))
    def ring(self, wanted: dict[str, Any]) -> None:
        self.note("ring", wanted)
        self.update(ring=wanted)

    @Siren(tones=("horn",))
    def horn(self, wanted: dict[str, Any]) -> None:
        self.note("horn", wanted)
        self.update(horn=wanted)

    @Command(parse=parse_envelope, example="go", always_obeyed=lambda value: value == "halt", immediate=True)
    def raw(self, value: Any) -> None:
        self.note("raw", value)


def make_config(port: int = 1883, *, bridge: str = "lamp", **mqtt: Any) -> Config:
    """A configuration that looks at nothing of the machine it runs on."""
    settings = Mqtt(**{"host": "127.0.0.1", "port": port, "birth_delay": 0.0, **mqtt})
    return Config({"car": Car(), "mqtt": settings, "logging": Logging(directory=""), bridge: Section()}, {}, "a test")


class Desk:
    """A lamp on a hand-moved clock, without a network."""

    def __init__(self, *, announced: bool = True, **mqtt: Any) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        config = make_config(**mqtt)
        self.broker = NotingBroker(config)
        self.lamp = Lamp(config, self.scheduler, self.broker)
        if announced:
            self.announce()

    def announce(self) -> None:
        """Connect and let the bridge see that nothing was left by earlier versions."""
        self.broker.connect()
        self.broker.receive(f"{BASE}/sync", b"sync")

    def pass_time(self, seconds: float) -> None:
        """Move the clock and do what is due."""
        self.clock.advance(seconds)
        self.scheduler.run_due()

    def states(self) -> list[Any]:
        """All states that have been published."""
        return [message.json for message in self.broker.on(f"{BASE}/state")]

    def results(self) -> list[Any]:
        """All results that have been published."""
        return [message.json for message in self.broker.on(f"{BASE}/result")]

    def command(self, key: str, payload: bytes = b"PRESS", **more: Any) -> None:
        """A command has arrived."""
        self.broker.receive(f"{BASE}/{key}/set", payload, **more)


@contextmanager
def running(kind: type[BridgeT], config: Config, *, clock: Clock | None = None) -> Iterator[BridgeT]:
    """A bridge that lives as in a daemon: scheduler on one thread, broker connection on another."""
    scheduler = Scheduler(clock or SystemClock())
    broker = Broker(config.mqtt, f"smartcar-{config.car.id}-{kind.name}", will=kind.will(config))
    bridge = kind(config, scheduler, broker)
    main = threading.Thread(target=scheduler.run, name="main loop")
    bridge.open()
    broker.start()
    main.start()
    try:
        yield bridge
    finally:
        scheduler.stop()
        main.join(TIMEOUT_S)
        if isinstance(bridge, Lamp):
            bridge.release.set()
        bridge.close()
        bridge.goodbye()


def parsed(value: Any = None, source: str = "", mark: str | int | None = None) -> Parsed:
    """Short for tests of parsing."""
    return Parsed(value, source, mark)
