"""Pictures that commands draw and people look at."""

from __future__ import annotations

from pathlib import Path

import click


def save_picture(file: Path, encoded: bytes, what: str) -> None:
    """Write a picture and say so; a place that cannot be written to is one sentence."""
    try:
        file.write_bytes(encoded)
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror or error}") from error
    click.echo(f"{file}: {what}, {len(encoded) / 1000:.0f} kB")
