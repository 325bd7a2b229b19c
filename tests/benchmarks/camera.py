"""The vision bridge: how old its pictures are, what they do to others on a slow link, and what it costs."""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from smartcar_mqtt.config import Mqtt
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.simulator.camera.renderer import Camera
from smartcar_mqtt.simulator.camera.scene import scene_of
from smartcar_mqtt.simulator.world.room import load_room
from smartcar_mqtt.simulator.world.world import World
from tests.benchmarks.rig import BenchError, Effort
from tests.benchmarks.table import Result, Rule, percentile
from tests.support.mosquitto import Mosquitto
from tests.support.program import Output, Program
from tests.vision.rig import Rig
from tests.vision.viewer import Viewer

OWN_MODEL = Path(__file__).parents[2] / "models/world.onnx"
MEGABITS = 10.0
OFFERED_FPS = 30
TELEMETRY_HZ = 50
TELEMETRY_BYTES = 150
NOISE = 8.5
"""Grey levels of noise that make a JPEG of 640x480 about 50 kB at quality 80."""
IDLE_LIMIT_PERCENT = 0.5
"""What counts as nothing: a daemon looks once a second whether it shall end."""


@contextmanager
def vision(settings: dict[str, object], broker: Mosquitto | None = None) -> Iterator[Rig]:
    """A bridge before the living room."""
    with tempfile.TemporaryDirectory(prefix="smartcar-bench-") as folder:
        path = Path(folder)
        with Rig(path, settings={"MQTT__STATE_HZ": 2, **settings}, room=load_room("living_room"), broker=broker) as rig:
            yield rig


def live_stream(effort: Effort) -> list[Result]:
    """A viewer on the local socket, 15 fps at 640x480, the detector beside it."""
    count = effort.choose(600, 60)
    with vision({"VISION__FPS": 15}) as rig:
        rig.mode("on_with_stream")
        rig.settle(link=True)
        with Viewer(rig.socket) as viewer:
            for _ in range(20):
                viewer.part()
            ages, sizes = [], []
            for number in range(count):
                part = viewer.part()
                ages.append(1000 * (time.monotonic() - part.captured_at))
                sizes.append(len(part.jpeg))
                effort.tell(f"{number + 1} of {count} frames")
    what = f"frame captured → JPEG of {statistics.mean(sizes) / 1000:.0f} kB received by a viewer, 640x480"
    return [
        Result(
            benchmark="live_stream",
            what=f"{what}, median",
            unit="ms",
            ours=statistics.median(ages),
            rule=Rule.AT_MOST,
            limit=12,
            samples=count,
        ),
        Result(benchmark="live_stream", what=f"{what}, p99", unit="ms", ours=percentile(ages, 99), samples=count),
    ]


class Arrival(NamedTuple):
    """A picture at the other end of the link."""

    captured_at: float
    arrived_at: float
    size: int


