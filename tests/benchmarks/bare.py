"""The bare minimum: the least programs that do what a bridge does, and the other parties that a measurement needs.

Each is a process of its own, started as `python -m tests.benchmarks.bare NAME PORT ...`, and tells by the retained
message `online` on `bare/NAME` that it is ready.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import paho.mqtt.client as paho
import serial
from paho.mqtt.enums import CallbackAPIVersion

HOST = "127.0.0.1"
FRAME_BYTES = 50_000
FRAMES_PER_SECOND = 15
FRAME_TOPIC = "video/frame"


def client(port: int, name: str) -> paho.Client:
    """A plain paho client, connected, with everything else at its default."""
    found = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"bare-{name}", protocol=paho.MQTTv5)
    found.connect(HOST, port)
    return found


def ready_after_subscription(found: paho.Client, name: str) -> None:
    """Tell that this program is ready as soon as the broker has confirmed what it subscribes to."""

    def on_subscribe(*_: object) -> None:
        found.publish(f"bare/{name}", b"online", qos=1, retain=True)

    found.on_subscribe = on_subscribe


def relay(port: int, device: str, topic: str) -> None:
    """Write the payload of each message to the serial line, and nothing else."""
    line = os.open(device, os.O_RDWR | os.O_NOCTTY)
    found = client(port, "relay")

    def on_message(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        os.write(line, message.payload.upper() + b"\n")

    found.on_message = on_message
    ready_after_subscription(found, "relay")
    found.subscribe(topic, qos=1)
    found.loop_forever()


def plain(port: int, device: str, base: str) -> None:
    """A motion bridge as one would write it first: commands in, results and telemetry out, paho as it comes."""
    line = serial.Serial(device, 115200)
    found = client(port, "plain")

    def on_message(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        line.write(message.payload.upper() + b"\n")

    found.on_message = on_message
    ready_after_subscription(found, "plain")
    found.subscribe(f"{base}/drive/set", qos=1)
    found.loop_start()
    while received := line.readline():
        if received.startswith(b"ACK:"):
            found.publish(f"{base}/result", b'{"command":"drive","status":"done"}', qos=1)
        elif received.startswith(b"DATA:"):
            found.publish(f"{base}/telemetry", received)


def wall(port: int, device: str) -> None:
    """Read lines with pyserial and write STOP at each one that tells of something near."""
    line = serial.Serial(device, 115200)
    found = client(port, "wall")
    found.loop_start()
    found.publish("bare/wall", b"online", qos=1, retain=True)
    while received := line.readline():
        if b"OBSTACLE:1" in received or b"WARNING:1" in received:
            line.write(b"STOP\n")


def video(port: int) -> None:
    """Publish frames from SIGUSR1 to SIGUSR2, as a camera does that has no stream of its own."""
    running = False

    def switch(number: int, _frame: object) -> None:
        nonlocal running
        running = number == signal.SIGUSR1

    signal.signal(signal.SIGUSR1, switch)
    signal.signal(signal.SIGUSR2, switch)
    found = client(port, "video")
    found.loop_start()
    found.publish("bare/video", b"online", qos=1, retain=True)
    frame = os.urandom(FRAME_BYTES)
    due = time.monotonic()
    while True:
        if running:
            found.publish(FRAME_TOPIC, frame)
        due = max(due + 1 / FRAMES_PER_SECOND, time.monotonic())
        time.sleep(due - time.monotonic())


def viewer(port: int) -> None:
    """Take in the frames, as a page or Home Assistant does."""
    found = client(port, "viewer")
    ready_after_subscription(found, "viewer")
    found.subscribe(FRAME_TOPIC)
    found.loop_forever()


def count(port: int, topic: str) -> None:
    """Count telemetry; each message on `bare/ask` is answered with count and disorder so far on `bare/counted`.

    The gas value goes up by one from line to line, modulo 500: that shows what was lost or came twice.
    """
    found = client(port, "count")
    received = disordered = 0
    expected: int | None = None

    def on_message(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        nonlocal received, disordered, expected
        if message.topic == "bare/ask":
            found.publish("bare/counted", b"%d %d" % (received, disordered), qos=1)
            if message.payload == b"reset":
                received = disordered = 0
                expected = None
            return
        received += 1
        number = int(message.payload.partition(b'"gas":')[2].partition(b",")[0])
        disordered += expected is not None and number != expected
        expected = (number + 1) % 500

    found.on_message = on_message
    ready_after_subscription(found, "count")
    found.subscribe([(topic, 0), ("bare/ask", 1)])
    found.loop_forever()


PROGRAMS = {program.__name__: program for program in (relay, plain, wall, video, viewer, count)}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
