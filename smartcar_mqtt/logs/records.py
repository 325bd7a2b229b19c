"""What reaches any log: no secret of an address, and nothing of a stranger's text that could forge or hide a line."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from smartcar_mqtt.untrusted.addresses import mask_secrets
from smartcar_mqtt.untrusted.visible import visible


class CleanRecord(logging.LogRecord):
    """A record whose message is one line that may be shown to anybody; tracebacks keep their lines."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[0] is not None:
            told = "".join(traceback.format_exception(*self.exc_info)).rstrip("\n")
            self.exc_text = visible(mask_secrets(told), keep="\n")  # formatters use it as it stands

    def getMessage(self) -> str:  # noqa: N802 - the name that Python calls
        """The message with its arguments."""
        return visible(mask_secrets(super().getMessage()), keep="\t")


def clean_records() -> None:
    """Make all records of this process clean, those of libraries too."""
    logging.setLogRecordFactory(CleanRecord)
