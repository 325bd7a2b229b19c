"""`make pictures`: the pictures of the README, taken from the running program.

A demo runs in a pseudo-terminal and a real Home Assistant stands at its broker; what they show is kept. The browser is
Debian's chromium (package `chromium`). What each picture has to show: `tests.docs.required`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.docs.required import DOCS, PAGES, shortcomings
from tests.docs.terminal import Terminal, save_svg
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.install_home_assistant import hass_program
from tests.e2e.screenshot import Chromium, home_assistant_page
from tests.vision.viewer import get

SMARTCAR = str(Path(sys.executable).with_name("smartcar"))
MOST_SEEN = 2
"""Things that the camera shall have found before its picture is taken."""
PATIENCE_S = 60.0
LEAST_TELEMETRY_HZ = 5
WITHOUT_SIDEBAR = {"dockedSidebar": '"always_hidden"'}


def say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


class Car:
    """The demo's car, seen and told through its broker."""

    def __init__(self, port: int) -> None:
        self.newest: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("smartcar/car/#")
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.newest[message.topic.removeprefix("smartcar/car/")] = message.payload
            self._changed.notify_all()

    def say(self, topic: str, payload: str) -> None:
        """Send a command."""
        self._client.publish(f"smartcar/car/{topic}/set", payload, qos=1)

    def wait(self, what: str, there: Callable[[], Any]) -> None:
        """Wait until the car is so."""
        say(f"waiting for {what}")
        with self._changed:
            if not self._changed.wait_for(there, PATIENCE_S):
                raise SystemExit(f"the demo did not come to {what} in {PATIENCE_S:.0f} s")

    def state(self, bridge: str) -> dict[str, Any]:
        """A bridge's newest state."""
        state: dict[str, Any] = json.loads(self.newest.get(f"{bridge}/state", b"{}"))
        return state

    def wait_motion(self, motion: str) -> None:
        """Wait until the car moves so."""
        self.wait(f"motion {motion}", lambda: self.state("motion").get("motion") == motion)


def draw_sheets() -> None:
    """All effects and all expressions: drawn without a car."""
    for bridge, sheet in (("led", "led-effects.png"), ("display", "faces.png")):
        subprocess.run([SMARTCAR, bridge, "sheet", str(DOCS / sheet)], check=True)


def take_camera(car: Car) -> None:
    """What the simulated camera sees, with boxes."""
    car.wait("objects before the camera", lambda: (car.state("vision").get("object_count") or 0) >= MOST_SEEN)
    socket = Path(car.state("vision")["stream_socket"])
    (DOCS / "camera.jpg").write_bytes(get(socket, "/snapshot.jpg?boxes=1").body)


def take_watch(car: Car, port: int) -> None:
    """`smartcar watch` while the car drives; a scan before it, so that the radar has something to show."""
    car.say("motion/scan", "PRESS")
    car.wait_motion("scanning")
    watch = Terminal(SMARTCAR, "watch", "--broker", f"127.0.0.1:{port}")
    watch.read(1.5)
    car.wait_motion("stopped")
    car.wait("telemetry after the scan", lambda: measures(car.state("motion")))
    car.say("motion/drive", "forward")
    car.say("motion/drive", '{"direction": "forward", "duration": 60}')
    watch.read(0.8)
    frame = watch.text.split("\x1b[2K")[-1] if "\x1b[2K" in watch.text else watch.text
    watch.close()
    save_svg(DOCS / "watch.svg", "smartcar watch", frame.replace("\r", ""))
    car.wait_motion("stopped")


def measures(state: dict[str, Any]) -> bool:
    """Whether distances come in again."""
    return (state.get("frames_per_second") or 0) >= LEAST_TELEMETRY_HZ and state.get("distance_center") is not None


def take_home_assistant(car: Car, port: int) -> None:
    """The overview that Home Assistant makes by itself, and the page of one device."""
    say("starting Home Assistant")
    with HomeAssistant(hass_program(say), port) as home_assistant, Chromium() as browser:
        home_assistant.wait_state("sensor.smart_car_motion", "stopped")
        car.say("vision/capture", "PRESS")
        car.say("display/expression", "happy")
        car.say("led/ring", '{"state": "ON", "effect": "rainbow", "brightness": 255}')
        car.wait("a happy face", lambda: car.state("display").get("expression") == "happy")
        car.say("motion/scan", "PRESS")  # Home Assistant has not seen the last radar picture
        car.wait_motion("scanning")
        car.wait_motion("stopped")
        device = home_assistant.wait_device("smartcar_car_motion")
        home_assistant.wait_mqtt_settled()  # the overview has the entities that are there when it is opened
        for name, page in PAGES.items():
            say(f"taking {name}")
            home_assistant_page(
                browser,
                home_assistant,
                page.path.format(device=device["id"]),
                DOCS / name,
                awaited=page.texts,
                pictures=page.pictures,
                local_storage=WITHOUT_SIDEBAR,
                width=page.laid_out or page.width,
                shown_width=page.width,
                height=400,
                highest=page.highest,
            )


def main() -> int:
    """Take all pictures, and look at them; the exit code."""
    DOCS.mkdir(exist_ok=True)
    draw_sheets()
    demo = Terminal(SMARTCAR, "demo")
    try:
        shown = demo.read(PATIENCE_S, until="--listen 0.0.0.0)")
        port = int(re.search(r"127\.0\.0\.1:(\d+)", shown).group(1))  # type: ignore[union-attr]
        clean = re.sub(r"/tmp/smartcar-demo-\w+", "/tmp/smartcar-demo", shown.replace("\r", ""))
        save_svg(DOCS / "demo.svg", "make demo", clean.replace(SMARTCAR, "smartcar"))
        with Car(port) as car:
            take_camera(car)
            take_home_assistant(car, port)  # before it drives away from what its camera sees
            take_watch(car, port)
    finally:
        demo.close()
    lost = shortcomings()
    for sentence in lost:
        say(sentence)
    say(f"pictures are in {DOCS}; look at them")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
