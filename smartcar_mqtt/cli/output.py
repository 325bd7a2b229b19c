"""What the commands write, and where: to terminals of any kind, files, pipes that close, or nowhere at all.

Whoever starts a command decides what its standard streams are, and what they can show. Nothing of that may end it in a
traceback, and nothing that others sent may steer the terminal.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from smartcar_mqtt.untrusted.addresses import mask_secrets
from smartcar_mqtt.untrusted.visible import json_text, visible

if TYPE_CHECKING:
    from rich.console import Console

LEAST_COLUMNS, MOST_COLUMNS = 20, 500
"""Width of a terminal, whatever $COLUMNS says."""
PIPE_CLOSED = 141
"""Exit code when the reader has seen enough: that of a program that SIGPIPE has ended (128 + 13)."""


def prepare_streams() -> None:
    """Make the standard streams usable, whatever they are; called before anything else is opened.

    A stream that was closed leaves its number free, and the next file or socket would get it, together with what
    libraries print. What a terminal's encoding lacks is replaced by something plainer.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the life of the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainer")


def wants_colour() -> bool | None:
    """False where nobody wants colours ($NO_COLOR, a terminal that knows none); None: where there is a terminal."""
    return False if os.environ.get("NO_COLOR") or is_dumb() else None


def is_dumb() -> bool:
    """Whether the terminal cannot move its cursor."""
    return os.environ.get("TERM", "").lower() in {"dumb", "unknown"}


def console(*, piped_width: int | None = None, err: bool = False) -> Console:
    """A console for tables, of a width in which they can be drawn.

    Args:
        piped_width: its width where there is no terminal; None: what $COLUMNS says.
        err: whether it is stderr.
    """
    from rich.console import Console  # noqa: PLC0415 - JSON and single lines do without

    found = Console(stderr=err)
    wished = found.width if found.is_terminal or piped_width is None else piped_width
    found.width = min(max(wished, LEAST_COLUMNS), MOST_COLUMNS)
    return found


def say(text: str, *, err: bool = False) -> None:
    """Print a line; what others have written in it cannot steer the terminal."""
    click.echo(visible(text, keep="\n"), err=err)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON, valid in any encoding."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    click.echo(json_text(value, ascii_only=not encoding.startswith("utf"), indent=indent))


def complain(text: str) -> None:
    """Say on stderr what is wrong; where nobody can hear it, the exit code must do."""
    with contextlib.suppress(OSError, ValueError):
        say(f"smartcar: {mask_secrets(text)}", err=True)


def why(error: OSError) -> str:
    """An error of the operating system in words."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in {errno.ENOSPC, errno.EIO, errno.EBADF} and error.filename is None:
        return f"the output cannot be written: {reason}"
    return f"{error.filename}: {reason}" if error.filename else reason


def finish(code: int) -> int:
    """The exit code after everything has been written; what cannot be, must not be tried again at the very end."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            code = code or (PIPE_CLOSED if isinstance(error, BrokenPipeError) else 1)
            silence(number)
        except ValueError:
            pass  # it is closed already
    return code


def silence(number: int) -> None:
    """Let a stream end nowhere: Python would try to write its rest when the process ends, and complain."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
