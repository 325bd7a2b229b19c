"""Pictures over a connection of their own: the newest wins, nothing queues, and what is retained stays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from smartcar_mqtt.mqtt.snapshots import SEND_BUFFER_BYTES, Snapshots
from tests.library.example import make_config
from tests.support.mosquitto import Mosquitto
from tests.support.observer import TIMEOUT_S, Observer


class Line:
    """A connection for pictures, and the news that there is room on it."""

    def __init__(self, port: int, *, protocol: str = "5") -> None:
        self.room = threading.Event()
        settings = make_config(port, protocol=protocol).mqtt
        self.snapshots = Snapshots(settings, "pictures", on_room=self.room.set)
        self.lost = threading.Event()
        told = self.snapshots.on_lost

        def tell(reason: str) -> None:
            told(reason)
            self.lost.set()

        self.snapshots.on_lost = tell

    def start(self) -> None:
        self.snapshots.start()
        assert self.room.wait(TIMEOUT_S)
        self.room.clear()


@pytest.fixture
def line(broker: Mosquitto) -> Iterator[Line]:
    line = Line(broker.port)
    line.start()
    yield line
    line.snapshots.stop()


def test_a_picture_arrives_with_its_details(broker: Mosquitto, observer: Observer, line: Line) -> None:
    assert line.snapshots.has_room
    line.snapshots.show("car/image", b"jpeg", details={"frame": "12"})
    seen = observer.wait("car/image")
    assert (seen.payload, seen.retained) == (b"jpeg", False)
    assert line.room.wait(TIMEOUT_S)
    assert line.snapshots.has_room
    assert line.snapshots.sent == 1


def test_it_speaks_the_older_protocol_too(broker: Mosquitto, observer: Observer) -> None:
    line = Line(broker.port, protocol="3.1.1")
    line.start()
    line.snapshots.show("car/image", b"jpeg", details={"frame": "12"})
    assert observer.wait("car/image").payload == b"jpeg"
    line.snapshots.stop()


def stall(broker: Mosquitto, line: Line) -> bytes:
    """Show a picture that is too large to leave while the broker reads nothing."""
    broker.pause()
    large = bytes(8_000_000)
    line.snapshots.show("car/large", large)
    return large


def test_behind_a_picture_under_way_only_the_newest_of_each_topic_waits(
    broker: Mosquitto, observer: Observer, line: Line
) -> None:
    large = stall(broker, line)
    for number in range(50):
        line.snapshots.show("car/image", b"%d" % number)
    line.snapshots.show("car/other", b"other", retain=True)
    assert not line.snapshots.has_room
    assert line.snapshots.most_waiting == 2
    assert line.snapshots.passed_over == 49
    broker.resume()
    assert observer.wait("car/large").payload == large
    assert observer.wait("car/image").payload == b"49"
    assert observer.wait("car/other").retained
    assert len(observer.seen("car/image")) == 1


def test_the_kernel_holds_little(line: Line) -> None:
    held = line.snapshots._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert held <= 2 * SEND_BUFFER_BYTES, "Linux doubles it for its own needs"


def test_without_a_connection_only_what_is_retained_waits_for_one(broker: Mosquitto) -> None:
    line = Line(broker.port)
    line.snapshots.show("car/image", b"old")
    line.snapshots.show("car/last", b"kept", retain=True)
    assert not line.snapshots.has_room
    with Observer(broker.port) as observer:
        line.snapshots.start()
        assert observer.wait("car/last").payload == b"kept"
        line.snapshots.show("car/image", b"new")
        assert observer.wait("car/image").payload == b"new"
    line.snapshots.stop()


def test_after_a_restart_of_the_broker_what_was_retained_is_there_again(
    broker: Mosquitto, observer: Observer, line: Line
) -> None:
    line.snapshots.show("car/last", b"kept", retain=True)
    line.snapshots.show("car/image", b"moment")
    observer.wait("car/image")
    broker.restart()
    with Observer(broker.port, client_id="second") as second:
        assert second.wait("car/last").payload == b"kept"
        assert not second.seen("car/image")


def test_a_lost_connection_takes_what_was_under_way_with_it(broker: Mosquitto, line: Line) -> None:
    stall(broker, line)
    line.snapshots.show("car/image", b"old")
    broker.kill()
    assert line.lost.wait(TIMEOUT_S)
    assert line.snapshots.passed_over == 2
    broker.start()
    assert line.room.wait(TIMEOUT_S)
    with Observer(broker.port) as observer:
        line.snapshots.show("car/image", b"new")
        assert observer.wait("car/image").payload == b"new"
