"""A connection under test, and what it tells."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from smartcar_mqtt.config import Mqtt
from smartcar_mqtt.mqtt import retries
from smartcar_mqtt.mqtt.broker import Broker, Message
from tests.support.mosquitto import HOST

TIMEOUT_S = 10.0
WILL = ("car/availability", b"offline")


class Connection:
    """A `Broker` under test, with queues of what it tells."""

    def __init__(self, port: int = 1883, *, client_id: str = "under-test", **settings: Any) -> None:
        self.broker = Broker(Mqtt(**{"host": HOST, "port": port, **settings}), client_id, will=WILL)
        self.connects: queue.Queue[str] = queue.Queue()
        self.losses: queue.Queue[str] = queue.Queue()
        self.failures: queue.Queue[str] = queue.Queue()
        self.messages: queue.Queue[Message] = queue.Queue()
        self.broker.on_connected = self.connected
        self.broker.on_lost = self.losses.put
        self.broker.on_failed = self.failures.put
        self.broker.on_message = self.messages.put

    def connected(self) -> None:
        self.broker.subscribe("in/#")
        self.connects.put(threading.current_thread().name)

    def start(self) -> Connection:
        self.broker.start()
        self.connects.get(timeout=TIMEOUT_S)
        return self


@contextmanager
def connection(port: int = 1883, **settings: Any) -> Iterator[Connection]:
    made = Connection(port, **settings)
    try:
        yield made
    finally:
        made.broker.stop(WILL)


def make_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon, so that a test need not wait for them."""
    monkeypatch.setattr(retries, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(retries, "KNOCK_S", 0.05)
