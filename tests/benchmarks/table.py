"""What a benchmark found, held against its target, and the one table of all of them."""

from __future__ import annotations

import math
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

HEADINGS = ("benchmark", "what", "ours", "bare", "ratio", "target", "met")


class Rule(Enum):
    """What a target's limit is a limit of."""

    RATIO = "ratio"
    """Ours divided by the bare minimum, at most."""
    AT_MOST = "at_most"
    """Our value, at most."""
    AT_LEAST = "at_least"
    """Our value, at least."""
    NONE = "none"
    """Nothing: told for information."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of the table."""

    benchmark: str
    what: str
    unit: str
    ours: float
    bare: float | None = None
    """The same of the least program that could do it, or without the load; measured in the same run."""
    rule: Rule = Rule.NONE
    limit: float = 0.0
    samples: int = 1

    @property
    def ratio(self) -> float | None:
        """Ours to bare; None without a bare minimum."""
        return self.ours / self.bare if self.bare else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.rule is Rule.NONE:
            return None
        if self.rule is Rule.AT_LEAST:
            return self.ours >= self.limit
        value = self.ratio if self.rule is Rule.RATIO else self.ours
        return value is not None and value <= self.limit

    @property
    def target(self) -> str:
        """The limit, as people write it."""
        return {
            Rule.NONE: "–",
            Rule.RATIO: f"≤ {self.limit:g} × bare",
            Rule.AT_MOST: f"≤ {self.limit:g} {self.unit}",
            Rule.AT_LEAST: f"≥ {self.limit:g} {self.unit}",
        }[self.rule]

    def cells(self) -> tuple[str, ...]:
        """The row in the order of HEADINGS."""
        bare = "–" if self.bare is None else f"{rounded(self.bare)} {self.unit}"
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        met = {None: "–", True: "yes", False: "NO"}[self.met]
        return (self.benchmark, self.what, f"{rounded(self.ours)} {self.unit}", bare, ratio, self.target, met)

    def to_builtins(self) -> dict[str, Any]:
        """The row for JSON."""
        return {**asdict(self), "rule": self.rule.value, "ratio": self.ratio, "target": self.target, "met": self.met}


def rounded(value: float) -> str:
    """Three digits that count; whole numbers from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in lines_of("/proc/cpuinfo")
            if line.startswith(("model name", "Model"))
        ),
        platform.machine(),
    )
    cores = sum(line.startswith("processor") for line in lines_of("/proc/cpuinfo"))
    program = shutil.which("mosquitto", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    broker = subprocess.run([program or "mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
    return {
        "CPU": f"{cpu}, {cores} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Mosquitto": broker.split("\n", 1)[0].removeprefix("mosquitto version ").strip() or "?",
        "paho-mqtt": version("paho-mqtt"),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def lines_of(path: str) -> list[str]:
    """The lines of a file of the kernel's."""
    return Path(path).read_text(encoding="utf-8").splitlines()


def headline(about: dict[str, str]) -> str:
    """The machine in one line."""
    return " · ".join(
        f"{name} {value}" if name not in {"CPU", "kernel", "date"} else value for name, value in about.items()
    )


def as_markdown(about: dict[str, str], results: Sequence[Result]) -> str:
    """The table for files and pipes."""
    rows = [HEADINGS, *(result.cells() for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    right = {2, 3, 4}

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = [("-" * (width - 1) + ":") if column in right else "-" * width for column, width in enumerate(widths)]
    return "\n".join([headline(about), "", line(HEADINGS), line(rule), *(line(row) for row in rows[1:])])


def print_rich(about: dict[str, str], results: Sequence[Result]) -> None:
    """The table for a terminal."""
    table = Table(title=headline(about), box=box.SIMPLE_HEAD, title_justify="left")
    for column, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if column in {2, 3, 4} else "left")
    for result in results:
        style = {None: "dim", True: None, False: "bold red"}[result.met]
        table.add_row(*result.cells(), style=style)
    Console().print(table)
