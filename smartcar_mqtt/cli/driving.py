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
from smartcar_mqtt.entities import Topics
from smartcar_mqtt.mqtt.broker import Message

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
    answer = send(command, broker, car, config_file)
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
    report(send({"direction": "stop"}, broker, car, config_file), as_json=False)


def send(command: dict[str, Any], broker: str | None, car: str | None, config_file: str | None) -> dict[str, Any]:
    """Publish a drive command and wait for the car's answer."""
    config = find_config(broker, car, config_file)
    topics = Topics(config.mqtt.prefix, config.car.id, "motion")
    mark = secrets.token_hex(4)
    answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def received(message: Message) -> None:
        answer = msgspec.json.decode(message.payload)
        if answer.get("id") == mark:
            answers.put(answer)

    payload = {key: value for key, value in command.items() if value is not None} | {"source": "cli", "id": mark}
    if command["direction"] != "stop":
        payload["time"] = round(time.time(), 3)
    with Session(config, received, topics.result) as session:
        expires_in = None if command["direction"] == "stop" else EXPIRY_S
        session.broker.publish(topics.command("drive"), msgspec.json.encode(payload), qos=1, expires_in=expires_in)
        try:
            return answers.get(timeout=ANSWER_TIMEOUT_S)
        except queue.Empty:
            raise click.ClickException(
                f"car {config.car.id!r} does not answer at {session.broker.address}; is its motion bridge running?"
            ) from None


def report(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer; raises ClickException where the car did not do it."""
    if as_json:
        click.echo(msgspec.json.encode(answer).decode())
        if answer["status"] != "done":
            sys.exit(1)
    elif answer["status"] != "done":
        raise click.ClickException(f"{answer['value'] or answer['command']}: {answer['reason']} ({answer['status']})")
    else:
        click.echo(f"{answer['value']}: done" + (f" ({answer['reason']})" if answer["reason"] else ""))


def stop_on_serial_line(config_file: str | None) -> None:
    """Write STOP to the configured device, twice: the first one ends a line that was begun and not finished."""
    import serial  # noqa: PLC0415 - only this way of stopping needs it

    from smartcar_mqtt.config import load  # noqa: PLC0415
    from smartcar_mqtt.service import find_bridge  # noqa: PLC0415

    kind = find_bridge("motion").settings_type
    settings: Any = load(config_file, sections={"motion": kind}).section("motion", kind)
    try:
        with serial.serial_for_url(settings.device, settings.baud, write_timeout=1.0) as port:
            port.write(b"STOP\nSTOP\n")
            port.flush()
    except (OSError, ValueError) as error:
        raise click.ClickException(f"STOP cannot be written to {settings.device}: {error}") from None
    click.echo(f"STOP written to {settings.device}")
