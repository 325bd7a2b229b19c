"""What the broker refuses is told: once for each topic, with the mend, in the log and in Home Assistant."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smartcar_mqtt.bridge import NO_PROBLEM
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.mqtt.problems import MOST_CAUSES, Outstanding, Problems, Sent
from smartcar_mqtt.mqtt.reasons import ACCESS_LIST, SIZE_MEND
from smartcar_mqtt.mqtt.snapshots import Snapshots
from tests.library.example import BASE, Lamp, make_config, running
from tests.library.mqtt.client import TIMEOUT_S, Connection, connection, make_impatient
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer

DYNAMIC_SECURITY = Path("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so")
PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])
LOG = "smartcar_mqtt.mqtt.problems"


@contextmanager
def broker_with_access_list(tmp_path: Path, *rules: str) -> Iterator[Mosquitto]:
    """A Mosquitto whose nameless clients may do what stands in `rules`."""
    file = tmp_path / "access"
    file.write_text("\n".join([*rules, ""]))
    with Mosquitto([f"acl_file {file}"]) as mosquitto:
        yield mosquitto


class Told:
    """The problems of a connection, as they come."""

    def __init__(self, broker: Broker) -> None:
        self._problems = broker.problems
        self._changed = threading.Event()
        before = self._problems.changed
        self._problems.changed = lambda: (before(), self._changed.set())

    def wait(self, *words: str) -> str:
        """The first present problem with all these words in it."""
        while True:
            self._changed.clear()
            for sentence in self._problems.sentences:
                if all(word in sentence for word in words):
                    return sentence
            assert self._changed.wait(TIMEOUT_S), self._problems.sentences

    def wait_mended(self) -> None:
        while self._problems.sentences:
            self._changed.clear()
            assert not self._problems.sentences or self._changed.wait(TIMEOUT_S), self._problems.sentences


def warnings(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.message for record in caplog.records if words in record.message and record.name == LOG]


def synced(made: Connection, topic: str = "in/marker") -> None:
    """Wait until the broker has answered everything that was sent before."""
    made.broker.publish(topic, b"1", qos=1)
    while made.messages.get(timeout=TIMEOUT_S).topic != topic:
        pass


# -- access list -------------------------------------------------------------------------------------------------------


def test_a_refused_topic_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        broker_with_access_list(tmp_path, "topic readwrite in/#", "topic readwrite car/#") as mosquitto,
        connection(mosquitto.port) as made,
    ):
        told = Told(made.broker)
        made.start()
        for _ in range(5):
            made.broker.publish("out/state", b"x", qos=1, retain=True)
        sentence = told.wait("out/state")
        assert sentence == (
            f"the broker at 127.0.0.1:{mosquitto.port} refuses what is published on out/state: {ACCESS_LIST}"
        )
        synced(made)
        assert warnings(caplog, "out/state") == [sentence]


@pytest.mark.parametrize("way", ["publish", "stream"])
def test_a_topic_of_qos_0_is_told_too(tmp_path: Path, way: str) -> None:
    with (
        broker_with_access_list(tmp_path, "topic readwrite in/#", "topic readwrite car/#") as mosquitto,
        connection(mosquitto.port) as made,
    ):
        told = Told(made.broker)
        made.start()
        getattr(made.broker, way)("out/telemetry", b"x")
        told.wait("out/telemetry", ACCESS_LIST)


def test_a_topic_that_is_allowed_again_is_mended(broker: Mosquitto, tmp_path: Path) -> None:
    file = tmp_path / "access"
    rules = "topic readwrite in/#\ntopic readwrite car/#\n"
    file.write_text(rules)
    with Mosquitto([f"acl_file {file}"]) as mosquitto, connection(mosquitto.port) as made:
        told = Told(made.broker)
        made.start()
        made.broker.publish("out/state", b"x", qos=1)
        told.wait("out/state")
        file.write_text(rules + "topic write out/#\n")
        mosquitto.restart()
        made.connects.get(timeout=TIMEOUT_S)
        made.broker.publish("out/state", b"x", qos=1)
        told.wait_mended()


def test_strangers_cannot_fill_the_log_by_naming_topics_for_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        broker_with_access_list(tmp_path, "topic readwrite in/#", "topic readwrite car/#") as mosquitto,
        connection(mosquitto.port) as made,
    ):
        told = Told(made.broker)
        made.start()
        for number in range(50):
            made.broker.publish(f"answer/{number}", b"x", qos=1, answer=True)
        told.wait("refuses an answer on answer/")
        synced(made)
        made.broker.publish("out/state", b"x", qos=1)
        told.wait("out/state")
        assert len(made.broker.problems.sentences) == 2


@pytest.mark.skipif(not DYNAMIC_SECURITY.exists(), reason="needs Mosquitto's dynamic security plug-in")
@PROTOCOLS
def test_a_refused_subscription_is_told(tmp_path: Path, protocol: str) -> None:
    """Mosquitto's plain access lists never refuse a subscription; those of its plug-in do."""
    rules = tmp_path / "security.json"
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules.write_text(json.dumps({"defaultACLAccess": access, "clients": [], "groups": [], "roles": []}))
    extra = [f"plugin {DYNAMIC_SECURITY}", f"plugin_opt_config_file {rules}"]
    with Mosquitto(extra) as mosquitto, connection(mosquitto.port, protocol=protocol) as made:
        told = Told(made.broker)
        made.start()
        sentence = told.wait("refuses the subscription to in/#")
        assert ACCESS_LIST in sentence


