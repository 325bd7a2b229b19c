"""The `smartcar` command. One file for each group of commands; a command is imported only when it is called."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence

import click

from smartcar_mqtt import __version__
from smartcar_mqtt.cli.output import PIPE_CLOSED, complain, finish, prepare_streams, wants_colour, why
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.installed import OWN_PACKAGES, NotInstalledError, import_of

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


ANY_ARGUMENTS = {"ignore_unknown_options": True, "allow_extra_args": True}


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
            try:
                group: click.Group = import_of(cmd_name, "commands").group
            except NotInstalledError as error:
                return unavailable(cmd_name, error)
            return group
        return None


def bridge_groups() -> list[str]:
    """The bridges that bring commands of their own: a click group `group` in `bridges/NAME/commands.py`."""
    return [name for name in bridge_names() if importlib.util.find_spec(f"bridges.{name}.commands")]


def unavailable(name: str, error: NotInstalledError) -> click.Command:
    """What stands for the commands of a bridge whose libraries are not here."""

    def refuse() -> None:
        raise error

    return click.Command(name, callback=refuse, help=f"(Not installed: {error}.)", context_settings=ANY_ARGUMENTS)


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
    prepare_streams()
    try:
        code = cli.main(args=arguments, prog_name="smartcar", standalone_mode=False, color=wants_colour())
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.Abort:
        complain("stopped")
        code = 130
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            error.show()
        code = error.exit_code
    except click.ClickException as error:
        complain(error.format_message())
        code = error.exit_code
    except ConfigError as error:
        complain(str(error))
        code = getattr(error, "exit_code", 1)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN_PACKAGES:
            raise  # a mistake of ours
        complain(f"this needs the Python package {error.name!r}; run: pip install 'smartcar-mqtt[all]'")
        code = NotInstalledError.exit_code
    except BrokenPipeError:
        code = PIPE_CLOSED  # the reader has seen enough: `smartcar topics | head`
    except OSError as error:
        complain(why(error))
        code = 1
    sys.exit(finish(code if isinstance(code, int) else 0))
