"""`smartcar topics`: the reference of all topics and entities, made from the declarations."""

from __future__ import annotations

import inspect

import click
import msgspec

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.cli.output import console, say, say_json
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.entities import (
    Button,
    Command,
    CommandEntity,
    Entity,
    Event,
    Light,
    Notify,
    Number,
    Select,
    Sensor,
    Siren,
    Stream,
    Switch,
    Text,
    Topics,
    Update,
)
from smartcar_mqtt.entities.signals import Picture
from smartcar_mqtt.installed import available_bridges, find_bridge

COMMAND_FORMS = 'a plain value, or JSON `{"value": ..., "source": ..., "id": ...}`'
RESULT_FIELDS = "JSON `command`, `status` (done, blocked, refused, expired), `reason`, `source`, `id`, `value`"


class Row(msgspec.Struct, frozen=True):
    """One entity or command."""

    bridge: str
    entity: str
    name: str
    platform: str
    """Home Assistant's platform; empty for what exists on MQTT only."""
    topic: str
    """Where its value or its messages are."""
    key: str
    """Key in the bridge's state object; empty where it has a topic of its own."""
    values: str
    """What is published."""
    command_topic: str
    payload: str
    """What may be sent."""
    category: str
    description: str


@click.command()
@click.option("--bridge", "bridges", multiple=True, type=click.Choice(bridge_names()), help="Only this bridge.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option("--markdown", is_flag=True, help="As Markdown, for a page.")
@click.option("--car", default="car", show_default=True, help="Id of the car in the topics.")
@click.option("--prefix", default="smartcar", show_default=True, help="First level of the topics.")
def topics(bridges: tuple[str, ...], car: str, prefix: str, *, as_json: bool, markdown: bool) -> None:
    """List every topic and entity: what is published where, and what may be sent."""
    if bridges:
        kinds = [find_bridge(name) for name in bridges]
    else:
        here, missing = available_bridges()
        kinds = list(here.values())
        for name, reason in missing.items():
            say(f"smartcar: {name} is left out: {reason}", err=True)
    rows = [row for kind in kinds for row in describe(kind, Topics(prefix, car, kind.name))]
    if as_json:
        say_json(msgspec.to_builtins(rows), indent=1)
    elif markdown:
        click.echo(as_markdown(kinds, rows, Topics(prefix, car, "BRIDGE")), nl=False)
    else:
        print_table(rows)


def describe(kind: type[Bridge], topics: Topics) -> list[Row]:
    """All entities of a bridge."""
    rows = []
    for entity in kind.entities.values():
        commands = isinstance(entity, CommandEntity)
        own_topic = topics.entity_state(entity.key) if entity.own_state_topic else topics.channel(entity.key)
        in_state = entity.has_state and not entity.own_state_topic
        has_topic = in_state or not commands or entity.own_state_topic
        rows.append(
            Row(
                bridge=kind.name,
                entity=entity.key,
                name=entity.name,
                platform=entity.platform,
                topic=(topics.state if in_state else own_topic) if has_topic else "",
                key=entity.key if in_state else "",
                values=values_of(entity) if has_topic else "",
                command_topic=topics.command(entity.key) if commands else "",
                payload=payload_of(entity),
                category=entity.category or "",
                description=(entity.__doc__ or "").strip().split("\n")[0] if commands else "",
            )
        )
    return rows


def values_of(entity: Entity) -> str:
    """What an entity publishes, in a few words."""
    if isinstance(entity, Event):
        return "event_type: " + ", ".join(entity.types)
    if isinstance(entity, Stream):
        return entity.example
    if isinstance(entity, Picture):
        return getattr(entity, "content_type", "image/jpeg")
    if isinstance(entity, Light | Siren | Update):
        return "JSON object"
    options = getattr(entity, "options", ())
    if options:
        return ", ".join(options)
    if isinstance(entity, Number) or (isinstance(entity, Sensor) and entity.numeric):
        return f"number {entity.unit or ''}".strip()
    if isinstance(entity, Switch) or entity.platform == "binary_sensor":
        return "true, false"
    return "text"


def payload_of(entity: Entity) -> str:
    """What may be sent to an entity, in a few words; empty where nothing may."""
    match entity:
        case Button():
            return "PRESS"
        case Update():
            return "INSTALL"
        case Number():
            return f"{entity.minimum:g} to {entity.maximum:g} {entity.unit or ''}".strip()
        case Select():
            return ", ".join(entity.options)
        case Switch():
            return "ON, OFF"
        case Text() | Notify():
            plain = f"text, at most {entity.maximum} characters"
            example = getattr(entity, "example", "")
            return f"{plain}; or {example}" if example else plain
        case Light():
            return "ON, OFF or JSON: state, brightness, color, effect, transition"
        case Siren():
            return "ON, OFF or JSON: state, tone, duration, volume_level"
        case Command():
            return entity.example
    return ""


def print_table(rows: list[Row]) -> None:
    """As a table for people, as wide as the terminal."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(title="Topics and entities", title_justify="left", show_lines=False)
    for column in ("Entity", "Platform", "Published on", "Value", "Commands on", "Payload"):
        table.add_column(column, overflow="fold")
    for row in rows:
        place = f"{row.topic} → {row.key}" if row.key else row.topic
        table.add_row(row.name, row.platform or "MQTT only", place, row.values, row.command_topic, row.payload)
    console(piped_width=200).print(table)


def as_markdown(kinds: list[type[Bridge]], rows: list[Row], topics: Topics) -> str:
    """As a page: what all bridges share, then each bridge."""
    lines = [
        "# Topics and entities",
        "",
        "Made by `smartcar topics --markdown` from the declarations in the code.",
        "",
        "## Every bridge",
        "",
        "| Topic | Payload | Retained |",
        "|---|---|---|",
        f"| `{topics.availability}` | `online` or `offline`; also the last will | yes |",
        f"| `{topics.state}` | one JSON object with the state of all entities; details under `attributes` | yes |",
        f"| `{topics.command('ENTITY')}` | a command: {COMMAND_FORMS} | refused if retained |",
        f"| `{topics.result}` | what became of each command: {RESULT_FIELDS} | no |",
        "",
        "A command that carries an MQTT 5 response topic gets its result there too, with its correlation data.",
        "",
    ]
    for kind in kinds:
        lines += [f"## {kind.title} (`{kind.name}`)", "", inspect.cleandoc(kind.__doc__ or ""), ""]
        own = [row for row in rows if row.bridge == kind.name]
        if kind.follows:
            heard = ", ".join(f"`{topics.base.replace('BRIDGE', source)}`" for source in kind.follows)
            lines += [f"Listens to {heard}.", ""]
        lines += ["### Published", "", "| Entity | Platform | Topic | Value |", "|---|---|---|---|"]
        for row in own:
            if row.topic:
                place = f"`{row.topic}`, key `{row.key}`" if row.key else f"`{row.topic}`"
                platform = row.platform or "(MQTT only)"
                lines.append(f"| {row.name} | {platform} | {place} | {cell(row.values)} |")
        lines += [
            "",
            "### Commands",
            "",
            "| Entity | Platform | Topic | Payload | What it does |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.name} | {row.platform or '(MQTT only)'} | `{row.command_topic}` | {cell(row.payload)} "
            f"| {row.description} |"
            for row in own
            if row.command_topic
        ]
        lines.append("")
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    text = text.replace("|", "\\|")
    return f"`{text}`" if "{" in text else text
