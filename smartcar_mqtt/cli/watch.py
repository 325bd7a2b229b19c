"""`smartcar watch`: all entities of a car, as they change."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any

import click

from smartcar_mqtt.cli.connection import Session, broker_options, find_config
from smartcar_mqtt.cli.output import console, is_dumb, say_json
from smartcar_mqtt.config import Config
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.entities import Entity, Stream
from smartcar_mqtt.installed import find_bridge
from smartcar_mqtt.mqtt.broker import Message
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json, read_field
from smartcar_mqtt.untrusted.visible import json_text, visible

REFRESH_S = 0.1
NEWS_LINES = 6
LEAST_VALUE_WIDTH = 8
FRAME_WIDTH = 6
PAIR_WIDTH = 38
"""Columns of the terminal for a name with its value; FRAME_WIDTH of them are lines and margins."""
ALARMING = frozenset({"obstacle", "warning_zone", "sensors_blind", "gas_alarm", "emergency_stop", "stop_unconfirmed"})
ELSEWHERE = frozenset({"last_refused", "log_level"})
"""What the lines below the table tell in full, and what the bridges' logs tell."""
DULL_WHEN_EMPTY = frozenset({"message", "brightness", "firmware"})
MOST_WAITING = 2000
"""Changes that wait to be printed; a terminal that is slower than the car misses the oldest ones."""
MOST_BRIDGES = 50
"""Bridges of a car; more are somebody's joke."""
MOST_ROWS = 200
"""Values of one bridge that are shown in the table."""
LONGEST_VALUE = 500
"""Characters of one value that are shown."""


@click.command()
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
@click.option("--json", "as_json", is_flag=True, help="Each change as one line of JSON.")
@broker_options
def watch(
    broker: str | None, car: str | None, config_file: str | None, seconds: float | None, *, as_json: bool
) -> None:
    """Show all entities of the car and what happens to it, until Ctrl-C.

    On a terminal it is a table that changes in place; otherwise each change is a line.
    """
    config = find_config(broker, car, config_file)
    picture = Picture(config)
    base = f"{config.mqtt.prefix}/{config.car.id}"
    with Session(config, picture.received, f"{base}/+/+", on_refused=lambda sentence: click.echo(sentence, err=True)):
        try:
            if sys.stdout.isatty() and not as_json and not is_dumb():
                show_table(picture, seconds)
            else:
                print_changes(picture, seconds, as_json=as_json)
        except KeyboardInterrupt:
            return


class Picture:
    """What is known of the car; filled on the network thread, read by the one that shows it.

    Anybody can write to the topics that it listens to, and a newer bridge may publish what this program does not know:
    it takes whatever comes, keeps a bounded part of it, and says where a message is none.
    """

    def __init__(self, config: Config) -> None:
        self.base = f"{config.mqtt.prefix}/{config.car.id}"
        self.changed = threading.Condition()
        self.values: dict[str, dict[str, Any]] = {}
        self.online: dict[str, bool] = {}
        self.news: deque[tuple[str, str, Any]] = deque(maxlen=MOST_WAITING)
        """Changes in the order in which they came: bridge, entity, value."""
        self._entities: dict[str, dict[str, Entity]] = {}
        self._damaged: set[str] = set()
        """Topics whose newest message is no JSON: told once."""

    def received(self, message: Message) -> None:
        """Take a message in."""
        bridge, _, rest = message.topic.removeprefix(self.base + "/").partition("/")
        with self.changed:
            if bridge not in self.values and bridge not in self.online and len(self._known()) >= MOST_BRIDGES:
                return
            if rest == "availability":
                self._note(bridge, rest, message.payload.decode(errors="replace")[:LONGEST_VALUE])
                self.online[bridge] = message.payload == b"online"
            elif rest == "state" or (message.payload.startswith(b"{") and not self._is_stream(bridge, rest)):
                self._object(bridge, rest, message.payload)
            self.changed.notify_all()

    def _known(self) -> set[str]:
        return self.values.keys() | self.online.keys()

    def _object(self, bridge: str, rest: str, payload: bytes) -> None:
        """A state or an event."""
        topic = f"{bridge}/{rest}"
        try:
            content = decode_json(payload, dict[str, Any]) if payload else {}
        except DecodingError as error:
            if topic not in self._damaged and len(self._damaged) < MOST_BRIDGES:
                self._damaged.add(topic)
                self._note(bridge, rest, f"(not readable: {error})")
            return
        self._damaged.discard(topic)
        if rest == "state":
            self._state(bridge, content)
        else:
            self._note(bridge, rest, content)

    def _state(self, bridge: str, new: dict[str, Any]) -> None:
        new.pop("attributes", None)
        old = self.values.get(bridge, {})
        for key, value in new.items():
            if key not in old or old[key] != value:
                self._note(bridge, key, value)
        self.values[bridge] = new

    def _note(self, bridge: str, key: str, value: Any) -> None:
        self.news.append((bridge, key, value))

    def is_event(self, bridge: str, key: str) -> bool:
        """Whether this is something that happens, not a value that changes."""
        return key != "availability" and key not in self.values.get(bridge, {})

    def _is_stream(self, bridge: str, key: str) -> bool:
        """Whether this comes several times a second, for programs."""
        return isinstance(self._entity(bridge, key), Stream)

    def _entity(self, bridge: str, key: str) -> Entity | None:
        if bridge not in self._entities:
            try:
                self._entities[bridge] = find_bridge(bridge).entities
            except ConfigError:
                self._entities[bridge] = {}  # one that this program does not know, or whose libraries are not here
        return self._entities[bridge].get(key)

    def describe(self, bridge: str, key: str) -> tuple[str, str]:
        """Name and unit of an entity; the bare key where this program does not know the bridge."""
        entity = self._entity(bridge, key)
        return (entity.name if entity else key), getattr(entity, "unit", None) or ""


