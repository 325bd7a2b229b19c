"""The connection to a real Mosquitto: how it begins, how it is lost, how it comes back, and what it carries."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from smartcar_mqtt.mqtt.broker import STREAM_WINDOW, Message
from smartcar_mqtt.mqtt.reasons import LOGIN_MEND
from tests.library.mqtt.client import TIMEOUT_S, WILL, Connection, connection, make_impatient
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.observer import Observer
from tests.support.program import Output, Program


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon, so that a test need not wait for them."""
    make_impatient(monkeypatch)


# -- beginning and end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_messages_pass_in_both_directions(broker: Mosquitto, observer: Observer, protocol: str) -> None:
    with connection(broker.port, protocol=protocol) as made:
        made.start()
        broker.wait_subscribed("in/#")
        observer.send("in/x", "hello")
        assert made.messages.get(timeout=TIMEOUT_S) == Message("in/x", b"hello", False)
        made.broker.publish("out/x", b"world", qos=1, retain=True)
        assert observer.wait("out/x").payload == b"world"


def test_callbacks_run_on_the_network_thread(broker: Mosquitto) -> None:
    with connection(broker.port) as made:
        made.broker.start()
        assert made.connects.get(timeout=TIMEOUT_S) != threading.current_thread().name


def test_start_returns_at_once_where_there_is_no_broker() -> None:
    with connection(free_port()) as made:
        made.broker.start()
        assert "cannot be reached: [Errno 111] Connection refused" in made.failures.get(timeout=TIMEOUT_S)
        assert not made.broker.connected
        made.broker.publish("out/x", b"nobody hears it", qos=1)
        made.broker.stream("out/x", b"nor this")


@pytest.mark.usefixtures("_impatient")
def test_a_broker_that_starts_later_is_found(caplog: pytest.LogCaptureFixture) -> None:
    with Mosquitto() as mosquitto:
        with Observer(mosquitto.port):
            pass  # Mosquitto may not hear a signal that comes before it serves its first client
        mosquitto.stop()
        with connection(mosquitto.port) as made:
            made.broker.start()
            made.failures.get(timeout=TIMEOUT_S)
            made.failures.get(timeout=TIMEOUT_S)
            mosquitto.start()
            made.connects.get(timeout=TIMEOUT_S)
            warnings = [record.message for record in caplog.records if "cannot be reached" in record.message]
            assert len(warnings) == 1, warnings  # not one for each attempt


def test_last_words_are_published_and_the_will_is_not(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port) as made:
        made.start()
    observer.wait("car/availability", lambda message: message.payload == b"offline")
    observer.flush()
    assert len(observer.seen("car/availability")) == 1
    assert made.losses.empty()  # an end in order is no loss


def test_the_will_is_published_retained_when_the_process_is_killed(broker: Mosquitto, observer: Observer) -> None:
    script = (
        "import sys, threading\n"
        "from smartcar_mqtt.mqtt.broker import Broker\n"
        "from smartcar_mqtt.config import Mqtt\n"
        "broker = Broker(Mqtt(host='127.0.0.1', port=int(sys.argv[1])), 'victim', will=('car/availability', b'gone'))\n"
        "broker.on_connected = lambda: print('connected', flush=True)\n"
        "broker.start()\n"
        "threading.Event().wait()\n"
    )
    program = Program("victim", [sys.executable, "-c", script, str(broker.port)], output=Output())
    program.output.wait("connected")
    program.kill()
    assert observer.wait("car/availability").payload == b"gone"
    with Observer(broker.port, client_id="late") as late:
        assert late.wait("car/availability").retained


# -- losing and coming back ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_it_comes_back_after_a_restart_of_the_broker_with_its_subscriptions(
    broker: Mosquitto, observer: Observer, protocol: str
) -> None:
    with connection(broker.port, protocol=protocol) as made:
        made.start()
        observer.await_reconnect()
        mark = broker.output.mark()
        broker.restart()
        assert made.losses.get(timeout=TIMEOUT_S)
        made.connects.get(timeout=TIMEOUT_S)
        observer.wait_ready()
        broker.wait_subscribed("in/#", since=mark)
        observer.send("in/x", "again")
        assert made.messages.get(timeout=TIMEOUT_S).payload == b"again"


def test_a_broker_that_is_killed_is_noticed(broker: Mosquitto) -> None:
    with connection(broker.port) as made:
        made.start()
        broker.kill()
        made.losses.get(timeout=TIMEOUT_S)
        assert not made.broker.connected


