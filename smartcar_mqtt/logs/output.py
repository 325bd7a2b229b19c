"""Where a daemon's log goes: console or journal, and a file that is put aside when it is full.

No thread of a bridge waits for it. Whoever logs puts the line into a queue, and one thread writes: a slow disk, a pipe
that nobody reads, a terminal that is stopped or a journal that hangs delay that thread alone. What does not fit into
the queue is left out and counted, and the count is told when the log flows again.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import sys
import threading
from typing import TextIO

from smartcar_mqtt.config import ConfigError, Logging
from smartcar_mqtt.logs.records import clean_records
from smartcar_mqtt.paths import expanded

log = logging.getLogger(__name__)

SYSLOG_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
MOST_WAITING = 1000
"""Lines that may wait to be written."""
END_TIMEOUT_S = 1.0
"""How long the end of a daemon waits for its last lines."""


class QueuedOutput(logging.Handler):
    """A log handler that never waits: it hands each record to a thread, which writes it by other handlers.

    Args:
        outputs: the handlers that write.
        most_waiting: records that may wait for them.
    """

    def __init__(self, outputs: list[logging.Handler], *, most_waiting: int = MOST_WAITING) -> None:
        super().__init__()
        self.outputs = outputs
        self._left_out = 0
        self._records: queue.Queue[logging.LogRecord | threading.Event | None] = queue.Queue(most_waiting)
        self._formatter = logging.Formatter()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put a record into the queue, its text as it is now; counted and left out where the queue is full."""
        try:
            record.msg, record.args = record.getMessage(), None
        except (TypeError, ValueError):  # a mistake of ours; Python's own handling of it would print, and so wait
            record.msg, record.args = f"{record.msg!s} {record.args!r}", None
        if record.exc_info:
            record.exc_text = record.exc_text or self._formatter.formatException(record.exc_info)
            record.exc_info = None
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._left_out += 1

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            if isinstance(record, threading.Event):
                record.set()
                continue
            self._pass_on(record)
            left_out, self._left_out = self._left_out, 0
            if left_out:
                text = f"{left_out} lines of the log are missing here: it was not read or written in time"
                self._pass_on(logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None))

    def _pass_on(self, record: logging.LogRecord) -> None:
        for output in self.outputs:
            output.handle(record)

    def written(self, timeout_s: float) -> bool:
        """Wait until what is waiting now has been written; False where that takes longer than `timeout_s`."""
        done = threading.Event()
        try:
            self._records.put(done, timeout=timeout_s)
        except queue.Full:
            return False
        return done.wait(timeout_s)

    def end(self, timeout_s: float) -> bool:
        """Write what is waiting and end; False where that takes longer than `timeout_s`."""
        try:
            self._records.put(None, timeout=timeout_s)
        except queue.Full:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


def set_up_logging(name: str, settings: Logging) -> None:
    """Log to the console or journal, and to a file that is put aside when it is full."""
    clean_records()
    outputs: list[logging.Handler] = []
    if sys.stderr is not None:  # closed, as by `2>&-`
        console = logging.StreamHandler(sys.stderr)
        console.setFormatter(
            JournalFormatter("%(name)s: %(message)s")
            if is_journal(console.stream)
            else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        )
        outputs.append(console)
    problem: Exception | None = None
    if settings.directory:
        try:
            path = expanded(settings.directory, "logging.directory") / f"{name}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            file = LogFile(
                path, maxBytes=settings.max_bytes, backupCount=settings.backup_count, encoding="utf-8", delay=False
            )
        except (OSError, ConfigError) as error:
            problem = error
        else:
            file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
            outputs.append(file)
    root = logging.getLogger()
    end_logging()
    root.setLevel(settings.level)
    root.handlers[:] = [QueuedOutput(outputs)]
    if problem is not None:
        log.error("no log file: %s; correct logging.directory", problem)


def end_logging(timeout_s: float = END_TIMEOUT_S) -> bool:
    """Write what still waits to be logged; False where the log does not take it in time."""
    queued = [handler for handler in logging.getLogger().handlers if isinstance(handler, QueuedOutput)]
    return all([handler.end(timeout_s) for handler in queued])  # noqa: C419 - each of them shall end


class LogFile(logging.handlers.RotatingFileHandler):
    """A log file that is put aside when it is full; with no old files to keep, it begins anew.

    (Python's own handler lets the file grow without end in that case.)
    """

    def doRollover(self) -> None:  # noqa: N802 - the name that Python calls
        if self.backupCount:
            super().doRollover()
        elif self.stream:
            self.stream.truncate(0)  # opened for appending: the next line comes first


def is_journal(stream: TextIO) -> bool:
    """Whether journald reads this stream; $JOURNAL_STREAM alone is also inherited by what it does not read.

    Source: systemd.exec(5), "device:inode" of the stream that is connected to the journal.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False  # no file at all, such as a test's
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class JournalFormatter(logging.Formatter):
    """Lines with the priority prefix that journald understands; it adds time and process by itself."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{SYSLOG_PRIORITY.get(record.levelname, 6)}>"
        return prefix + super().format(record).replace("\n", f"\n{prefix}")  # a traceback is an error in each line
