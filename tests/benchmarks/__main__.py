"""`python -m tests.benchmarks`: measure, print one table, exit with 1 where a target is missed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from tests.benchmarks import camera, cost, detection, face, latency, ring, room, safety, throughput
from tests.benchmarks.rig import BenchError, Effort
from tests.benchmarks.table import Result, as_markdown, machine, print_rich
from tests.support.program import ProgramError

BENCHMARKS = {
    benchmark.__name__: benchmark
    for benchmark in (
        latency.drive,
        safety.wall,
        latency.rapid,
        safety.video,
        throughput.telemetry,
        cost.idle,
        cost.start,
        ring.ring,
        face.face,
        detection.detection,
        detection.decoding,
        camera.live_stream,
        camera.snapshots,
        camera.watching,
        room.simulated_drive,
    )
}


class Progress:
    """How far it is, on stderr: one line that changes on a terminal, else one line for each benchmark.

    Without a thread of its own, which would disturb what is measured.
    """

    def __init__(self) -> None:
        self._name = ""
        self._shown_at = 0.0
        self._terminal = sys.stderr.isatty()

    def begin(self, name: str) -> None:
        """A benchmark begins."""
        self._name = name
        self._write(f"{name} ...", end="" if self._terminal else "\n")

    def tell(self, text: str) -> None:
        """It is so far."""
        if self._terminal and time.monotonic() - self._shown_at > 0.5:
            self._shown_at = time.monotonic()
            self._write(f"\r\033[K{self._name}: {text}", end="")

    def end(self) -> None:
        """It is done."""
        if self._terminal:
            self._write("\r\033[K", end="")

    @staticmethod
    def _write(text: str, *, end: str) -> None:
        print(text, end=end, file=sys.stderr, flush=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures there too."
)
@click.option("--markdown", is_flag=True, help="Print the table as Markdown, also on a terminal.")
@click.option("--quick", is_flag=True, help="Few repetitions: to see that it works, not for the figures.")
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Only this one; may be repeated.")
@click.option("--report-only", is_flag=True, help="Exit with 0 also where a target is missed.")
def main(*, json_file: Path | None, markdown: bool, quick: bool, only: tuple[str, ...], report_only: bool) -> None:
    """Measure the car's bridges against a bare minimum, on this machine, and print one table."""
    progress = Progress()
    effort = Effort(quick=quick, tell=progress.tell)
    results: list[Result] = []
    try:
        for name in only or BENCHMARKS:
            progress.begin(name)
            results += BENCHMARKS[name](effort)
            progress.end()
    except (BenchError, ProgramError) as error:
        raise click.ClickException(str(error)) from None
    about = machine()
    if sys.stdout.isatty() and not markdown:
        print_rich(about, results)
    else:
        print(as_markdown(about, results))
    missed = [result for result in results if result.met is False]
    if json_file is not None:
        found = {"machine": about, "quick": quick, "results": [result.to_builtins() for result in results]}
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if missed:
        print(f"{len(missed)} of {len(results)} figures miss their target", file=sys.stderr)
        sys.exit(0 if report_only else 1)


if __name__ == "__main__":
    main()
