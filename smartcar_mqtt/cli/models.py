"""`smartcar models`: list the published models, and download one."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from smartcar_mqtt.cli.output import console, say_json
from smartcar_mqtt.models.catalogue import DOWNLOADED, TABLE, file_of, find_published, read_table
from smartcar_mqtt.models.download import DownloadError, download

table_option = click.option(
    "--table",
    type=click.Path(dir_okay=False, path_type=Path),
    default=TABLE,
    help="Another table of published models.",
    hidden=True,
)
folder_option = click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DOWNLOADED,
    help="Folder of downloaded models instead of the project's own.",
)


@click.group()
def models() -> None:
    """List the models that others publish for the camera, or download one."""


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@folder_option
@table_option
def list_models(folder: Path, table: Path, *, as_json: bool) -> None:
    """List the published models, their licences, and which are here."""
    rows = [
        {"name": name, **msgspec.to_builtins(model), "here": file_of(name, folder).is_file()}
        for name, model in read_table(table).items()
    ]
    if as_json:
        say_json(rows, indent=1)
        return
    from rich.table import Table  # noqa: PLC0415

    shown = Table(title="Published models", title_justify="left")
    for column in ("Name", "What it is", "Size", "Licence", "Here"):
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(row["name"], row["title"], megabytes(row["size"]), row["licence"], "yes" if row["here"] else "no")
    console(piped_width=140).print(shown)


@models.command()
@click.argument("name")
@folder_option
@table_option
def fetch(name: str, folder: Path, table: Path) -> None:
    """Download the published model NAME (see `smartcar models list`) and check it.

    A download that was interrupted goes on where it ended.
    """
    model = find_published(name, table)
    target = file_of(name, folder)
    click.echo(f"{model.title}; licence {model.licence}; {megabytes(model.size)} from {model.url}", err=True)
    try:
        new = download_with_bar(model.url, target, sha256=model.sha256, size=model.size)
    except DownloadError as error:
        raise click.ClickException(str(error)) from None
    said = "downloaded" if new else "was here already"
    use = name if folder == DOWNLOADED else target
    click.echo(f"{target}: {said}, checksum right; to use it, set in config/system.yaml: vision.model: {use}")


def download_with_bar(url: str, target: Path, *, sha256: str, size: int) -> bool:
    """Download; on a terminal, with a bar."""
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    shown = console(err=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task(target.name, total=size)
        return download(
            url, target, sha256=sha256, size=size, progress=lambda done, _total: bar.update(task, completed=done)
        )


def megabytes(size: int) -> str:
    """A file's length for people."""
    return f"{size / 1e6:.1f} MB"
