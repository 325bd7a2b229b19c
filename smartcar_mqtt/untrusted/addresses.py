"""Addresses as they may be shown: without the user name, password and query that they may carry.

Many cameras want their password in the address. People write it there unencoded, with any character in it, so the rules
of RFC 3986 do not find its end: everything up to the last `@` counts as user information. Where an address can be read
in two ways, less of it is shown.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "***"
"""Stands where something is not shown."""
LEAST_SECRET_CHARACTERS = 3
"""A shorter secret is replaced only inside of its address: it would be found in any text."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*:"
_WHOLE = re.compile(rf"\s*(?P<scheme>(?:{_SCHEME})?/{{2,}}|{_SCHEME}/(?!/))?(?P<rest>.*)", re.DOTALL)
_IN_TEXT = re.compile(rf"(?<![\w+.:/@-]){_SCHEME}//")
_PLAIN_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]*\]|[^\s:@\[\]%?&=]*)(?::\d{0,5})?")
_KEYED_SECRET = re.compile(
    r"(?i)(?P<key>(?:pass(?:word|wd|phrase|wort)?|pwd|pw|token|secret|api[-_]?key|access[-_]?key|auth|sig(?:nature)?|"
    r"credentials?|user(?:name)?|usr|login)\s*=\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s&'\"]+)"
)
_QUERY = re.compile(r"\?[\w.%\[\]-]+=[^\s'\"<>]*")
_AUTHORIZATION = re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:(?:basic|bearer|digest)\s+)?)[^\s'\"]+")
_WITHOUT_SCHEME = re.compile(r"(?<![\w@])[^\s'\"/@:]+:(?!//)[^\s@]+@(?=[\w\[])")
_END_OF_ADDRESS = re.compile(r"[\s'\"<>`|)}]")


def mask_address(address: str) -> str:
    """A text that is an address, as it may be shown: `rtsp://***@host/live?***`.

    What is no address (a device, a file's path, a number) stays as it is.
    """
    found = _WHOLE.fullmatch(address)
    assert found is not None  # noqa: S101 - it matches any text
    scheme, rest = found["scheme"] or "", found["rest"]
    if scheme.startswith(("file:", "/")) and scheme != "//":
        return address
    if not scheme and (rest.startswith(("/", ".", "~")) or not re.match(r"[^/]*:.*@", rest, re.DOTALL)):
        return address
    return scheme + _mask_rest(rest)


def mask_all(value: Any) -> Any:
    """A value of plain types, with all addresses in it as they may be shown."""
    if isinstance(value, str):
        return mask_address(value)
    if isinstance(value, dict):
        return {key: mask_all(each) for key, each in value.items()}
    return [mask_all(each) for each in value] if isinstance(value, list | tuple) else value


def mask_secrets(text: str, *addresses: str) -> str:
    """A text, such as the message of another library's error, with the secrets of all addresses in it hidden.

    Args:
        text: anything.
        addresses: those that are known to occur in it, in whatever form; their secrets are found even where a space or
            a quotation mark in them would make their end a guess.
    """
    for address in addresses:
        text = _mask_known(text, address)
    if "://" in text:
        text = _mask_each(text)
    if "@" in text:
        text = _WITHOUT_SCHEME.sub(lambda found: found[0] if HIDDEN in found[0] else f"{HIDDEN}@", text)
    if "?" in text:
        text = _QUERY.sub(f"?{HIDDEN}", text)
    if "=" in text:
        text = _KEYED_SECRET.sub(lambda found: found["key"] + HIDDEN, text)
    return _AUTHORIZATION.sub(rf"\g<1>{HIDDEN}", text) if "uthorization" in text.lower() else text


def mask_texts(value: Any) -> Any:
    """A value of plain types, with the secrets of all addresses that occur in its texts hidden."""
    if isinstance(value, str):
        return mask_secrets(value) if any(mark in value for mark in "@=?") or "://" in value else value
    if isinstance(value, dict):
        return {key: mask_texts(each) for key, each in value.items()}
    return [mask_texts(each) for each in value] if isinstance(value, list | tuple) else value


def _mask_rest(rest: str) -> str:
    """What stands behind `scheme://`, masked."""
    user, at, tail = rest.rpartition("@")
    if not at:
        return _mask_host(rest)
    before_query, question, query = user.partition("?")
    if question and "=" in query:  # `?mail=me@host`: the @ may belong to the query
        host, slash, _path = before_query.partition("/")
        plain = _PLAIN_HOST.fullmatch(host)
        if slash and plain:
            return _mask_host(before_query) + f"?{HIDDEN}"
        if plain or "@" in before_query:
            return HIDDEN  # nobody can tell which @ ends the user information
    return f"{HIDDEN}@{_mask_host(tail)}"


def _mask_host(rest: str) -> str:
    """Host, path and query: the query is hidden, and so is a path that carries a password, as that of some cameras."""
    cut = min((place for place in (rest.find("?"), rest.find("#")) if place >= 0), default=len(rest))
    shown, hidden = rest[:cut], rest[cut:]
    host, slash, path = shown.partition("/")
    if not _PLAIN_HOST.fullmatch(host):
        host = HIDDEN  # `user:secret` where the host was forgotten, or an encoded @
    keyed = _KEYED_SECRET.search(path)
    if keyed:
        path = path[: keyed.start()] + HIDDEN
    return host + slash + path + (hidden[0] + HIDDEN if len(hidden) > 1 else hidden)


def _mask_each(text: str) -> str:
    """All addresses with a scheme in a text, line by line: no address goes on in the next line."""
    return "".join(_mask_line(line) for line in text.splitlines(keepends=True))


def _mask_line(line: str) -> str:
    starts = [found.start() for found in _IN_TEXT.finditer(line)]
    if not starts:
        return line
    parts = [line[: starts[0]]]
    for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
        region = line[start:end]
        last_at = region.rfind("@") + 1  # blanks and quotation marks before it may be a password's
        found = _END_OF_ADDRESS.search(region, last_at)
        stop = len(region[: found.start() if found else len(region)].rstrip(".,:;!"))
        stop = max(stop, last_at)
        parts += [mask_address(region[:stop]), region[stop:]]
    return "".join(parts)


def _mask_known(text: str, address: str) -> str:
    """A text without a known address's secrets, however they are encoded."""
    masked = mask_address(address)
    if masked == address:
        return text
    forms = {address, address.strip(), repr(address)[1:-1], quote(address, safe=":/?&=@"), unquote(address)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, masked)
    for secret in sorted(_secrets_of(address), key=len, reverse=True):
        if len(secret) >= LEAST_SECRET_CHARACTERS:
            text = text.replace(secret, HIDDEN)
    return text


def _secrets_of(address: str) -> set[str]:
    """The user information, the password and the query's values, each as it stands, encoded and decoded."""
    rest = address.partition("://")[2] or address
    user, _, tail = rest.rpartition("@")
    found = {user, user.partition(":")[2]}
    for query in (user.partition("?")[2], tail.partition("?")[2]):
        found |= {query, *(part.partition("=")[2] for part in re.split("[&;]", query))}
    return {form for secret in found for form in (secret, quote(secret, safe=""), quote(secret), unquote(secret))}
