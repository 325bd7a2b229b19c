"""Losing the broker and coming back: when, what does not go out any more, and who gives way to another process."""

from __future__ import annotations

import gc
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from smartcar_mqtt.mqtt.instance import Instance
from smartcar_mqtt.mqtt.retries import (
    FIRST_RETRY_S,
    FIRST_YIELD_S,
    KNOCK_S,
    LONGEST_LOCAL_RETRY_S,
    LONGEST_RETRY_S,
    LONGEST_YIELD_S,
    SUSPICIOUS_LIVES,
    Loss,
    Retries,
    is_local,
)
from tests.library.example import BASE, Lamp, make_config, running
from tests.library.mqtt.client import TIMEOUT_S, connection, make_impatient
from tests.library.mqtt.test_refusals import Told
from tests.support.cable import Cable
from tests.support.mosquitto import HOST, Mosquitto, free_port
from tests.support.observer import Observer

PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


# -- nothing from before -----------------------------------------------------------------------------------------------


@PROTOCOLS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_nothing_from_before_a_lost_connection_goes_out_after_it(
    broker: Mosquitto, observer: Observer, protocol: str, qos: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_impatient(monkeypatch)
    with connection(broker.port, protocol=protocol, keepalive=2) as made:
        made.start()
        broker.wait_subscribed("in/#")
        link = socket.fromfd(made.broker._socket.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with link:
            broker.pause()
            try:
                filling = bytes(100_000)
                for _ in range(60):  # more than the kernel takes: what follows stays with us
                    made.broker.publish("out/filling", filling)
                for number in range(30):  # more than are in flight at once
                    made.broker.publish("out/old", b"%d" % number, qos=qos)
                assert "Keep alive" in made.losses.get(timeout=TIMEOUT_S)
            finally:
                broker.resume()
        made.connects.get(timeout=TIMEOUT_S)
        made.broker.publish("out/new", b"1", qos=1)
        observer.wait("out/new")
        observer.flush()
        assert not observer.seen("out/old")


@PROTOCOLS
def test_an_event_that_was_never_acknowledged_is_not_sent_again(
    broker: Mosquitto, observer: Observer, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has it, but its acknowledgement was lost: sent again, it would be an event of long ago."""
    make_impatient(monkeypatch)
    cable = Cable(broker.port)
    cable.plug()
    with connection(cable.port, protocol=protocol) as made:
        made.start()
        broker.wait_subscribed("in/#")
        broker.pause()
        made.broker.publish("out/event", b"1", qos=1)
        cable.pull()
        made.losses.get(timeout=TIMEOUT_S)
        broker.resume()
        made.broker.publish("out/event", b"while it was away", qos=1)
        cable.plug()
        made.connects.get(timeout=TIMEOUT_S)
        made.broker.publish("out/new", b"1", qos=1)
        observer.wait("out/new")
        observer.flush()
        assert len(observer.seen("out/event")) <= 1
    cable.pull()


# -- when it comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("raspi", True),
        ("car.local", True),
        ("broker.fritz.box.", True),
        ("192.168.1.10", True),
        ("10.0.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("/run/mosquitto.sock", True),
        ("broker.example.org", False),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_what_is_local(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_a_local_broker_that_is_away_is_asked_each_second() -> None:
    retries = Retries("localhost")
    waits = [retries.ended(Loss.UNREACHABLE) for _ in range(100)]
    assert waits[0] <= FIRST_RETRY_S
    assert max(waits) <= KNOCK_S
    assert len(set(waits)) > 90  # ten bridges do not knock in step


@pytest.mark.parametrize("loss", [Loss.REFUSED, Loss.LOST])
def test_on_a_local_network_no_wait_is_longer_than_five_seconds(loss: Loss) -> None:
    retries = Retries("localhost")
    waits = [retries.ended(loss, 0.1) for _ in range(20)]
    assert waits[0] <= FIRST_RETRY_S
    assert 0.6 * LONGEST_LOCAL_RETRY_S <= waits[-1] <= LONGEST_LOCAL_RETRY_S


def test_a_broker_elsewhere_is_asked_less_often() -> None:
    retries = Retries("broker.example.org")
    waits = [retries.ended(Loss.UNREACHABLE) for _ in range(20)]
    assert 0.6 * LONGEST_RETRY_S <= waits[-1] <= LONGEST_RETRY_S
    retries.accepted()
    assert retries.ended(Loss.UNREACHABLE) <= FIRST_RETRY_S


def test_a_name_of_elsewhere_may_be_local_after_all() -> None:
    retries = Retries("mqtt.example.org")
    retries.connected_to("192.168.1.10")
    assert max(retries.ended(Loss.UNREACHABLE) for _ in range(20)) <= KNOCK_S


def test_after_a_good_connection_the_first_retry_is_soon() -> None:
    retries = Retries("localhost")
    for _ in range(5):
        retries.ended(Loss.LOST, 0.1)
    assert retries.ended(Loss.ENDED, 3600) <= FIRST_RETRY_S


def test_after_a_long_outage_it_is_back_within_two_seconds(broker: Mosquitto) -> None:
    with connection(broker.port) as made:
        made.start()
        broker.stop()
        made.losses.get(timeout=TIMEOUT_S)
        for _ in range(12):  # by then an exponential back-off would wait for half a minute
            made.failures.get(timeout=TIMEOUT_S)
        began = time.monotonic()
        broker.start()
        made.connects.get(timeout=2.0)
        assert time.monotonic() - began < 2.0


def test_stop_ends_a_wait(broker: Mosquitto) -> None:
    with connection(free_port()) as made:
        made.broker._retries.ended = lambda *_: 60.0  # type: ignore[method-assign]
        made.broker.start()
        made.failures.get(timeout=TIMEOUT_S)
        thread = made.broker._thread
        assert thread is not None
        made.broker.stop()
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


@pytest.mark.parametrize("host", ["a" * 64 + ".local", "xn--", "bü" + "x" * 70])
def test_a_name_that_cannot_be_one_is_a_failure_like_others(host: str) -> None:
    with connection(1883, host=host) as made:
        made.broker.start()
        assert "cannot be reached" in made.failures.get(timeout=30)


@PROTOCOLS
def test_many_reconnects_cost_neither_memory_nor_descriptors(
    broker: Mosquitto, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_impatient(monkeypatch)
    cable = Cable(broker.port)
    cable.plug()
    with connection(cable.port, protocol=protocol) as made:
        made.start()

        def again(times: int) -> int:
            for _ in range(times):
                made.broker.publish("in/x", bytes(10_000), qos=1)
                cable.pull()
                made.losses.get(timeout=TIMEOUT_S)
                made.broker._retries.short_lives = 0
                cable.plug()
                made.connects.get(timeout=TIMEOUT_S)
            gc.collect()
            return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

        before = again(3)
        after = again(30)
        assert after <= before + 4  # those of the cable come and go
        assert len(made.broker._publications._sent) + len(made.broker._publications._early) < 50
        assert len(made.broker._subscriptions._sent) < 5
        assert len(made.broker._client._out_messages) < 50
    cable.pull()


# -- two processes with one id -----------------------------------------------------------------------------------------


def test_of_two_processes_one_is_newer() -> None:
    first, second = Instance(1.0, "a", 1, "x"), Instance(1.0, "b", 2, "y")
    assert second.is_newer_than(first) is not first.is_newer_than(second)
    assert Instance.parse(str(first)) == first
    for junk in ("", "1 2 3", "x host 1 m", "1.0 host x m", "1.0 ho\x1bst 1 m", "1.0 a 1 m extra"):
        assert Instance.parse(junk) is None


def test_who_was_thrown_out_waits_ever_longer() -> None:
    retries = Retries("localhost")
    waits = [retries.ended(Loss.TAKEN_OVER, 1.0) for _ in range(8)]
    assert waits[0] >= FIRST_YIELD_S
    assert waits[-1] >= LONGEST_YIELD_S
    assert all(later > 0.7 * sooner for sooner, later in itertools.pairwise(waits))


def test_connections_that_the_broker_ends_at_once_are_suspicious_with_any_protocol() -> None:
    retries = Retries("localhost")
    waits = [retries.ended(Loss.ENDED, 0.4) for _ in range(SUSPICIOUS_LIVES)]
    assert waits[-1] >= FIRST_YIELD_S
    assert retries.ended(Loss.ENDED, 50.0) >= 2 * FIRST_YIELD_S  # as long as the other one waits


def test_a_broker_that_is_restarted_often_is_not_suspicious() -> None:
    retries = Retries("localhost")
    for _ in range(10):
        assert retries.ended(Loss.ENDED, 1.0) <= FIRST_RETRY_S
        retries.ended(Loss.UNREACHABLE)


def await_yielding(lamp: Lamp) -> None:
    """Wait until a bridge waits for long, as it was thrown out."""
    deadline = time.monotonic() + TIMEOUT_S
    while lamp.broker._pause < FIRST_YIELD_S:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def flaps(mosquitto: Mosquitto, client_id: str, since: int) -> int:
    """How often a client has connected."""
    return sum(f" as {client_id} " in line for line in mosquitto.output.lines[since:])


@PROTOCOLS
def test_two_processes_of_one_bridge_settle_and_say_so_in_home_assistant(
    broker: Mosquitto, observer: Observer, protocol: str
) -> None:
    config = make_config(broker.port, protocol=protocol)
    words = "process" if protocol == "3.1.1" else f"process {os.getpid()} on "
    with running(Lamp, config) as first:
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"online")
        told = Told(first.broker)
        mark = broker.output.mark()
        with running(Lamp, config) as second:
            also_told = Told(second.broker)
            shown = observer.wait(
                f"{BASE}/state", lambda message: words in (message.json.get("broker_problem") or "")
            ).json["broker_problem"]
            assert "smartcar-car-lamp" in shown
            assert "end one of the" in shown
            told.wait("smartcar-car-lamp")
            if protocol == "5":
                also_told.wait(f"runs with the id 'smartcar-car-lamp' as well as this one, process {os.getpid()} on")
                await_yielding(first)  # the newer one stays
                assert not first.broker.connected
        count = flaps(broker, "smartcar-car-lamp", mark)
        assert count <= (4 if protocol == "5" else 6)


def test_a_process_that_was_killed_is_no_rival(broker: Mosquitto, observer: Observer, tmp_path: Path) -> None:
    script = (
        "import sys, threading\n"
        "from tests.library.example import Lamp, make_config, running\n"
        "with running(Lamp, make_config(int(sys.argv[1]))):\n"
        "    threading.Event().wait()\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", script, str(broker.port)])
    observer.wait(f"{BASE}/availability", lambda message: message.payload == b"online")
    victim.kill()
    victim.wait()
    cable = Cable(broker.port)
    cable.plug()
    mark = observer.mark()
    with running(Lamp, make_config(cable.port)) as lamp:
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"online", since=mark)
        cable.pull()
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"offline", since=mark)
        mark = observer.mark()
        cable.plug()
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"online", since=mark)
        assert lamp.broker.problems.sentences == []
    cable.pull()


def test_who_is_told_that_it_was_taken_over_waits() -> None:
    """A newer Mosquitto than Debian's says why it closes a connection; so does this stand-in for one."""
    with socket.create_server((HOST, 0)) as server, connection(server.getsockname()[1]) as made:
        made.broker.start()
        link, _ = server.accept()
        with link:
            assert link.recv(1000)
            link.sendall(bytes([0x20, 3, 0, 0, 0]))  # CONNACK: success
            made.connects.get(timeout=TIMEOUT_S)
            link.sendall(bytes([0xE0, 1, 142]))  # DISCONNECT: session taken over
            made.losses.get(timeout=TIMEOUT_S)
        server.settimeout(2 * FIRST_RETRY_S)
        with pytest.raises(TimeoutError):
            server.accept()  # by then it would have come back
