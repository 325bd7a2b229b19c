"""The display bridge as a process between a real broker and a file that stands for the panel."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.display.panel.panel_file import PanelFile
from tests.support.environment import car_environment
from tests.support.mosquitto import Mosquitto
from tests.support.program import Output, Program


class DisplayProcess:
    """Runs while in the `with` block.

    Args:
        broker: where it connects to.
        folder: for panel, state and configuration.
        settings: configuration of the bridge, `SECTION__KEY` to value.
    """

    def __init__(self, broker: Mosquitto, folder: Path, settings: Mapping[str, object] | None = None) -> None:
        self.file = PanelFile(folder)
        self.file.plug_in()
        self.output = Output()
        own = {
            "MQTT__HOST": broker.host,
            "MQTT__PORT": broker.port,
            "MQTT__BIRTH_DELAY": 0.2,
            "CAR__STATE_DIRECTORY": folder / "state",
            "LOGGING__DIRECTORY": "",
            "DISPLAY__DEVICE": self.file.device,
            **(settings or {}),
        }
        self.environment = car_environment(own, folder)
        self.program: Program

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.display.on_a_file", str(self.file.sysfs)]
        self.program = Program("display", command, output=self.output, environment=self.environment)
        self.output.wait("connected to the broker")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.stop()
        if kind is not None:
            print("\n".join(self.output.lines[-40:]))