def show_table(picture: Picture, seconds: float | None) -> None:
    """A table that changes in place."""
    from rich.live import Live  # noqa: PLC0415

    ends = None if seconds is None else time.monotonic() + seconds
    screen = console()
    with picture.changed:
        first = table_of(picture, screen.width)
    with Live(first, console=screen, auto_refresh=False, screen=False) as live:
        while ends is None or time.monotonic() < ends:
            with picture.changed:
                picture.changed.wait(None if ends is None else max(0.0, ends - time.monotonic()))
                live.update(table_of(picture, screen.width), refresh=True)
            time.sleep(REFRESH_S)  # a car sends more often than an eye can follow


def table_of(picture: Picture, width: int) -> Any:
    """What is known, as a table for each bridge, and the last news below them."""
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    names = sorted(set(picture.values) | set(picture.online), key=lambda name: (name != "motion", name))
    parts: list[Any] = [table_of_bridge(picture, name, width) for name in names]
    events = [item for item in picture.news if picture.is_event(*item[:2])][-NEWS_LINES:]
    parts += [Text(visible(line_of(picture, *item)), style="dim", no_wrap=True, overflow="ellipsis") for item in events]
    return Group(*parts) if parts else Text("nothing heard of this car yet")


def table_of_bridge(picture: Picture, bridge: str, width: int) -> Any:
    """The values of one bridge, in as many pairs of columns as there is room for; empty ones are left out."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    online = picture.online.get(bridge, False)
    title = Text.assemble((visible(bridge), "bold"), "  ", ("online", "green") if online else ("offline", "bold red"))
    table = Table(title=title, title_justify="left", show_header=False, expand=False)
    values = {
        key: value
        for key, value in list(picture.values.get(bridge, {}).items())[:MOST_ROWS]
        if key not in ELSEWHERE and not (value in (None, "") and key in DULL_WHEN_EMPTY)
    }
    named = [(visible(name), unit) for name, unit in (picture.describe(bridge, key) for key in values)]
    pairs = max(1, width // PAIR_WIDTH)
    name_width = max((len(name) for name, _ in named), default=0)
    value_width = max(LEAST_VALUE_WIDTH, (width - 1) // pairs - name_width - FRAME_WIDTH)
    for _ in range(pairs):
        table.add_column(style="cyan", no_wrap=True, min_width=name_width)
        table.add_column(min_width=LEAST_VALUE_WIDTH, max_width=value_width, overflow="ellipsis", no_wrap=True)
    cells: list[Any] = []
    for (name, unit), (key, value) in zip(named, values.items(), strict=True):
        style = "bold red" if value is True and key in ALARMING else "dim" if value is None else ""
        cells.append((Text(name), Text(visible(shown(value, unit)), style=style)))
    height = -(-len(cells) // pairs)
    cells += [(Text(""), Text(""))] * (height * pairs - len(cells))
    for row in range(height):
        table.add_row(*(part for pair in range(pairs) for part in cells[pair * height + row]))
    return table


def print_changes(picture: Picture, seconds: float | None, *, as_json: bool) -> None:
    """Each change as a line."""
    ends = None if seconds is None else time.monotonic() + seconds
    while True:
        with picture.changed:
            news = list(picture.news)
            picture.news.clear()
            if not news:
                left = None if ends is None else ends - time.monotonic()
                if left is not None and left <= 0:
                    return
                picture.changed.wait(left)
                continue
        for bridge, key, value in news:
            if as_json:
                say_json({"bridge": bridge, "entity": key, "value": value})
            else:
                click.echo(visible(line_of(picture, bridge, key, value)))
        sys.stdout.flush()


def line_of(picture: Picture, bridge: str, key: str, value: Any) -> str:
    """One change in words."""
    name, unit = picture.describe(bridge, key)
    if isinstance(value, dict) and picture.is_event(bridge, key):
        details = ", ".join(
            f"{field} {short(content)}" for field, content in value.items() if content not in (None, "")
        )
        return short(f"{bridge}  {name}: {details}")
    return f"{bridge}  {name}: {shown(value, unit)}"


def shown(value: object, unit: str = "") -> str:
    """A value as people read it, whatever it is."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return shown_light(value) or short(json_text(value))
    if isinstance(value, list):
        return short(json_text(value))
    return f"{short(value)} {unit}".strip()


def shown_light(light: dict[str, Any]) -> str:
    """A light's value as people read it; empty where it is not one."""
    if light.get("state") not in ("ON", "OFF") or "color" not in light:
        return ""
    if light["state"] == "OFF":
        return "off"
    channels = [read_field(light, "color", channel) for channel in "rgb"]
    if not all(isinstance(each, int | float) and 0 <= each <= 255 for each in channels):
        return ""
    color = "#" + "".join(f"{round(each):02x}" for each in channels)
    return short(" ".join(str(part) for part in ("on", light.get("effect"), color) if part))


def short(value: object) -> str:
    """A value as text of bounded length."""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
