"""`smartcar config`: look at the configuration."""

from __future__ import annotations

import click
import yaml

from smartcar_mqtt.cli.output import say
from smartcar_mqtt.config import bridge_names, dotenv_problems, load
from smartcar_mqtt.installed import find_settings


@click.group()
def config() -> None:
    """Check the configuration, or show what is in force."""


@config.command()
@click.option("--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file to use.")
@click.option(
    "--show", is_flag=True, help="Show all values that are in force, the defaults too; secrets are not shown."
)
def check(config_file: str | None, *, show: bool) -> None:
    """Check the configuration file, all sections, and what the environment changes of it.

    An error names the file, the key, the value and what is allowed; the exit code is then 1.
    """
    found = load(config_file, sections={name: find_settings(name) for name in bridge_names()})
    problems = dotenv_problems()
    for problem in problems:
        say(f"warning: {problem.text}", err=True)
    if show:
        say(yaml.safe_dump(found.to_builtins(), sort_keys=False, allow_unicode=True).rstrip("\n"))
    if any(problem.lost for problem in problems):
        raise click.ClickException("lines of .env are left out; correct or remove them")
    say(f"{found.source}: all right", err=show)