class Receiver:
    """What stands on the broker's side, with a fast line: notes when telemetry and pictures arrive."""

    def __init__(self, port: int) -> None:
        self.pictures: list[Arrival] = []
        self.telemetry_ms: list[float] = []
        self._ready = threading.Event()
        self._arrived = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="receiver", protocol=paho.MQTTv5)
        self._client.on_message = self._received
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect(Mosquitto.host, port)
        self._client.subscribe([("bench/+", 0), ("smartcar/+/vision/image", 0)])
        self._client.loop_start()
        if not self._ready.wait(10):
            raise BenchError("no subscription")

    def clear(self) -> None:
        """Begin anew."""
        self.pictures.clear()
        self.telemetry_ms.clear()

    def transit_ms(self, sender: Broker, size: int) -> float:
        """How long so many bytes take to get here while nothing else is on the link."""
        self._arrived.clear()
        began = time.monotonic()
        sender.publish("bench/alone", bytes(size))
        if not self._arrived.wait(10):
            raise BenchError("a picture has not arrived")
        return 1000 * (time.monotonic() - began)

    def close(self) -> None:
        """Go away."""
        self._client.disconnect()
        self._client.loop_stop()

    def _received(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        now = time.time()
        if message.topic == "bench/telemetry":
            self.telemetry_ms.append(1000 * (now - float(message.payload[:20])))
        elif message.topic == "bench/alone":
            self._arrived.set()
        else:
            details = dict(message.properties.UserProperty)  # type: ignore[union-attr]
            self.pictures.append(Arrival(float(details["captured_at"]), now, len(message.payload)))


def write_video(path: Path) -> Path:
    """A film whose frames are as hard to compress as a real room's."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), OFFERED_FPS, (640, 480))
    chance = np.random.default_rng(0)
    across = np.linspace(40, 200, 640)[None, :, None]
    for number in range(2 * OFFERED_FPS):
        frame = across + 20 * np.sin(number / 5) + chance.normal(0, NOISE, (480, 640, 3))
        writer.write(np.clip(frame, 0, 255).astype(np.uint8))
    writer.release()
    return path


def snapshots(effort: Effort) -> list[Result]:
    """Snapshots at 30 fps, more than a link of 10 Mbit/s carries, beside another client's telemetry."""
    seconds = effort.choose(30, 5)
    with tempfile.TemporaryDirectory(prefix="smartcar-bench-") as folder, Mosquitto() as broker:
        output = Output()
        command = [sys.executable, "-m", "tests.benchmarks.slow_link", str(broker.port), str(MEGABITS)]
        link = Program("slow link", command, output=output)
        port = int(output.wait(r"^\d+$"))
        film = write_video(Path(folder) / "film.avi")
        settings: dict[str, object] = {
            "MQTT__PORT": port,
            "VISION__CAMERA": "v4l2",
            "VISION__DEVICE": film,
            "VISION__FPS": OFFERED_FPS,
            "VISION__MQTT_FPS": OFFERED_FPS,
        }
        receiver = Receiver(broker.port)
        sender = Broker(Mqtt(host=broker.host, port=port), "telemetry")
        connected = threading.Event()
        sender.on_connected = connected.set
        sender.start()
        try:
            if not connected.wait(10):
                raise BenchError("no connection through the slow link")
            with vision(settings, broker) as rig:
                rig.mode("on_with_stream")
                rig.wait("image")
                send_telemetry(sender, 3)
                receiver.clear()
                before = rig.memory_mb()
                send_telemetry(sender, seconds, effort)
                grown = rig.memory_mb() - before
                pictures, telemetry = list(receiver.pictures), list(receiver.telemetry_ms)
                waiting = rig.state()["attributes"]["drops"]["most_pictures_waiting"]
                rig.mode("off")
            size = round(statistics.mean(each.size for each in pictures)) if pictures else 0
            transit_ms = statistics.median(receiver.transit_ms(sender, size) for _ in range(20))
        finally:
            sender.stop()
            receiver.close()
            link.stop()
    if len(pictures) < 5 * seconds or len(telemetry) < 0.9 * seconds * TELEMETRY_HZ:
        raise BenchError(f"only {len(pictures)} pictures and {len(telemetry)} messages have arrived")
    ages = [1000 * (each.arrived_at - each.captured_at) for each in pictures]
    offered = (
        f"{MEGABITS:g} Mbit/s, {OFFERED_FPS} fps of {statistics.mean(each.size for each in pictures) / 1000:.0f} kB"
    )
    bare = f"{offered} offered, {len(pictures) / seconds:.0f} sent; bare: a frame's transit alone"
    return [
        Result(
            benchmark="snapshots",
            what=f"telemetry p99 beside pictures over {bare}",
            unit="ms",
            ours=percentile(telemetry, 99),
            bare=transit_ms,
            rule=Rule.RATIO,
            limit=2,
            samples=len(telemetry),
        ),
        Result(
            benchmark="snapshots",
            what="age of the newest picture at its arrival, p99; bare: the same",
            unit="ms",
            ours=percentile(ages, 99),
            bare=transit_ms,
            rule=Rule.RATIO,
            limit=3,
            samples=len(ages),
        ),
        Result(
            benchmark="snapshots",
            what="pictures that ever waited behind the one under way",
            unit="pictures",
            ours=waiting,
            rule=Rule.AT_MOST,
            limit=1,
            samples=len(pictures),
        ),
        Result(
            benchmark="snapshots",
            what=f"growth of the bridge's memory over {seconds} s of it",
            unit="MB",
            ours=max(0.0, grown),
            rule=Rule.AT_MOST,
            limit=4,
        ),
    ]


def send_telemetry(sender: Broker, seconds: float, effort: Effort | None = None) -> None:
    """Send small messages at an even rate."""
    began = time.monotonic()
    for number in range(round(seconds * TELEMETRY_HZ)):
        due = began + number / TELEMETRY_HZ
        time.sleep(max(0.0, due - time.monotonic()))
        sender.stream("bench/telemetry", f"{time.time():.9f}"[:20].ljust(TELEMETRY_BYTES).encode())
        if effort is not None:
            effort.tell(f"{number / TELEMETRY_HZ:.0f} of {seconds:g} s")


def film_room(path: Path) -> Path:
    """A film of a drive through the living room, as a USB camera would send it: each frame a JPEG."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    world, camera = World.load("living_room"), Camera()
    for number in range(80):
        world.set_pose(2.0, 1.0, 20 + 30 * np.sin(number * np.pi / 40))
        writer.write(camera.picture(scene_of(world)))
    writer.release()
    return path


def watching(effort: Effort) -> list[Result]:
    """Processor time of the bridge: off, and on with our own network on a film of the simulated room."""
    seconds = effort.choose(30, 3)
    if not OWN_MODEL.exists():
        raise BenchError(f"{OWN_MODEL} is not there")
    rates = {"VISION__MODEL": OWN_MODEL, "VISION__FPS": 10, "VISION__TARGET_FPS": 10}
    with tempfile.TemporaryDirectory(prefix="smartcar-bench-") as folder:
        film = {"VISION__CAMERA": "v4l2", "VISION__DEVICE": film_room(Path(folder) / "film.avi")}
        with vision({**rates, **film}) as rig:
            time.sleep(effort.choose(3, 1))
            off_mb, off = rig.memory_mb(), percent(rig, seconds, effort)
            without_stream = percent_on(rig, "on_no_stream", seconds, effort)
            with_stream = percent_on(rig, "on_with_stream", seconds, effort)
            on_mb = rig.memory_mb()
    with vision(dict(rates)) as rig:
        drawing = percent_on(rig, "on_no_stream", seconds, effort)

    def row(what: str, value: float, limit: float | None = None) -> Result:
        rule = Rule.NONE if limit is None else Rule.AT_MOST
        return Result(benchmark="watching", what=what, unit="%", ours=value, rule=rule, limit=limit or 0.0)

    return [
        row("off: processor, of one core", off, IDLE_LIMIT_PERCENT),
        row("10 detections/s with our own model, no viewers: processor", without_stream, 8),
        row("the same with snapshots over MQTT: processor", with_stream),
        row("the same without snapshots, but drawing the simulated room itself: processor", drawing),
        Result(benchmark="watching", what="off: memory (VmRSS)", unit="MB", ours=off_mb),
        Result(benchmark="watching", what="on: memory (VmRSS)", unit="MB", ours=on_mb),
    ]


def percent_on(rig: Rig, mode: str, seconds: float, effort: Effort) -> float:
    """The share of one core in a mode, after some seconds of it."""
    rig.mode(mode)
    rig.settle(link=True)
    time.sleep(effort.choose(5, 3))
    used = percent(rig, seconds, effort)
    rate = rig.state()["detections_per_second"] or 0
    if rate < 9:
        raise BenchError(f"only {rate:.1f} detections a second")
    return used


def percent(rig: Rig, seconds: float, effort: Effort) -> float:
    """The share of one core that the bridge uses."""
    began, before = time.monotonic(), rig.cpu_seconds()
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(0.5)
        effort.tell(f"{passed:.0f} of {seconds:g} s")
    return 100 * (rig.cpu_seconds() - before) / passed
