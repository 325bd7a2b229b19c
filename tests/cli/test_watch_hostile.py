"""What strangers publish neither steers a terminal nor ends a viewer."""

from __future__ import annotations

import json
import re
import subprocess
from io import StringIO
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from smartcar_mqtt.cli.output import say_json
from smartcar_mqtt.cli.watch import Picture, line_of, shown, table_of
from smartcar_mqtt.config import Car, Config, Mqtt
from smartcar_mqtt.mqtt.broker import Message
from smartcar_mqtt.untrusted.visible import visible
from tests.cli.conftest import SMARTCAR
from tests.cli.terminal import on_terminal
from tests.library.untrusted.test_decoding import HOSTILE
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer

HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What may steer a terminal or turn a text round; a line end is ours."""
NASTY = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp\r\n\x00\x7f"
SHAPES: list[Any] = [
    {"ring": {"state": "ON", "color": {}}},
    {"ring": {"state": "ON", "color": {"r": "x", "g": None, "b": []}}},
    {"ring": {"state": ["ON"], "color": 3}},
    {"ring": {"state": "ON", "color": {"r": -1, "g": 1e300, "b": 0.5}, "effect": {"a": NASTY}}},
    {"ring": [], "attributes": 3, "": None, NASTY: NASTY, "link": {"a": [1]}},
    [], [1], None, "text", 3, True,
]  # fmt: skip


def environment_for(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "TERM": "xterm"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_pipe_gets_nothing_that_steers_a_terminal(
    environment: dict[str, str], broker: Mosquitto, *, as_json: bool
) -> None:
    with Observer(broker.port) as stranger:
        spread(stranger)
    command = [*SMARTCAR, "watch", "--for", "1.5", "--broker", f"127.0.0.1:{broker.port}"]
    done = subprocess.run(
        [*command, "--json"] if as_json else command, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not HIDDEN.search(done.stdout)
    assert "owned" in done.stdout
    assert "not readable" in done.stdout
    if as_json:
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert any(line["value"] == NASTY for line in lines)
    else:
        assert "\\x1b[2J" in done.stdout


def test_a_terminal_gets_no_sequence_of_a_stranger(environment: dict[str, str], broker: Mosquitto) -> None:
    with Observer(broker.port) as stranger:
        spread(stranger)
    command = [*SMARTCAR, "watch", "--for", "1.5", "--broker", f"127.0.0.1:{broker.port}"]
    code, written = on_terminal(command, environment_for(environment))
    assert code == 0, written[-2000:]
    assert "Traceback" not in written
    for sequence in ("\x1b[2J\x1b]", "\x1b]0;", "\x07", "\x9b", "\u202e", "\x00", "\x7f"):
        assert sequence not in written
    assert "owned" in written


def test_a_message_that_is_damaged_again_and_again_is_told_once(environment: dict[str, str], broker: Mosquitto) -> None:
    watching = subprocess.Popen(
        [*SMARTCAR, "watch", "--broker", f"127.0.0.1:{broker.port}"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert watching.stdout is not None
    try:
        with Observer(broker.port) as stranger:
            stranger.send("smartcar/car/x/state", b'{"a": 1}', retain=True)
            assert watching.stdout.readline() == "x  a: 1\n"
            for number in range(20):
                stranger.send("smartcar/car/x/state", b"[" * (1000 + number))
            stranger.send("smartcar/car/x/state", b'{"a": 2}')
        assert "not readable" in watching.stdout.readline()
        assert watching.stdout.readline() == "x  a: 2\n"
    finally:
        watching.terminate()
        watching.communicate(timeout=10)


def spread(stranger: Observer) -> None:
    """Everything hostile, retained on topics of the car."""
    base = "smartcar/car"
    stranger.send(f"{base}/display/message/set", NASTY.replace("\x00", ""), retain=True)
    stranger.send(f"{base}/display/state", msgspec.json.encode({"message": NASTY, NASTY: 1}), retain=True)
    stranger.send(f"{base}/display/availability", NASTY, retain=True)
    stranger.send(f"{base}/motion/collision", msgspec.json.encode({"event_type": NASTY, "x": [NASTY]}), retain=True)
    stranger.send(f"{base}/\u202eowned/state", b'{"a": 1}', retain=True)
    for number, payload in enumerate(HOSTILE.values()):
        stranger.send(f"{base}/b{number}/state", payload[:200_000], retain=True)
        stranger.send(f"{base}/b{number}/event", b"{" + payload[:200_000], retain=True)
    for number, shape in enumerate(SHAPES):
        stranger.send(f"{base}/led/x{number}", msgspec.json.encode({"x": shape}), retain=True)
        stranger.send(f"{base}/s{number}/state", msgspec.json.encode(shape), retain=True)
    stranger.send(f"{base}/led/state", msgspec.json.encode(SHAPES[0]), retain=True)


def picture() -> Picture:
    return Picture(Config({"car": Car(), "mqtt": Mqtt()}, {}, "test"))


def show_all(seen: Picture) -> str:
    """All that a viewer makes of it."""
    console = Console(file=StringIO(), width=80, force_terminal=False)
    console.print(table_of(seen, 80))
    lines = [visible(line_of(seen, *item)) for item in seen.news]
    return console.file.getvalue() + "\n".join(lines)  # type: ignore[attr-defined]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["ON", "OFF", "online"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["ring", "state", "color", "r", "g", "b", "effect", "link"]) | st.text(), inner
        )
    ),
    max_leaves=15,
)
TOPICS = st.sampled_from(["led", "motion", "display", "vision", "other", ""]).flatmap(
    lambda name: st.sampled_from(["state", "availability", "collision", "ring/state", "", "objects", "x"]).map(
        lambda rest: f"smartcar/car/{name}/{rest}"
    )
)


@settings(deadline=None)
@given(st.lists(st.tuples(TOPICS, JSON.map(msgspec.json.encode) | st.binary(max_size=30)), max_size=6))
def test_no_shape_of_messages_ends_a_viewer(messages: list[tuple[str, bytes]]) -> None:
    seen = picture()
    for topic, payload in messages:
        seen.received(Message(topic, payload, True))
    assert not HIDDEN.search(show_all(seen))
    for bridge, key, value in seen.news:
        say_json({"bridge": bridge, "entity": key, "value": value})


@pytest.mark.parametrize("shape", SHAPES)
def test_known_shapes(shape: Any) -> None:
    seen = picture()
    seen.received(Message("smartcar/car/led/state", msgspec.json.encode(shape), True))
    assert not HIDDEN.search(show_all(seen))


def test_a_light_reads_as_one() -> None:
    assert shown({"state": "ON", "effect": "fire", "color": {"r": 255, "g": 0, "b": 16}}) == "on fire #ff0010"
    assert shown({"state": "OFF", "color": {"r": 1, "g": 1, "b": 1}}) == "off"


def test_a_flood_takes_bounded_room() -> None:
    seen = picture()
    for number in range(5000):
        seen.received(Message(f"smartcar/car/b{number}/state", b'{"a": %d}' % number, True))
        seen.received(Message("smartcar/car/motion/state", b'{"a": %d}' % number, True))
    assert len(seen.news) <= 2000
    assert len(seen.values) <= 51
