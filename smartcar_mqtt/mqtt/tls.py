"""TLS between a bridge and its broker: the context from the configuration, and its errors in words for people."""

from __future__ import annotations

import ssl
from pathlib import Path

from smartcar_mqtt.config import ConfigError, Tls

_SPEAKS_NO_TLS = (
    "{address} does not speak TLS: set mqtt.port to the broker's TLS port (8883 is usual), or mqtt.tls.enabled to false"
)
_NEEDS_CERTIFICATE = (
    "the broker at {address} asks for a client certificate: name it with mqtt.tls.cert_file and mqtt.tls.key_file"
)
HUNG_UP = (
    "{address} hangs up during the TLS handshake: is it the broker's TLS port (8883 is usual)? "
    "For a port without TLS set mqtt.tls.enabled to false"
)
WORDS = {
    "WRONG_VERSION_NUMBER": _SPEAKS_NO_TLS,
    "RECORD_LAYER_FAILURE": _SPEAKS_NO_TLS,  # what newer versions of OpenSSL say instead
    "PACKET_LENGTH_TOO_LONG": _SPEAKS_NO_TLS,
    "HTTP_REQUEST": _SPEAKS_NO_TLS,
    "UNEXPECTED_EOF": HUNG_UP,
    "CERTIFICATE_REQUIRED": _NEEDS_CERTIFICATE,
    "HANDSHAKE_FAILURE": "the broker at {address} ends the TLS handshake: it may ask for a client certificate "
    "(mqtt.tls.cert_file, mqtt.tls.key_file), or share no cipher with this machine",
    "UNKNOWN_CA": "the broker at {address} does not trust the authority of our certificate, mqtt.tls.cert_file: "
    "issue one by the authority that is the broker's cafile",
    "BAD_CERTIFICATE": "the broker at {address} does not accept our certificate, mqtt.tls.cert_file",
    "CERTIFICATE_EXPIRED": "our certificate, mqtt.tls.cert_file, has expired (broker {address}): issue a new one",
    "CERTIFICATE_REVOKED": "our certificate, mqtt.tls.cert_file, has been revoked: issue a new one",
    "PROTOCOL_VERSION": "the broker at {address} and this machine share no version of TLS: update the older of the two",
    "UNSUPPORTED_PROTOCOL": "the broker at {address} speaks a version of TLS that is too old: update it",
}
"""Part of OpenSSL's name for an error → what it means here and what to do."""
VERIFY_WORDS = {
    9: "is not valid yet: is this machine's clock right?",
    10: "has expired, or this machine's clock is wrong",
    18: "is signed by itself: name it, or better its authority, in mqtt.tls.ca_file",
    19: "is signed by an authority that is not trusted here: name the broker's in mqtt.tls.ca_file",
    20: "is signed by an authority that is not trusted here: name the broker's in mqtt.tls.ca_file",
    62: "is for another name: mqtt.host must be a name or address that stands in the certificate",
    64: "is for another address: mqtt.host must be a name or address that stands in the certificate",
}
"""X509_V_ERR_... of OpenSSL → what is wrong with the broker's certificate. Source: x509_vfy.h."""


class _Encrypted(Exception):  # noqa: N818 - never seen outside
    """The key file asks for a passphrase."""


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The context of `mqtt.tls`; the broker's certificate is always checked.

    Raises:
        ConfigError: with the key, the file, and what to do.
    """
    if tls.key_file and not tls.cert_file:
        raise ConfigError("mqtt.tls: key_file stands there without cert_file; name the certificate too")
    for key in ("ca_file", "cert_file", "key_file"):
        _check_readable(key, getattr(tls, key))
    try:
        context = ssl.create_default_context(cafile=_path(tls.ca_file) if tls.ca_file else None)
    except ssl.SSLError:
        raise ConfigError(f"mqtt.tls: {tls.ca_file}: cannot be used: ca_file holds no certificate (PEM)") from None
    if tls.cert_file:
        _load_own(context, tls)
    return context


def _load_own(context: ssl.SSLContext, tls: Tls) -> None:
    """The client's certificate and key; a key with a passphrase is refused, as nobody could type it in."""

    def passphrase() -> str:
        raise _Encrypted

    key_file = tls.key_file or tls.cert_file
    try:
        context.load_cert_chain(
            _path(tls.cert_file), _path(tls.key_file) if tls.key_file else None, password=passphrase
        )
    except _Encrypted:
        raise ConfigError(
            f"mqtt.tls: {key_file}: cannot be used: the key is encrypted; write it without a passphrase, readable for "
            f"the car alone: openssl pkey -in {key_file} -out car.key && chmod 600 car.key"
        ) from None
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            why = f"is not the key of {tls.cert_file}"
        elif not tls.key_file:
            why = "cert_file must hold certificate and key (PEM), or name the key with key_file"
        else:
            why = f"cert_file must be a certificate and key_file its key (PEM): {error.reason or error}"
        raise ConfigError(f"mqtt.tls: {key_file}: cannot be used: {why}") from None


def _check_readable(key: str, name: str) -> None:
    if not name:
        return
    try:
        Path(_path(name)).open("rb").close()
    except (OSError, ValueError) as error:
        raise ConfigError(f"mqtt.tls: {name}: cannot be used: {error} ({key})") from None


def _path(name: str) -> str:
    try:
        return str(Path(name).expanduser())
    except RuntimeError:  # no home directory
        return name


def tls_words(error: BaseException, address: str) -> str:
    """An error of a TLS connection for people, with OpenSSL's own words behind it."""
    text = str(error)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return f"{HUNG_UP.format(address=address)} ({text})"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = VERIFY_WORDS.get(error.verify_code, "cannot be verified")
        return f"the certificate of the broker at {address} {why} ({text})"
    return _words_of(text, address) or f"the broker at {address} cannot be reached: {text}"


def alert_words(text: str, address: str) -> str:
    """What the broker's alert means, from a line of paho's log; empty where there is none in it.

    With TLS 1.3 a broker refuses our certificate only after the handshake, and paho keeps that error to its log.
    """
    return _words_of(text, address) if "alert" in text.lower() else ""


def _words_of(text: str, address: str) -> str:
    name = text.upper().replace(" ", "_")
    return next((f"{words.format(address=address)} ({text})" for part, words in WORDS.items() if part in name), "")