def test_home_assistant_shows_what_is_refused(tmp_path: Path) -> None:
    rules = ("topic readwrite #", f"topic deny {BASE}/result")
    with (
        broker_with_access_list(tmp_path, *rules) as mosquitto,
        Observer(mosquitto.port) as observer,
        running(Lamp, make_config(mosquitto.port)),
    ):
        observer.wait(f"{BASE}/state", lambda message: message.json["broker_problem"] == NO_PROBLEM)
        observer.send(f"{BASE}/flash/set", "PRESS")
        shown = observer.wait(f"{BASE}/state", lambda message: message.json["broker_problem"] != NO_PROBLEM).json
    assert f"{BASE}/result: {ACCESS_LIST}" in shown["broker_problem"]
    assert shown["attributes"]["broker_problem"]["problems"] == [shown["broker_problem"]]


@PROTOCOLS
@pytest.mark.parametrize("denied", ["write", "read"])
def test_a_message_to_oneself_that_never_comes_back_is_a_warning(
    tmp_path: Path, protocol: str, denied: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With MQTT 3.1.1, or where only reading is denied, the broker acknowledges everything."""
    rules = {
        "write": ("topic readwrite homeassistant/#", f"topic readwrite {BASE}/state", "topic read #"),
        "read": ("topic readwrite homeassistant/#", "topic write smartcar/#"),
    }[denied]
    with (
        broker_with_access_list(tmp_path, *rules) as mosquitto,
        running(Lamp, make_config(mosquitto.port, protocol=protocol)) as lamp,
    ):
        told = Told(lamp.broker)
        sentence = told.wait(f"{BASE}/sync", "has not come back")
        assert "commands may not arrive either" in sentence
        assert warnings(caplog, "has not come back") == [sentence]


# -- size --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("option", ["max_packet_size 3000", "message_size_limit 3000"])
def test_a_message_that_is_too_large_is_told_and_loses_no_connection(
    option: str, qos: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto([option]) as mosquitto, connection(mosquitto.port) as made:
        told = Told(made.broker)
        made.start()
        for _ in range(3):
            made.broker.publish("out/big", bytes(5000), qos=qos, retain=True)
            synced(made)
        sentence = told.wait("out/big", SIZE_MEND)
        assert re.search(r"50\d\d bytes", sentence)
        assert warnings(caplog, "out/big") == [sentence]
        assert made.losses.empty()
        assert made.broker.connections == 1
        made.broker.publish("out/big", bytes(500), qos=1)
        told.wait_mended()


def test_the_limit_of_the_packet_is_kept_to_the_byte() -> None:
    with (
        Mosquitto(["max_packet_size 3000"]) as mosquitto,
        Observer(mosquitto.port) as observer,
        connection(mosquitto.port) as made,
    ):
        made.start()
        for size in range(2970, 3010):
            made.broker.publish("out/big", bytes(size), qos=1)
        synced(made)
        observer.flush()
        arrived = [len(message.payload) for message in observer.seen("out/big")]
        assert max(arrived) == 3000 - (1 + 2) - (2 + len("out/big")) - 2 - 1
        assert made.losses.empty()


@pytest.mark.parametrize("qos", [0, 1])
def test_with_mqtt_3_1_1_it_is_found_out(qos: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make_impatient(monkeypatch)
    with Mosquitto(["max_packet_size 3000"]) as mosquitto, connection(mosquitto.port, protocol="3.1.1") as made:
        told = Told(made.broker)
        lives = 0

        def announce() -> None:
            made.connected()
            made.broker.publish("out/small", b"x", qos=1)
            made.broker.publish("out/big", bytes(5000), qos=qos)
            made.broker.publish("out/after", b"x", qos=1)

        made.broker.on_connected = announce
        made.broker.start()
        told.wait("out/big", "5000 bytes", SIZE_MEND)
        lives = made.broker.connections
        assert lives <= 3
        made.connects.get(timeout=TIMEOUT_S)
        while made.broker.connections == lives:
            made.connects.get(timeout=TIMEOUT_S)
        synced(made)
        assert made.broker.connected
        assert made.broker.connections == lives + 1


def test_a_picture_that_is_too_large_is_told_and_the_next_one_goes() -> None:
    room = threading.Event()
    with Mosquitto(["max_packet_size 3000"]) as mosquitto, Observer(mosquitto.port) as observer:
        problems = Problems()
        pictures = Snapshots(make_config(mosquitto.port).mqtt, "pictures", on_room=room.set, problems=problems)
        pictures.start()
        try:
            assert room.wait(TIMEOUT_S)
            pictures.show("car/image", bytes(5000))
            assert "car/image" in problems.sentences[0]
            assert pictures.has_room
            pictures.show("car/image", bytes(500))
            assert len(observer.wait("car/image").payload) == 500
        finally:
            pictures.stop()


# -- other limits of the CONNACK ---------------------------------------------------------------------------------------


@PROTOCOLS
def test_few_messages_in_flight(protocol: str) -> None:
    with (
        Mosquitto(["max_inflight_messages 2"]) as mosquitto,
        Observer(mosquitto.port) as observer,
        connection(mosquitto.port, protocol=protocol) as made,
    ):
        made.start()
        assert made.broker.limits.in_flight == (2 if protocol == "5" else 20)
        for number in range(50):
            made.broker.publish(f"out/{number}", b"x", qos=1)
        observer.wait("out/49")
        assert made.losses.empty()


def test_a_broker_that_has_only_qos_0() -> None:
    with Mosquitto(["max_qos 0"]) as mosquitto, connection(mosquitto.port) as made:
        made.start()
        made.broker.publish("in/x", b"hello", qos=1)
        assert made.messages.get(timeout=TIMEOUT_S).payload == b"hello"
        assert made.failures.empty()


def test_a_broker_that_keeps_nothing_is_told_with_the_mend() -> None:
    with Mosquitto(["retain_available false"]) as mosquitto, connection(mosquitto.port) as made:
        made.broker.start()
        assert "set retain_available true" in made.failures.get(timeout=TIMEOUT_S)


# -- the list of problems ----------------------------------------------------------------------------------------------


def test_problems_are_bounded() -> None:
    problems = Problems()
    for number in range(1000):
        problems.tell(number, f"problem {number}")
    assert len(problems.sentences) == MOST_CAUSES + 1


def test_a_problem_that_comes_and_goes_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    problems = Problems()
    for _ in range(5):
        problems.tell("cause", "it is so")
        problems.mend("cause")
    assert [record.message for record in caplog.records] == ["it is so"]


def test_whoever_comes_second_gets_the_pair() -> None:
    outstanding = Outstanding()
    topic = Sent("a/b")
    assert outstanding.sent(1, [topic]) == []
    assert outstanding.answered(1, ["no"]) == [(topic, "no")]
    assert outstanding.answered(2, ["no"]) == []
    assert outstanding.sent(2, [topic]) == [(topic, "no")]
    outstanding.sent(3, [topic])
    assert outstanding.clear() == [topic]
    assert outstanding.answered(3, ["late"]) == []
