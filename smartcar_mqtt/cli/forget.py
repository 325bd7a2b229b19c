"""`smartcar forget`: remove a car from the broker and from Home Assistant."""

from __future__ import annotations

import click

from smartcar_mqtt.cli.connection import Session, broker_options, find_config, wait_until_complete
from smartcar_mqtt.config import Config
from smartcar_mqtt.mqtt.broker import Message
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json, read_field

COMPLETE_TIMEOUT_S = 10.0


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@broker_options
def forget(broker: str | None, car: str | None, config_file: str | None, *, yes: bool) -> None:
    """Remove the car: its devices in Home Assistant, and everything of it that the broker keeps.

    Its bridges must have ended, for they would announce it again.
    """
    config = find_config(broker, car, config_file)
    retained: dict[str, bytes] = {}

    def received(message: Message) -> None:
        if message.payload:
            retained[message.topic] = message.payload
        else:
            retained.pop(message.topic, None)

    mqtt, car_id = config.mqtt, config.car.id
    marker = f"{mqtt.prefix}/{car_id}/cli/sync"
    filters = (
        f"{mqtt.prefix}/{car_id}/#",
        f"{mqtt.discovery_prefix}/+/+/config",
        f"{mqtt.discovery_prefix}/+/+/+/config",
    )
    with Session(config, received, *filters) as session:
        if not wait_until_complete(session, marker).wait(COMPLETE_TIMEOUT_S):
            raise click.ClickException(
                session.refusal
                or f"the broker at {session.broker.address} does not tell what it keeps: may this user "
                f"read and write {marker}?"
            )
        running = online_bridges(retained, config)
        if running:
            names = ", ".join(running)
            raise click.ClickException(f"still running: {names}; end them first, or they announce the car again")
        topics = [topic for topic, payload in retained.items() if belongs(topic, payload, config)]
        if not topics:
            click.echo(f"nothing is kept of car {car_id!r} at {session.broker.address}")
            return
        if not yes:
            click.confirm(f"Remove car {car_id!r} ({len(topics)} retained messages) from Home Assistant?", abort=True)
        # Discovery first: while its states are still there, Home Assistant removes the entities without a warning.
        for topic in sorted(topics, key=lambda topic: not topic.endswith("/config")):
            session.broker.publish(topic, b"", qos=1, retain=True)
        if not wait_until_complete(session, marker).wait(COMPLETE_TIMEOUT_S) or session.refusal:
            raise click.ClickException(session.refusal or f"the broker at {session.broker.address} does not answer")
        left = [topic for topic in topics if topic in retained]
        if left:
            raise click.ClickException(
                f"{len(left)} of {len(topics)} retained messages are still there, such as {left[0]}: probably the "
                "broker's access list does not allow this user to write them"
            )
    click.echo(f"forgot car {car_id!r}: {len(topics)} retained messages removed")


def online_bridges(retained: dict[str, bytes], config: Config) -> list[str]:
    """Bridges of the car whose availability says that they run."""
    start, end = f"{config.mqtt.prefix}/{config.car.id}/", "/availability"
    return sorted(
        topic.removeprefix(start).removesuffix(end)
        for topic, payload in retained.items()
        if topic.startswith(start) and topic.endswith(end) and payload == b"online"
    )


def belongs(topic: str, payload: bytes, config: Config) -> bool:
    """Whether a retained message is of this car, and not of one whose id only begins alike."""
    if topic.startswith(f"{config.mqtt.prefix}/{config.car.id}/"):
        return True
    levels = topic.split("/")
    name = levels[-2] if levels[-3] == "device" else levels[-3]
    head, _, bridge = name.rpartition("_")  # a bridge's name has no underscore
    if head != f"smartcar_{config.car.id}" or not bridge:
        return False
    try:
        return bool(read_field(decode_json(payload), "origin", "name") == "smartcar-mqtt")
    except DecodingError:
        return False
