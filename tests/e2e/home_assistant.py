"""A real Home Assistant on the loopback, headless, in a folder of its own.

It needs a running broker, finds itself already set up (see `onboarding`), and does not use the network.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e import log, onboarding
from tests.e2e.api import Events, HomeAssistantApi
from tests.e2e.websocket import HomeAssistantError
from tests.support.mosquitto import HOST, free_port
from tests.support.program import Output, Program, ProgramError

_SETTLED_LOGGER = "tests.settled"
_STOP_GRACE = 20.0


class HomeAssistant(HomeAssistantApi):
    """One Home Assistant process. `start` and `close` it, or use it in a `with` statement.

    Args:
        hass: its program.
        broker_port: where the MQTT integration finds the running broker.
        broker_host: likewise.
        mqtt_options: further data of the MQTT entry: `username`, `password`, `protocol`, `certificate`, ...
        extra_configuration: YAML added to configuration.yaml.
        boot_timeout: seconds; the first boot of an installation compiles for some seconds.
    """

    def __init__(
        self,
        hass: Path,
        broker_port: int,
        *,
        broker_host: str = HOST,
        mqtt_options: Mapping[str, Any] | None = None,
        extra_configuration: str = "",
        boot_timeout: float = 90.0,
    ) -> None:
        self.port = free_port()
        self._temporary = tempfile.TemporaryDirectory(prefix="smartcar-home-assistant-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self.broker_host = broker_host
        self.broker_port = broker_port
        self.output = Output()
        self.version = ""
        self.boot_seconds = 0.0
        self._hass = hass
        self._boot_timeout = boot_timeout
        self._program: Program | None = None
        token = onboarding.set_up(
            self.folder,
            port=self.port,
            broker_host=broker_host,
            broker_port=broker_port,
            mqtt_options=mqtt_options or {},
            extra_configuration=extra_configuration,
        )
        super().__init__(f"http://{HOST}:{self.port}", token)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._program is not None and self._program.running

    def start(self) -> None:
        """Start it, and return when it is running, connected to the broker, and has made its subscriptions.

        Raises:
            ProgramError: it does not come up; the message has its newest log lines.
        """
        if self.running:
            raise ProgramError(f"the Home Assistant at {self.url} already runs: stop it first, or call restart()")
        begun = time.monotonic()
        mark = self.output.mark()
        command = [str(self._hass), "--config", str(self.folder), "--skip-pip", "--log-no-color"]
        self._program = Program("Home Assistant", command, output=self.output, environment=self._environment())
        try:
            self.output.wait("Home Assistant initialized in", since=mark, timeout=self._boot_timeout)
            self._wait_ready()
        except (ProgramError, HomeAssistantError, TimeoutError, OSError) as error:
            raise ProgramError(
                f"Home Assistant ({self._hass}, {self.url}) did not come up with the broker {self.broker_host}:"
                f"{self.broker_port}: {error}\nIts newest lines:\n{self.output.tail()}"
            ) from error
        self.boot_seconds = time.monotonic() - begun

    def stop(self) -> None:
        """End it; its folder stays, so that `start` finds everything again."""
        if self._program is not None:
            self._program.stop(_STOP_GRACE)

    def restart(self) -> None:
        """End it and start it again: same folder, same port, same token."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it for good and remove its folder."""
        self.stop()
        self._temporary.cleanup()

    # Its log

    def log_mark(self) -> int:
        """The present end of the log, for `since`: what has happened until now stands before it."""
        self._wait_log_settled()
        return self.output.mark()

    def log_records(
        self, logger: str = "homeassistant", minimum_level: int = logging.WARNING, *, since: int = 0
    ) -> list[log.LogRecord]:
        """The records from mark `since` on whose logger's name starts with `logger`, oldest first."""
        self._wait_log_settled()
        return [
            record
            for record in log.parse(self.output.lines[since:])
            if record.logger.startswith(logger) and record.severity >= minimum_level
        ]

    def assert_no_warnings(self, since: int = 0, *, allowed: Sequence[str] = (), settle: bool = True) -> None:
        """Fail if Home Assistant has warned of anything from mark `since` on.

        Everything under `homeassistant.` counts, not only its MQTT integration: a bad payload may come up in the
        platform, in a template, or in the entity registry.

        Args:
            since: a mark of `log_mark()`.
            allowed: regular expressions of warnings that this test expects.
            settle: first wait until all messages that have been published are handled; False where Home Assistant
                has no connection to the broker.

        Raises:
            AssertionError: with the text of every such record.
        """
        if settle:
            self.wait_mqtt_settled()
        bad = [
            record
            for record in self.log_records("homeassistant.", since=since)
            if not record.unrelated and not any(re.search(pattern, record.text) for pattern in allowed)
        ]
        if bad:
            raise AssertionError("\n".join([f"Home Assistant warned {len(bad)} times:", *map(str, bad)]))

    def _wait_log_settled(self) -> None:
        """Its log is written by a thread of its own: have it write a line of ours, and wait for that."""
        if not self.running:
            return
        mark, word = self.output.mark(), uuid.uuid4().hex
        self.call_service("system_log", "write", {"message": word, "level": "info", "logger": _SETTLED_LOGGER})
        self.output.wait(word, since=mark)

    def _wait_ready(self) -> None:
        with self.websocket() as session:
            started = Events(session, "homeassistant_started")
            config = session.call("get_config")
            if config["state"] != "RUNNING":
                started.wait(timeout=self._boot_timeout)
            try:
                # From 2026.11 on a changed port is on trial, and taken back after five minutes without this.
                session.call("http/config/promote")
            except HomeAssistantError as error:
                if error.code not in {"unknown_command", "not_found", "not_allowed"}:  # older, or nothing on trial
                    raise
        self.version = config["version"]
        if config["recovery_mode"]:
            raise ProgramError("it refused its configuration and runs in recovery mode")
        mqtt = self._mqtt_entry()
        if mqtt["state"] != "loaded":
            raise ProgramError(f"its MQTT integration is in the state {mqtt['state']}: {mqtt['reason']}")
        self.wait_mqtt_settled()

    def _environment(self) -> dict[str, str]:
        """Ours, without what leads to another Python's packages or to a proxy, or slows the boot.

        (Without compiled files it takes 6 s instead of 3.)
        """
        unwanted = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in unwanted and not name.lower().endswith("_proxy")
        }
        return {**kept, "HOME": str(self.folder)}
