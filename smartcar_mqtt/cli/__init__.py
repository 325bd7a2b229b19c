"""The `smartcar` command. One file for each group of commands; a command is imported only when it is called."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence

import click

from smartcar_mqtt import __version__
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.config.file import ConfigError

COMMANDS = {
    "demo": "demo:demo",
    "drive": "driving:drive",
    "stop": "driving:stop",
    "watch": "watch:watch",
    "topics": "topics:topics",
    "run": "running:run",
    "sim": "running:sim",
    "models": "models:models",
    "config": "settings:config",
    "forget": "forget:forget",
}
"""Command → file and function; the order is that of `smartcar --help`."""


class LazyGroup(click.Group):
    """A group that imports a command's file when it is called, so that a daemon does not load what a table needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *bridge_groups()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is not None:
            module, function = place.split(":")
            command: click.Command = getattr(importlib.import_module(f"smartcar_mqtt.cli.{module}"), function)
            return command
        if cmd_name in bridge_groups():
            group: click.Group = importlib.import_module(f"bridges.{cmd_name}.commands").group
            return group
        return None


def bridge_groups() -> list[str]:
    """The bridges that bring commands of their own: a click group `group` in `bridges/NAME/commands.py`."""
    return [name for name in bridge_names() if importlib.util.find_spec(f"bridges.{name}.commands")]


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Begin with:   smartcar demo                    a simulated car on this machine, no hardware needed
Then:         smartcar drive forward           in a second terminal
              smartcar watch
Completion:   eval "$(_SMARTCAR_COMPLETE=bash_source smartcar)"   (zsh_source, fish_source)""",
)
@click.version_option(__version__, prog_name="smartcar")
def cli() -> None:
    """Drive a Raspberry Pi robot car over MQTT, and run the bridges that connect it to Home Assistant."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what a user can cause ends in one sentence, not in a traceback."""
    try:
        code = cli.main(args=arguments, prog_name="smartcar", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        code = 130
    except click.UsageError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        click.echo(f"smartcar: {error.format_message()}", err=True)
        code = error.exit_code
    except ConfigError as error:
        click.echo(f"smartcar: {error}", err=True)
        code = 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough: `smartcar topics | head`
        code = 141
    sys.exit(code if isinstance(code, int) else 0)
