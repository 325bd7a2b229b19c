"""Nothing is skipped unseen: in continuous integration (CI=true) a test that skips has failed.

Only what needs hardware may skip there, by name. Hooks of pytest; `tests/conftest.py` takes them in.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

NEEDS_HARDWARE = {
    "tests/led/strip/test_drivers.py::test_the_real_spidev_is_used_as_it_is": "spidev is built on a Raspberry Pi only",
    "tests/led/strip/test_drivers.py::test_nor_does_the_real_one": "rpi_ws281x is built on a Raspberry Pi only",
}
"""Tests that may skip everywhere, and why."""


def in_ci() -> bool:
    """Whether this run is one of continuous integration."""
    return os.environ.get("CI", "") not in {"", "0", "false"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips in CI fails with its reason (an expected failure is none)."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and report.nodeid not in NEEDS_HARDWARE:
        _fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that skips as a whole."""
    report = yield
    if report.skipped:
        _fail_in_ci(report)
    return report


def _fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not in_ci():
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = (
        f"{report.nodeid} was skipped, and CI=true allows that only to tests that need hardware "
        f"(tests/support/skips.py): {reason}"
    )
