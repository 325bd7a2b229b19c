"""`make pictures`: the pictures of the README, taken from the running program.

A demo runs in a pseudo-terminal and a real Home Assistant stands at its broker; what they show is kept. The browser is
Debian's chromium (package `chromium`).
"""

from __future__ import annotations

import codecs
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.publish
import paho.mqtt.subscribe
from rich.console import Console
from rich.text import Text

from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.install_home_assistant import hass_program
from tests.e2e.screenshot import Chromium, home_assistant_page
from tests.vision.viewer import get

DOCS = Path(__file__).resolve().parents[2] / "docs"
WIDTH = 124
MOST_SEEN = 2
"""Things that the camera shall have found before its picture is taken."""


def say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


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
        self.process.terminate()
        self.process.wait(10)
        os.close(self.master)


def save_svg(name: str, title: str, ansi: str) -> None:
    """Terminal output as a picture."""
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.from_ansi(ansi))
    drawn = console.export_svg(title=title)
    without_fonts = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # rich would load them from elsewhere
    (DOCS / name).write_text(without_fonts.replace("Fira Code, monospace", "monospace"), encoding="utf-8")


def main() -> None:
    """Take all pictures."""
    DOCS.mkdir(exist_ok=True)
    smartcar = str(Path(sys.executable).with_name("smartcar"))
    for bridge, sheet in (("led", "led-effects.png"), ("display", "faces.png")):
        subprocess.run([smartcar, bridge, "sheet", str(DOCS / sheet)], check=True)
    demo = Terminal(smartcar, "demo")
    try:
        shown = demo.read(20, until="--listen 0.0.0.0.)")
        port = int(re.search(r"127\.0\.0\.1:(\d+)", shown).group(1))  # type: ignore[union-attr]
        clean = re.sub(r"/tmp/smartcar-demo-\w+", "/tmp/smartcar-demo", shown.replace("\r", ""))
        save_svg("demo.svg", "make demo", clean.replace(smartcar, "smartcar"))

        def publish(topic: str, payload: str) -> None:
            paho.mqtt.publish.single(f"smartcar/car/motion/{topic}", payload, port=port)

        def wait(key: str, value: object, bridge: str = "motion") -> None:
            say(f"waiting for {bridge}'s {key}")
            for _ in range(200):
                message = paho.mqtt.subscribe.simple(f"smartcar/car/{bridge}/state", port=port)
                found = json.loads(message.payload)[key]
                if value(found) if callable(value) else found == value:
                    return
                time.sleep(0.1)

        wait("object_count", lambda count: count is not None and count >= MOST_SEEN, "vision")
        where = json.loads(paho.mqtt.subscribe.simple("smartcar/car/vision/state", port=port).payload)["stream_socket"]
        (DOCS / "camera.jpg").write_bytes(get(Path(where), "/snapshot.jpg?boxes=1").body)
        say("starting Home Assistant")
        with HomeAssistant(hass_program(say), port) as home_assistant, Chromium() as browser:
            home_assistant.wait_state("sensor.smart_car_motion", "stopped")
            publish("scan/set", "PRESS")
            wait("motion", "scanning")
            watch = Terminal(smartcar, "watch", "--broker", f"127.0.0.1:{port}")
            watch.read(1.5)
            wait("motion", "stopped")
            publish("drive/set", "forward")
            publish("drive/set", '{"direction": "forward", "duration": 60}')
            watch.read(0.8)
            frame = watch.text.split("\x1b[2K")[-1] if "\x1b[2K" in watch.text else watch.text
            watch.close()
            save_svg("watch.svg", "smartcar watch", frame.replace("\r", ""))
            wait("motion", "stopped")
            device = home_assistant.wait_device("smartcar_car_motion")
            page = f"/config/devices/device/{device['id']}"
            home_assistant_page(browser, home_assistant, page, DOCS / "home-assistant.png", width=1280, height=1480)
            message = paho.mqtt.subscribe.simple("smartcar/car/motion/radar", port=port)
            (DOCS / "radar.png").write_bytes(message.payload)
    finally:
        demo.close()
    say(f"pictures are in {DOCS}")


if __name__ == "__main__":
    main()
