"""`smartcar led ...`: pictures of the ring without a ring, and the ring without its bridge."""

from __future__ import annotations

from pathlib import Path

import click

from bridges.led.effects.base import MOST_PIXELS
from bridges.led.settings import LedSettings
from bridges.led.strip.drivers import DriverError, ring_for
from bridges.led.strip.output import Output
from smartcar_mqtt.cli.pictures import save_picture
from smartcar_mqtt.config import load


@click.group()
def group() -> None:
    """Look at the effects of the LED ring without a ring, or leave the ring dark without its bridge.

    \b
    smartcar led sheet effects.png             every effect on one page, eight moments of each
    smartcar led sheet --count 8 small.png     the same with a ring of 8 pixels
    smartcar led off                           after a bridge that could not do it any more

    The ring itself is a light in Home Assistant; by hand, from any MQTT client:

    \b
    smartcar/car/led/ring/set    {"state": "ON", "effect": "comet", "color": {"r": 0, "g": 120, "b": 255}}
    """


@group.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--count", default=16, show_default=True, type=click.IntRange(1, MOST_PIXELS), help="Pixels that the ring has."
)
def sheet(file: Path, count: int) -> None:
    """Write a picture (PNG) of all effects to FILE: name, what it means, and eight moments of each."""
    from bridges.led.preview.sheet import contact_sheet  # noqa: PLC0415 - Pillow, only for who wants pictures

    save_picture(file, contact_sheet(count), f"all effects on a ring of {count}")


@group.command()
@click.option("--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file to use.")
def off(config_file: str | None) -> None:
    """Leave the ring as its bridge does at its end: dark, or in the colour of led.farewell.

    Needs no broker. For what follows a bridge that was killed (`ExecStopPost=` of its systemd unit); while the bridge
    runs, it lights the ring again with its next picture.
    """
    settings = load(config_file, sections={"led": LedSettings}).section("led", LedSettings)
    output = Output(settings.pixels, settings.order, settings.gamma, settings.brightness, settings.max_milliamps)
    ring = ring_for(settings)
    try:
        ring.open()
        try:
            ring.show(output.encode([settings.farewell_colour] * settings.pixels))
        finally:
            ring.close()
    except DriverError as error:
        raise click.ClickException(str(error)) from None
