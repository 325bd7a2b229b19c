"""What Home Assistant writes to its log, as records, and which of its warnings have nothing to do with us."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

_FIRST_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)\S* ([A-Z]+) \(.*?\) \[([^\]]+)\] (.*)$")

# (logger, beginning of the text): warnings of a Home Assistant that runs as ours does.
_UNRELATED = (
    # We start it with --skip-pip, so that it installs nothing by itself.
    ("homeassistant.bootstrap", "Skipping pip installation"),
    # A machine that is busy with other tests starts slowly.
    ("homeassistant.bootstrap", "Waiting on integrations to complete setup"),
    ("homeassistant.setup", "Setup of "),
    # A library of the operating system that not every machine has; cameras do without it.
    ("homeassistant.components.camera.img_util", "Error loading libturbojpeg"),
    # When a device goes, by whatever way, Home Assistant clears its retained discovery topic, and then receives
    # that clearing itself.
    ("homeassistant.components.mqtt.discovery", "No device components to cleanup"),
    # Every reload of the MQTT integration says this of every device trigger that it has seen.
    ("homeassistant.helpers.dispatcher", "Unable to remove unknown dispatcher"),
)


@dataclass(frozen=True)
class LogRecord:
    """One record; `text` has all its lines, a traceback too."""

    time: str
    level: str
    logger: str
    text: str

    def __str__(self) -> str:
        return f"{self.time} {self.level} [{self.logger}] {self.text}"

    @property
    def severity(self) -> int:
        """The level as Python's `logging` counts it."""
        return logging.getLevelNamesMapping()[self.level]

    @property
    def unrelated(self) -> bool:
        """Whether this is known noise that no MQTT payload causes."""
        return any(self.logger == logger and self.text.startswith(start) for logger, start in _UNRELATED)


def parse(lines: Iterable[str]) -> list[LogRecord]:
    """The records in these lines; lines before the first record's beginning are dropped."""
    records: list[tuple[list[str], list[str]]] = []
    for line in lines:
        first = _FIRST_LINE.match(line)
        if first is not None:
            records.append(([first[1], first[2], first[3]], [first[4]]))
        elif records:
            records[-1][1].append(line)
    return [LogRecord(time, level, logger, "\n".join(text)) for (time, level, logger), text in records]
