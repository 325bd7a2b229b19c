"""`smartcar drive` and `smartcar stop`: move the car, and say what became of it."""

from __future__ import annotations

import queue
import secrets
import sys
import time
from typing import Any

import click
import msgspec

from smartcar_mqtt.cli.connection import Session, broker_options, find_config
from smartcar_mqtt.cli.output import say, say_json
from smartcar_mqtt.entities import Topics
from smartcar_mqtt.mqtt.broker import Message
from smartcar_mqtt.untrusted.addresses import mask_address
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

DIRECTIONS = ("forward", "backward", "left", "right", "stop")
ANSWER_TIMEOUT_S = 3.0
EXPIRY_S = 2
"""A drive command that could not be delivered within this time is not delivered at all."""


@click.command()
@click.argument("direction", type=click.Choice(DIRECTIONS))
@click.option("--speed", type=click.IntRange(1, 100), help="Per cent of full speed, where the firmware knows it.")
@click.option("--duration", type=float, help="Seconds.  [default: the car's drive duration]")
@click.option("--json", "as_json", is_flag=True, help="Print the car's answer as JSON.")
@broker_options
def drive(
    direction: str,
    speed: int | None,
    duration: float | None,
    broker: str | None,
    car: str | None,
    config_file: str | None,
    *,
    as_json: bool,
) -> None:
    """Move the car in DIRECTION for a while, and say whether it did.

    \b
        smartcar drive forward
        smartcar drive left --duration 0.4

    The exit code is 0 only when the car has confirmed it. It stops by itself when the time is up.
    """
    command: dict[str, Any] = {"direction": direction, "speed": speed, "duration": duration}
    answer = send(command, broker, car, config_file, entity="stop" if direction == "stop" else "drive")
    report(answer, as_json=as_json)


@click.command()
@click.option(
    "--serial", is_flag=True, help="Write STOP on the serial line itself, without broker or bridge (motion.device)."
)
@broker_options
def stop(broker: str | None, car: str | None, config_file: str | None, *, serial: bool) -> None:
    """Stop the car.

    With --serial it needs nothing but the serial line: systemd calls it so when the motion bridge has ended in any way.
    """
    if serial:
        stop_on_serial_line(config_file)
        return
    report(send({}, broker, car, config_file, entity="stop"), as_json=False)


def send(
    command: dict[str, Any],
    broker: str | None,
    car: str | None,
    config_file: str | None,
    *,
    entity: str = "drive",
) -> dict[str, Any]:
    """Publish a command of the motion bridge and wait for the car's answer.

    A stop goes to the topic that everybody may write, and is never too old to be obeyed.

    Raises:
        ClickException: the broker refuses the command, or there is no answer.
    """
    config = find_config(broker, car, config_file)
    topics = Topics(config.mqtt.prefix, config.car.id, "motion")
    mark = secrets.token_hex(4)
    answers: queue.SimpleQueue[dict[str, Any] | str] = queue.SimpleQueue()
    topic = topics.command(entity)

    def received(message: Message) -> None:
        try:
            answer = decode_json(message.payload, dict[str, Any])
        except DecodingError:
            return  # somebody else's
        if answer.get("id") == mark:
            answers.put(answer)

    fields = {} if entity == "stop" else {key: value for key, value in command.items() if value is not None}
    payload = fields | {"source": "cli", "id": mark}
    if entity != "stop":
        payload["time"] = round(time.time(), 3)
    with Session(config, received, topics.result, on_refused=answers.put) as session:
        expires_in = None if entity == "stop" else EXPIRY_S
        session.broker.publish(topic, msgspec.json.encode(payload), qos=1, expires_in=expires_in)
        try:
            answer = answers.get(timeout=ANSWER_TIMEOUT_S)
        except queue.Empty:
            lost = "" if session.broker.connected else "; the connection to the broker is lost"
            raise click.ClickException(
                f"car {config.car.id!r} does not answer at {session.broker.address}{lost}; is its motion bridge "
                f"running? May this user write {topic} and read {topics.result}?"
            ) from None
    if isinstance(answer, str):
        raise click.ClickException(answer)
    return answer


def report(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer, whatever its shape; raises ClickException where the car did not do it."""
    status, reason = answer.get("status"), answer.get("reason")
    what = answer.get("value") or answer.get("command")
    if as_json:
        say_json(answer)
        if status != "done":
            sys.exit(1)
    elif status != "done":
        raise click.ClickException(f"{what}: {reason} ({status})")
    else:
        say(f"{what}: done" + (f" ({reason})" if reason else ""))


def stop_on_serial_line(config_file: str | None) -> None:
    """Write STOP to the configured device, twice: the first one ends a line that was begun and not finished."""
    import serial  # noqa: PLC0415 - only this way of stopping needs it

    from smartcar_mqtt.config import load  # noqa: PLC0415
    from smartcar_mqtt.installed import find_settings  # noqa: PLC0415

    kind = find_settings("motion")
    settings: Any = load(config_file, sections={"motion": kind}).section("motion", kind)
    try:
        with serial.serial_for_url(settings.device, settings.baud, write_timeout=1.0) as port:
            port.write(b"STOP\nSTOP\n")
            port.flush()
    except (OSError, ValueError) as error:
        raise click.ClickException(f"STOP cannot be written to {mask_address(settings.device)}: {error}") from None
    say(f"STOP written to {mask_address(settings.device)}")
