"""No secret of an address is ever shown, whatever characters it is made of."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcar_mqtt.untrusted.addresses import mask_address, mask_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@host/live", "rtsp://***@host/live"),
        ("RTSP://user:secret@host", "RTSP://***@host"),
        ("rtsp://user:s@c:r/e#t%x y\"z'@host:554/live", "rtsp://***@host:554/live"),
        ("rtsp://user:secr?et@host/live", "rtsp://***@host/live"),
        ("rtsp://user:s?cr=et&x@host/live", "rtsp://***@host/live"),
        ("rtsp://token@host/live", "rtsp://***@host/live"),
        ("rtsp://user:secret@[fe80::1]:554/live", "rtsp://***@[fe80::1]:554/live"),
        ("http://host/live?user=me&password=secret", "http://host/live?***"),
        ("http://host:8080/live?mail=me@home&token=secret", "http://host:8080/live?***"),
        ("http://user:secret@host/live?mail=me@home&token=secret", "http://***"),
        ("http://host/#access_token=secret", "http://host/#***"),
        ("rtsp://user:secret", "rtsp://***"),
        ("rtsp://user:secret%40host/live", "rtsp://***/live"),
        ("rtsp:/user:secret@host/live", "rtsp:/***@host/live"),
        ("rtsp://host:554/user=admin_password=secret_channel=1.sdp", "rtsp://host:554/***"),
        ("mqtt://user:secret@broker:1883", "mqtt://***@broker:1883"),
        ("user:secret@broker", "***@broker"),
        ("//user:secret@broker", "//***@broker"),
        (" rtsp://user:secret@host/live", "rtsp://***@host/live"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    assert mask_address(address).strip() == shown


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "/dev/video0", "/dev/v4l/by-id/usb-cam@2:0", "film@home.avi", "localhost", "[::1]",
        "host:1883", "127.0.0.1:5005", "rtsp://host/live", "rtsp://[::1]:554/live", "socket://127.0.0.1:4000",
        "file:///home/me@work/film.avi", "https://host/page",
    ],
)  # fmt: skip
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert mask_address(text) == text
    assert mask_secrets(f"it is {text}: refused") == f"it is {text}: refused"


@given(st.text(string.printable + "äß€", min_size=4, max_size=20).filter(lambda text: "=" not in text))
def test_no_character_of_a_password_ends_the_masking(password: str) -> None:
    secret = f"Q{password}Q"
    address = f"rtsp://user:{secret}@host/live"
    assert mask_address(address) == "rtsp://***@host/live"
    for form in (address, repr(address)):
        assert secret not in mask_secrets(f"cannot open {form}: refused", address)
    if not {"\n", "\r", "\v", "\f"} & set(password):
        assert secret not in mask_secrets(f"cannot open {address}: refused")


@given(st.text(string.printable, min_size=4, max_size=20))
def test_no_character_of_a_query_ends_the_masking(value: str) -> None:
    secret = f"Q{value}Q"
    address = f"http://host/live?token={secret}"
    assert secret not in mask_address(address)
    assert secret not in mask_secrets(f"cannot open {address}: refused", address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "HTTPConnectionPool(host='cam', port=80): Max retries exceeded with url: /live?user=me&password=secret (x)",
            "HTTPConnectionPool(host='cam', port=80): Max retries exceeded with url: /live?*** (x)",
        ),
        (
            "neither rtsp://a:secret@one/live nor 'http://b:secret@two/' answers",
            "neither rtsp://***@one/live nor 'http://***@two/' answers",
        ),
        ("no line at rtsp://a:secret@one/live.\nask me@home", "no line at rtsp://***@one/live.\nask me@home"),
        ("rtspsrc location=rtsp://host user-pw=secret", "rtspsrc location=rtsp://host user-pw=***"),
        ("the broker at me:secret@host is gone", "the broker at ***@host is gone"),
        ("sent Authorization: Basic c2VjcmV0", "sent Authorization: Basic ***"),
    ],
)  # fmt: skip
def test_secrets_are_found_in_texts_of_others(text: str, shown: str) -> None:
    assert mask_secrets(text) == shown


def test_the_decoded_secret_of_a_known_address_is_found_too() -> None:
    said = "401 for user me with s/cr et: unauthorised"
    assert "s/cr et" not in mask_secrets(said, "rtsp://me:s%2Fcr%20et@host/live")
