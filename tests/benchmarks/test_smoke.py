"""The benchmarks run: one cheap one in a hurry, for its form and not for its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.table import Result, Rule, percentile


def test_a_quick_run_gives_a_table_and_sane_json(tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "drive", "--report-only"]
    done = subprocess.run([*command, "--json", str(report)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert {"CPU", "kernel", "Python", "Mosquitto", "paho-mqtt", "date"} <= found["machine"].keys()
    median, tail = found["results"]
    for row in (median, tail):
        assert row["benchmark"] == "drive"
        assert 0 < row["ours"] < 3000
        assert 0 < row["bare"] < 3000
        assert row["ratio"] == row["ours"] / row["bare"]
        assert isinstance(row["met"], bool)
        assert row["what"] in done.stdout
    assert median["ours"] <= tail["ours"]


def test_a_result_is_held_against_its_limit() -> None:
    def met(rule: Rule, ours: float) -> bool | None:
        return Result(benchmark="b", what="w", unit="ms", ours=ours, bare=2.0, rule=rule, limit=3.0).met

    assert [met(Rule.RATIO, ours) for ours in (6.0, 6.1)] == [True, False]
    assert [met(Rule.AT_MOST, ours) for ours in (3.0, 3.1)] == [True, False]
    assert [met(Rule.AT_LEAST, ours) for ours in (3.0, 2.9)] == [True, False]
    assert met(Rule.NONE, 9.0) is None


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (50.0, 99.0, 7.0)
