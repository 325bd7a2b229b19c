"""Where the broker is, as people write it: a name, HOST:PORT, [IPV6]:PORT, an URL, the path of a Unix socket.

What is clear is taken; for the rest the error says in one sentence what to write. No error shows a password.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote

from smartcar_mqtt.untrusted.addresses import mask_address

SCHEMES = {"mqtt": False, "tcp": False, "mqtts": True, "ssl": True, "tls": True}
"""Scheme of an URL → whether the connection is encrypted."""
PLAIN_PORT, TLS_PORT = 1883, 8883
UNIX_SCHEMES = ("unix", "mqtt+unix")
_HINT = "expected HOST:PORT, HOST, mqtt://HOST:PORT or the path of a Unix socket, such as localhost:1883"


class BrokerAddress(NamedTuple):
    """What an address says; None or empty: it does not say it."""

    host: str
    """Name or address, or the absolute path of a Unix socket."""
    port: int | None = None
    tls: bool = False
    """Whether it asks for an encrypted connection (`mqtts://`)."""
    username: str = ""
    password: str = ""

    def port_or(self, other: int) -> int:
        """Its port; else the other one, or the usual one of encrypted connections where the other is only a default."""
        return self.port or (TLS_PORT if self.tls and other == PLAIN_PORT else other)


def parse_broker_address(text: str) -> BrokerAddress:
    """Take an address apart.

    Raises:
        ValueError: it is none, or not a clear one; with the mend, and without the secrets in it.
    """
    text = text.strip()
    if not text:
        raise ValueError(f"there is no host; {_HINT}")
    scheme, tls, rest = _scheme(text)
    if scheme in UNIX_SCHEMES or (not scheme and rest.startswith("/") and not rest.startswith("//")):
        path = "/" + rest.lstrip("/")
        if path == "/":
            raise ValueError(f"{text!r} names no socket; {_HINT}")
        return BrokerAddress(path)
    rest = rest.removeprefix("//")
    user, _, place = rest.rpartition("@")
    username, _, password = user.partition(":")
    place, _, path = place.partition("/")
    if path or "?" in place or "#" in place:
        raise ValueError(f"{mask_address(text)!r}: a broker's address has no path behind the port; {_HINT}")
    host, port = _host_and_port(place, mask_address(text) if user else text)
    return BrokerAddress(host, port, tls, unquote(username), unquote(password))


def _scheme(text: str) -> tuple[str, bool, str]:
    """Scheme in small letters, whether it means TLS, and what stands behind it."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?=//)", text) or re.match(r"(unix):(?=/)", text, re.IGNORECASE)
    if found is None:
        return "", False, text
    scheme, rest = found[1].lower(), text[found.end() :]
    if scheme in UNIX_SCHEMES:
        return scheme, False, rest
    if scheme in {"ws", "wss"}:
        raise ValueError(f"{mask_address(text)!r}: MQTT over websockets is not supported; write mqtt://HOST:1883")
    if scheme not in SCHEMES:
        raise ValueError(f"{mask_address(text)!r}: {scheme}:// is no broker's address; {_HINT}")
    return scheme, SCHEMES[scheme], rest


def _host_and_port(place: str, shown: str) -> tuple[str, int | None]:
    place = place.strip()
    if place.startswith("["):
        host, bracket, rest = place[1:].replace("%25", "%").partition("]")
        if not bracket or (rest and not rest.startswith(":")) or not _is_ipv6(host):
            raise ValueError(f"{shown!r}: expected an IPv6 address in brackets, such as [::1] or [::1]:1883")
        return host, _port(rest[1:], shown) if rest else None
    if _is_ipv6(place):
        return place, None
    host, colon, port = place.partition(":")
    host = host.strip()
    if not host:
        raise ValueError(f"{shown!r}: there is no host; {_HINT}")
    if host.isdigit() and not colon:
        raise ValueError(f"{shown!r} is a number, not a host; for a port on this machine write localhost:{host}")
    if re.search(r"\s", host):
        raise ValueError(f"{shown!r}: there is a blank in it; {_HINT}")
    if not all(character.isalnum() or character in "._-" for character in host) or ".." in host:
        raise ValueError(f"{shown!r} is no name of a host; {_HINT}")
    return host, _port(port.strip(), shown) if colon else None


def _port(text: str, shown: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise ValueError(f"{shown!r}: the port must be a number from 1 to 65535, such as 1883; {_HINT}")
    return int(text)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
