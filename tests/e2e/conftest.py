"""Fixtures of the tests against a real Home Assistant: one boot for the whole session.

Where it has to be installed first, that is done before the first test, since a test's time-out is shorter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.install_home_assistant import InstallError, PythonMissingError, hass_program
from tests.e2e.screenshot import Chromium, ChromiumMissingError
from tests.support.mosquitto import Mosquitto
from tests.support.program import ProgramError

PORT_ATTEMPTS = 3
_HASS = pytest.StashKey[Path | PythonMissingError | InstallError]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find or install Home Assistant, if a test that needs it has been selected."""
    config = session.config
    if config.option.collectonly or not any(_needs_home_assistant(item) for item in session.items):
        return
    terminal = config.pluginmanager.get_plugin("terminalreporter")

    def say(sentence: str) -> None:
        if terminal is not None:
            terminal.write_line(sentence)

    try:
        config.stash[_HASS] = hass_program(say)
    except (PythonMissingError, InstallError) as error:
        config.stash[_HASS] = error


def _needs_home_assistant(item: pytest.Item) -> bool:
    return item.get_closest_marker("homeassistant") is not None or "hass" in getattr(item, "fixturenames", ())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs Home Assistant where there is no Python for it.

    (Done here and not in a fixture, since pytest then sums all of them up in one line.)
    """
    if not _needs_home_assistant(item):
        return
    outcome = item.config.stash[_HASS]
    if isinstance(outcome, PythonMissingError):
        pytest.skip(str(outcome))
    if isinstance(outcome, Exception):
        pytest.fail(str(outcome), pytrace=False)


@pytest.fixture(scope="session")
def hass(pytestconfig: pytest.Config) -> Path:
    """The program of the Home Assistant to test with."""
    outcome = pytestconfig.stash[_HASS]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@pytest.fixture(scope="session")
def home_assistant_broker(hass: Path) -> Iterator[Mosquitto]:
    """The broker of the session's Home Assistant."""
    with Mosquitto() as broker:
        yield broker


@pytest.fixture(scope="session")
def home_assistant(hass: Path, home_assistant_broker: Mosquitto) -> Iterator[HomeAssistant]:
    """The session's Home Assistant. Give each test a device of its own, and remove it at the end."""
    with contextlib.ExitStack() as stack:
        yield start_somewhere(stack, hass, home_assistant_broker.port)


def start_somewhere(stack: contextlib.ExitStack, hass: Path, broker_port: int) -> HomeAssistant:
    """Start it on a free port; on another one where a program of this machine has taken that port meanwhile."""
    for _ in range(PORT_ATTEMPTS - 1):
        try:
            return stack.enter_context(HomeAssistant(hass, broker_port))
        except ProgramError as error:
            if "address already in use" not in str(error):
                raise
    return stack.enter_context(HomeAssistant(hass, broker_port))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A headless browser for the session; skips where none is installed, which `make test` does where it can."""
    try:
        browser = Chromium()
    except ChromiumMissingError as error:
        pytest.skip(str(error))
    with browser:
        yield browser
