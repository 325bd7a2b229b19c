"""TLS between bridge and broker: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from smartcar_mqtt.config import ConfigError, Mqtt, Tls
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.mqtt.tls import alert_words, tls_context, tls_words
from tests.library.mqtt.client import TIMEOUT_S, connection
from tests.support.mosquitto import HOST, Mosquitto, free_port


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


# -- in words ----------------------------------------------------------------------------------------------------------


def failure_of(port: int, tls: Tls, **settings: object) -> str:
    """What a connection that cannot be made says."""
    with connection(port, tls=tls, **settings) as made:
        made.broker.start()
        return made.failures.get(timeout=TIMEOUT_S)


def test_tls_at_a_plain_port(certificates: Certificates) -> None:
    with Mosquitto() as mosquitto:
        sentence = failure_of(mosquitto.port, Tls(enabled=True, ca_file=certificates.ca))
    assert f"127.0.0.1:{mosquitto.port}" in sentence
    assert "8883 is usual" in sentence
    assert "mqtt.tls.enabled" in sentence


def test_no_tls_at_a_tls_port(certificates: Certificates) -> None:
    with tls_broker(certificates) as port:
        sentence = failure_of(port, Tls())
    assert "closes the connection without an answer" in sentence
    assert "mqtt.tls.enabled" in sentence


@pytest.mark.parametrize("version", ["", "tls_version tlsv1.2"])
def test_a_missing_client_certificate(certificates: Certificates, version: str) -> None:
    with tls_broker(certificates, "require_certificate true", *filter(None, [version])) as port:
        sentence = failure_of(port, Tls(enabled=True, ca_file=certificates.ca))
    assert "mqtt.tls.cert_file" in sentence
    assert "client certificate" in sentence


def test_a_client_certificate_of_a_stranger(certificates: Certificates) -> None:
    with tls_broker(certificates, "require_certificate true") as port:
        mine = certificates.strange_client
        sentence = failure_of(port, Tls(enabled=True, ca_file=certificates.ca, cert_file=mine, key_file=mine))
    assert "does not trust the authority of our certificate" in sentence


def test_a_broker_of_another_authority(certificates: Certificates) -> None:
    with tls_broker(certificates) as port:
        sentence = failure_of(port, Tls(enabled=True, ca_file=certificates.strange_ca))
    assert "is signed by an authority that is not trusted here: name the broker's in mqtt.tls.ca_file" in sentence


def test_a_certificate_for_another_name(certificates: Certificates) -> None:
    with tls_broker(certificates) as port:
        sentence = failure_of(port, Tls(enabled=True, ca_file=certificates.ca), host="localhost")
    assert "mqtt.host must be a name or address that stands in the certificate" in sentence


def test_an_expired_certificate_may_be_a_wrong_clock(certificates: Certificates, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(certificates.ca)
    past = datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_after=past).private_key_and_cert_chain_pem.write_to_path(certificates.server)
    with tls_broker(certificates) as port:
        sentence = failure_of(port, Tls(enabled=True, ca_file=certificates.ca))
    assert "has expired, or this machine's clock is wrong" in sentence


def test_an_encrypted_key_is_refused_and_asks_nobody(certificates: Certificates, tmp_path: Path) -> None:
    text = Path(certificates.client).read_bytes()
    key = serialization.load_pem_private_key(text, None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigError, match=r"the key is encrypted; write it without a passphrase.*openssl pkey"):
        tls_context(Tls(enabled=True, cert_file=certificates.client, key_file=str(encrypted)))


def test_files_that_are_not_what_they_should_be(certificates: Certificates, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("nothing")
    only_certificate = tmp_path / "certificate.pem"
    only_certificate.write_text(Path(certificates.ca).read_text())
    cases = {
        "ca_file holds no certificate": Tls(enabled=True, ca_file=str(junk)),
        "Is a directory": Tls(enabled=True, ca_file=str(tmp_path)),
        "key_file stands there without cert_file": Tls(enabled=True, key_file=certificates.client),
        "is not the key of": Tls(enabled=True, cert_file=certificates.client, key_file=certificates.strange_client),
        "must hold certificate and key": Tls(enabled=True, cert_file=str(only_certificate)),
        "must be a certificate and key_file its key": Tls(
            enabled=True, cert_file=str(junk), key_file=certificates.client
        ),
    }
    for words, tls in cases.items():
        with pytest.raises(ConfigError, match=words) as caught:
            tls_context(tls)
        assert str(caught.value).startswith("mqtt.tls: ")
        assert "\n" not in str(caught.value)


def test_a_tilde_is_the_home_directory(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    client = f"~/{Path(certificates.client).name}"
    tls = Tls(enabled=True, ca_file=f"~/{Path(certificates.ca).name}", cert_file=client, key_file=client)
    with tls_broker(certificates, "require_certificate true") as port, connection(port, tls=tls) as made:
        made.start()


def test_errors_that_nobody_knows_keep_their_own_words() -> None:
    assert tls_words(OSError("something odd"), "broker:8883") == (
        "the broker at broker:8883 cannot be reached: something odd"
    )
    assert alert_words("Received CONNACK", "broker:8883") == ""
