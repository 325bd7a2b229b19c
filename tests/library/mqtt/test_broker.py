"""The connection to a real Mosquitto: how it begins, how it is lost, how it comes back, and what it carries."""

from __future__ import annotations

import json
import logging
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from smartcar_mqtt.config import Mqtt, Tls
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.mqtt import retries
from smartcar_mqtt.mqtt.broker import STREAM_WINDOW, Broker, Message
from tests.support.mosquitto import HOST, Mosquitto, free_port
from tests.support.observer import Observer
from tests.support.program import Output, Program

TIMEOUT_S = 10.0
WILL = ("car/availability", b"offline")
DYNAMIC_SECURITY = Path("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so")


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


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon, so that a test need not wait for them."""
    monkeypatch.setattr(retries, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(retries, "KNOCK_S", 0.05)


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
            assert sentences == {f"the broker at 127.0.0.1:{mosquitto.port} refuses the connection: Not authorized"}
            assert [record.message for record in caplog.records if "refuses" in record.message] == [
                f"{sentences.pop()}; trying again"
            ]
            assert "wrong" not in caplog.text
        with connection(mosquitto.port, username="car", password="right") as made:
            made.start()


@pytest.mark.skipif(not DYNAMIC_SECURITY.exists(), reason="needs Mosquitto's dynamic security plug-in")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_refused_subscription_is_logged(tmp_path: Path, protocol: str) -> None:
    """Mosquitto's plain access lists never refuse a subscription; those of its plug-in do."""
    rules = tmp_path / "security.json"
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules.write_text(json.dumps({"defaultACLAccess": access, "clients": [], "groups": [], "roles": []}))
    extra = [f"plugin {DYNAMIC_SECURITY}", f"plugin_opt_config_file {rules}"]
    records: queue.Queue[str] = queue.Queue()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.put(record.getMessage())

    handler = Handler(logging.ERROR)
    logging.getLogger("smartcar_mqtt.mqtt.broker").addHandler(handler)
    try:
        with Mosquitto(extra) as mosquitto, connection(mosquitto.port, protocol=protocol) as made:
            made.start()
            sentence = records.get(timeout=TIMEOUT_S)
    finally:
        logging.getLogger("smartcar_mqtt.mqtt.broker").removeHandler(handler)
    assert sentence.startswith(f"the broker at 127.0.0.1:{mosquitto.port} refuses a subscription: ")
    assert sentence.endswith("; check its access list")


# -- other ways to the broker ----------------------------------------------------------------------------------------


class Certificates:
    """An authority, what it issued for the broker and for a client, and a stranger's authority."""

    def __init__(self, folder: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        self.ca = str(folder / "ca.pem")
        self.strange_ca = str(folder / "stranger.pem")
        self.server = str(folder / "server.pem")
        self.client = str(folder / "client.pem")
        self.strange_client = str(folder / "strange-client.pem")
        authority.cert_pem.write_to_path(self.ca)
        stranger.cert_pem.write_to_path(self.strange_ca)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(self.server)
        authority.issue_cert("car@example.org").private_key_and_cert_chain_pem.write_to_path(self.client)
        stranger.issue_cert("car@example.org").private_key_and_cert_chain_pem.write_to_path(self.strange_client)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@contextmanager
def tls_broker(certificates: Certificates, *more: str) -> Iterator[int]:
    """A Mosquitto with a listener for TLS; its port."""
    port = free_port()
    listener = [
        f"listener {port} {HOST}",
        f"cafile {certificates.ca}",
        f"certfile {certificates.server}",
        f"keyfile {certificates.server}",
    ]
    with Mosquitto([*listener, *more]):
        yield port


def test_tls_with_the_right_authority(certificates: Certificates) -> None:
    with tls_broker(certificates) as port, connection(port, tls=Tls(enabled=True, ca_file=certificates.ca)) as made:
        made.start()


@pytest.mark.parametrize("authority", ["strange_ca", "none"])
def test_tls_with_a_wrong_authority_is_refused_by_us(certificates: Certificates, authority: str) -> None:
    with tls_broker(certificates) as port:
        tls = Tls(enabled=True, ca_file=getattr(certificates, authority, ""))
        with connection(port, tls=tls) as made:
            made.broker.start()
            assert "CERTIFICATE_VERIFY_FAILED" in made.failures.get(timeout=TIMEOUT_S)
            assert not made.broker.connected


def test_tls_for_another_name_is_refused_by_us(certificates: Certificates) -> None:
    with tls_broker(certificates) as port:
        tls = Tls(enabled=True, ca_file=certificates.ca)
        with connection(port, host="localhost", tls=tls) as made:
            made.broker.start()
            assert "certificate is not valid for 'localhost'" in made.failures.get(timeout=TIMEOUT_S)


def test_a_broker_may_ask_for_a_client_certificate(certificates: Certificates) -> None:
    with tls_broker(certificates, "require_certificate true") as port:

        def tls(client: str) -> Tls:
            return Tls(enabled=True, ca_file=certificates.ca, cert_file=client, key_file=client)

        with connection(port, tls=tls(certificates.client)) as made:
            made.start()
        for client in ("", certificates.strange_client):
            with connection(port, tls=tls(client)) as made:
                made.broker.start()
                assert "127.0.0.1" in made.failures.get(timeout=TIMEOUT_S)
                assert not made.broker.connected


def test_a_broker_that_hangs_up_without_an_answer_is_reported(certificates: Certificates) -> None:
    with tls_broker(certificates) as port, connection(port) as made:
        made.broker.start()  # speaks no TLS
        assert "closes the connection without an answer" in made.failures.get(timeout=TIMEOUT_S)


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
def test_a_certificate_that_is_missing_is_a_config_error(field: str) -> None:
    with pytest.raises(ConfigError, match=r"^mqtt.tls: /missing.pem: cannot be used: .*No such file"):
        Broker(Mqtt(tls=Tls(enabled=True, **{field: "/missing.pem"})), "x")


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