def test_a_link_that_is_silently_dead_is_noticed_by_the_keepalive(broker: Mosquitto) -> None:
    with connection(broker.port, keepalive=2) as made:
        made.start()
        broker.pause()
        try:
            assert "Keep alive" in made.losses.get(timeout=TIMEOUT_S)
        finally:
            broker.resume()


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_impatient")
def test_a_wrong_password_is_one_clear_line_and_it_keeps_trying(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "car", "right"], check=True)
    with Mosquitto([f"password_file {passwords}"], allow_anonymous=False) as mosquitto:
        with connection(mosquitto.port, username="car", password="wrong") as made:
            made.broker.start()
            sentences = {made.failures.get(timeout=TIMEOUT_S) for _ in range(2)}
            assert sentences == {
                f"the broker at 127.0.0.1:{mosquitto.port} refuses the connection: Not authorized; {LOGIN_MEND}"
            }
            assert [record.message for record in caplog.records if "refuses" in record.message] == [
                f"{sentences.pop()}; trying again"
            ]
            assert "wrong" not in caplog.text
        with connection(mosquitto.port, username="car", password="right") as made:
            made.start()


# -- other ways to the broker ----------------------------------------------------------------------------------------


def test_a_unix_socket() -> None:
    with tempfile.TemporaryDirectory(prefix="smartcar-") as folder:
        path = f"{folder}/mqtt"
        with (
            Mosquitto([f"listener 0 {path}"]) as mosquitto,
            Observer(mosquitto.port) as observer,
            connection(host=path) as made,
        ):
            made.start()
            assert made.broker.address == path
            made.broker.publish("out/x", b"hello", qos=1)
            assert observer.wait("out/x").payload == b"hello"
            mosquitto.wait_subscribed("in/#")
            observer.send("in/x", "back")
            assert made.messages.get(timeout=TIMEOUT_S).payload == b"back"


# -- what messages carry ---------------------------------------------------------------------------------------------


def test_expiry_response_topic_and_correlation_arrive(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port) as made:
        made.start()
        broker.wait_subscribed("in/#")
        observer.send("in/x", "?", MessageExpiryInterval=60, ResponseTopic="answers/1", CorrelationData=b"\x01\xff")
        received = made.messages.get(timeout=TIMEOUT_S)
        assert received.expires_in is not None
        assert 58 <= received.expires_in <= 60
        assert received.response_topic == "answers/1"
        assert received.correlation == b"\x01\xff"


def test_correlation_and_expiry_are_sent(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port) as made:
        made.start()
        made.broker.publish("out/x", b"!", qos=1, correlation=b"\x01\xff", response_topic="back", expires_in=60)
        assert observer.wait("out/x").correlation == b"\x01\xff"


def test_with_mqtt_3_they_are_left_out(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port, protocol="3.1.1") as made:
        made.start()
        broker.wait_subscribed("in/#")
        made.broker.publish("out/x", b"!", qos=1, correlation=b"1", response_topic="back", expires_in=60)
        assert observer.wait("out/x").correlation is None
        observer.send("in/x", "?", ResponseTopic="answers/1")
        assert made.messages.get(timeout=TIMEOUT_S) == Message("in/x", b"?", False)


def test_the_retain_flag_shows_kept_and_fresh_messages_alike(broker: Mosquitto, observer: Observer) -> None:
    observer.send("in/kept", "old", retain=True)
    with connection(broker.port) as made:
        made.start()
        assert made.messages.get(timeout=TIMEOUT_S) == Message("in/kept", b"old", True)
        observer.send("in/fresh", "new", retain=True)
        assert made.messages.get(timeout=TIMEOUT_S) == Message("in/fresh", b"new", True)


def test_subscribed_otherwise_only_kept_messages_show_it(broker: Mosquitto, observer: Observer) -> None:
    observer.send("status/kept", "old", retain=True)
    with connection(broker.port) as made:
        made.start()
        made.broker.subscribe("status/#", as_published=False)
        assert made.messages.get(timeout=TIMEOUT_S).retained
        observer.send("status/fresh", "new", retain=True)
        assert not made.messages.get(timeout=TIMEOUT_S).retained


