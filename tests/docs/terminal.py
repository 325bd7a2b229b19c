"""A program in a pseudo-terminal, and its output as a picture."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 124


class Terminal:
    """A program in a pseudo-terminal, and what it has written."""

    def __init__(self, *command: str) -> None:
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": "40"}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end in the middle of a character

    def read(self, seconds: float, until: str = "\0") -> str:
        """What it writes in the next seconds, or until a text comes."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and until not in self.text:
            if select.select([self.master], [], [], left)[0]:
                self.text += self._decoder.decode(os.read(self.master, 65536))
        return self.text

    def close(self) -> None:
        """End the program."""
        self.process.terminate()
        self.process.wait(10)
        os.close(self.master)


def save_svg(path: Path, title: str, ansi: str) -> None:
    """Terminal output as a picture."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - the name is no path of ours
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Text.from_ansi(ansi))
        drawn = console.export_svg(title=title)
    without_fonts = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # rich would load them from elsewhere
    path.write_text(without_fonts.replace("Fira Code, monospace", "monospace"), encoding="utf-8")
