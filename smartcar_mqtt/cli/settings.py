"""`smartcar config`: look at the configuration."""

from __future__ import annotations

import click
import yaml

from smartcar_mqtt.config import bridge_names, dotenv_problem, load
from smartcar_mqtt.service import find_bridge


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
    found = load(config_file, sections={name: find_bridge(name).settings_type for name in bridge_names()})
    problem = dotenv_problem()
    if problem:
        click.echo(f"warning: {problem}", err=True)
    if show:
        click.echo(yaml.safe_dump(found.to_builtins(), sort_keys=False, allow_unicode=True), nl=False)
    click.echo(f"{found.source}: all right", err=show)