def test_unsubscribed_topics_are_silent(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port) as made:
        made.start()
        broker.wait_subscribed("in/#")
        made.broker.subscribe("more/#")
        broker.wait_subscribed("more/#")
        made.broker.unsubscribe("more/#")
        broker.wait_log(r"more/#$", since=broker.output.mark() - 1)
        made.broker.publish("in/marker", b"1", qos=1)
        assert made.messages.get(timeout=TIMEOUT_S).topic == "in/marker"
        observer.send("more/x", "unheard")
        observer.send("in/x", "heard")
        assert made.messages.get(timeout=TIMEOUT_S).topic == "in/x"


@pytest.mark.parametrize("topic", ["with/+/wildcard", "with/#"])
def test_a_topic_that_nobody_can_publish_on_is_a_value_error(broker: Mosquitto, topic: str) -> None:
    with connection(broker.port) as made:
        made.start()
        with pytest.raises(ValueError, match="topic"):
            made.broker.publish(topic, b"x")


# -- under stress ----------------------------------------------------------------------------------------------------


def test_on_a_stalled_link_a_stream_is_dropped_and_memory_stays_flat(broker: Mosquitto) -> None:
    with connection(broker.port) as made:
        made.start()
        broker.wait_subscribed("in/#")
        broker.pause()
        try:
            frame = bytes(100_000)
            for _ in range(1000):
                made.broker.stream("out/frames", frame)
            assert made.broker.dropped > 500
            assert len(made.broker._client._out_packet) <= STREAM_WINDOW
        finally:
            broker.resume()


def test_after_the_stall_the_stream_goes_on(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port) as made:
        made.start()
        broker.pause()
        try:
            while not made.broker.dropped:
                made.broker.stream("out/frames", bytes(100_000))
        finally:
            broker.resume()
        observer.wait("out/frames", lambda _: len(observer._messages) >= STREAM_WINDOW)
        made.broker.publish("out/mark", b"drained", qos=1)
        observer.wait("out/mark")
        made.broker.stream("out/frames", b"newest")
        observer.wait("out/frames", lambda message: message.payload == b"newest")


def test_the_end_on_a_stalled_link_does_not_take_for_ever(broker: Mosquitto) -> None:
    made = Connection(broker.port, keepalive=60)
    made.start()
    broker.pause()
    try:
        while not made.broker.dropped:
            made.broker.stream("out/frames", bytes(100_000))
        ended = threading.Event()

        def end() -> None:
            made.broker.stop(WILL, timeout=0.5)
            ended.set()

        threading.Thread(target=end, daemon=True).start()
        assert ended.wait(5)
    finally:
        broker.resume()


def test_a_callback_that_raises_does_not_end_the_thread(
    broker: Mosquitto, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with connection(broker.port) as made:
        heard = made.messages.put

        def fragile(message: Message) -> None:
            heard(message)
            if message.payload == b"bomb":
                raise ZeroDivisionError("a bug in a handler")

        made.broker.on_message = fragile
        made.start()
        broker.wait_subscribed("in/#")
        observer.send("in/x", "bomb")
        observer.send("in/x", "next")
        assert [made.messages.get(timeout=TIMEOUT_S).payload for _ in range(2)] == [b"bomb", b"next"]
        assert "a bug in a handler" in caplog.text
        assert made.broker.connected
        assert made.broker.busy_since is None


@pytest.mark.usefixtures("_impatient")
def test_errors_on_connect_and_on_loss_do_not_end_the_thread(broker: Mosquitto) -> None:
    with connection(broker.port) as made:

        def fail(*_: object) -> None:
            made.connected()
            raise ZeroDivisionError("a bug")

        def fail_too(reason: str) -> None:
            made.losses.put(reason)
            raise ZeroDivisionError("a bug")

        made.broker.on_connected, made.broker.on_lost = fail, fail_too
        made.start()
        broker.restart()
        made.losses.get(timeout=TIMEOUT_S)
        made.connects.get(timeout=TIMEOUT_S)


def test_a_callback_that_hangs_can_be_seen(broker: Mosquitto, observer: Observer) -> None:
    with connection(broker.port) as made:
        inside, release = threading.Event(), threading.Event()

        def hang(message: Message) -> None:
            inside.set()
            release.wait(TIMEOUT_S)

        made.broker.on_message = hang
        made.start()
        broker.wait_subscribed("in/#")
        observer.send("in/x", "1")
        assert inside.wait(TIMEOUT_S)
        assert made.broker.busy_since is not None
        release.set()


def test_small_messages_do_not_wait_for_each_other(broker: Mosquitto) -> None:
    with connection(broker.port) as made:
        made.start()
        option = made.broker._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert option != 0
