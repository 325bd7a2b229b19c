"""`smartcar display ...`: pictures of the face without a panel, and the panel without its bridge."""

from __future__ import annotations

from pathlib import Path

import click

from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.face.themes import THEMES
from bridges.display.settings import DisplaySettings
from smartcar_mqtt.cli.pictures import save_picture
from smartcar_mqtt.config import load

FILE = click.Path(path_type=Path, dir_okay=False)
theme_option = click.option(
    "--theme",
    default="dark",
    show_default=True,
    type=click.Choice(list(THEMES)),
    help="Its colours; mono is black and white.",
)


@click.group()
def group() -> None:
    """Look at the faces of the display without a panel, or leave the panel black without its bridge.

    \b
    smartcar display sheet faces.png               all expressions on one page
    smartcar display face happy happy.png          one of them
    smartcar display face sad --theme light --width 320 --height 240 sad.png
    smartcar display off                           after a bridge that could not do it any more

    The face itself is a select in Home Assistant; by hand, from any MQTT client:

    \b
    smartcar/car/display/expression/set    happy
    """


@group.command()
@click.argument("file", type=FILE)
@theme_option
def sheet(file: Path, theme: str) -> None:
    """Write a picture (PNG) of all expressions to FILE, in colours and in black and white."""
    from bridges.display.sheet import contact_sheet  # noqa: PLC0415 - cairo, only for who wants pictures

    save_picture(file, contact_sheet(THEMES[theme]), f"{len(EXPRESSIONS)} expressions")


@group.command()
@click.argument("expression", type=click.Choice(list(EXPRESSIONS), case_sensitive=False))
@click.argument("file", type=FILE)
@click.option("--width", default=480, show_default=True, type=click.IntRange(32, 4096), help="In pixels.")
@click.option("--height", default=320, show_default=True, type=click.IntRange(32, 4096), help="In pixels.")
@theme_option
def face(expression: str, file: Path, width: int, height: int, theme: str) -> None:
    """Write a picture (PNG) of one EXPRESSION to FILE."""
    from bridges.display.sheet import face_png  # noqa: PLC0415 - cairo, only for who wants pictures

    save_picture(file, face_png(expression, width, height, THEMES[theme]), f"{expression}, {width}x{height} pixels")


@group.command()
@click.option("--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file to use.")
def off(config_file: str | None) -> None:
    """Leave the panel black, as its bridge does at its end.

    Needs no broker. For what follows a bridge that was killed (`ExecStopPost=` of its systemd unit); a bridge that runs
    draws only what changes, so stop it first.
    """
    from bridges.display.panel.framebuffer import PanelError  # noqa: PLC0415 - cairo, as above
    from bridges.display.panel.screen import panel_for  # noqa: PLC0415

    settings = load(config_file, sections={"display": DisplaySettings}).section("display", DisplaySettings)
    panel = panel_for(settings)
    try:
        panel.open()
    except PanelError as error:
        raise click.ClickException(str(error)) from None
    panel.close()
    click.echo("there is no panel (driver none)" if settings.driver == "none" else f"{settings.device} is black")
