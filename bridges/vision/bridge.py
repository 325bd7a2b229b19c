"""The vision bridge: the camera and what it sees as entities of Home Assistant and topics of MQTT.

Threads: the camera's (grabber), one that detects, one that sends snapshots, one for captures, and one for each client
of the live stream. None waits for another: each takes the newest frame when it has time.
"""

from __future__ import annotations

import logging
from typing import Self, cast

from bridges.vision.camera.base import make_camera, turned
from bridges.vision.camera.frames import Frame
from bridges.vision.camera.grabber import Grabber
from bridges.vision.captures import Captures
from bridges.vision.capturing import Capturing
from bridges.vision.detecting import Detecting
from bridges.vision.detection.pipeline import DetectionPipeline
from bridges.vision.frame_worker import FrameThread
from bridges.vision.jpeg import Encoder
from bridges.vision.measuring import Measuring
from bridges.vision.paths import capture_folder, socket_path
from bridges.vision.reporting import APPEARED, GONE, Reporting, presence_sensors
from bridges.vision.settings import LAST, MODE_WORDS, MODES, OFF, ON_WITH_STREAM, VisionSettings
from bridges.vision.stream import HTTP_INTERFACE, StreamError, StreamServer
from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.clock import Scheduler
from smartcar_mqtt.commands import DEFERRED, Request
from smartcar_mqtt.config import Config
from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.entities import (
    BinarySensor,
    Button,
    Camera,
    DeclarationError,
    Event,
    Image,
    Number,
    Select,
    Sensor,
    Stream,
    Switch,
)
from smartcar_mqtt.entities.signals import Picture
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.mqtt.snapshots import Snapshots
from smartcar_mqtt.state_store import StateStore
from smartcar_mqtt.untrusted.addresses import mask_address, mask_secrets

log = logging.getLogger(__name__)

SUMMARY = "The camera: what it sees, snapshots, captures, and the live picture for programs on the same machine."
CAPTURE_COMMAND = """\
`capture/set` takes `PRESS` or `{"id": ..., "source": ...}`; the event `captured` with that id follows when the
picture is stored: `event_type` is `captured`, with the fields of the list above, or `failed`, with `reason`.
Boxes are `[left, top, right, bottom]` in fractions of the picture; `position` is left, centre or right.
"""


class Vision(Bridge):
    """The camera: what it sees, snapshots, captures, and the live picture for programs on the same machine."""

    name = "vision"
    title = "Camera"
    about = f"{SUMMARY}\n\n{HTTP_INTERFACE}\n{CAPTURE_COMMAND}"
    settings_type = VisionSettings
    needs = ("numpy", "cv2")

    image = Camera(about="The newest picture of the camera, about one a second.", name="Snapshot", icon="mdi:camera")
    last_capture = Image(
        about="The picture of the last capture, with boxes around what was found.",
        content_type="image/jpeg",
        icon="mdi:image-check",
    )
    last_person = Image(
        about="The last picture with a person in it, with a box around the person.",
        content_type="image/jpeg",
        icon="mdi:image-account",
    )

    object_count = Sensor(
        about="How many objects the camera sees now; the attributes tell of each one.",
        name="Objects in view",
        state_class="measurement",
        precision=0,
        icon="mdi:shape",
        attributes=True,
    )
    last_object = Sensor(
        about="What has come into view last; the attributes say where and when.",
        icon="mdi:tag-search-outline",
        attributes=True,
    )
    person = BinarySensor(about="Whether the camera sees a person.", device_class="occupancy", urgent=True)
    sighting = Event(
        about="An object has come into view or has gone out of it.",
        name="Object",
        types=(APPEARED, GONE),
        trigger=True,
        icon="mdi:shape-plus",
    )
    captured = Event(
        about="A capture has been stored, or has failed.",
        name="Capture",
        types=("captured", "failed"),
        trigger=True,
        icon="mdi:camera-iris",
    )

    link = BinarySensor(
        about="Whether the camera sends pictures; the attributes say why not.",
        name="Camera",
        device_class="connectivity",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    frames_per_second = Sensor(
        about="How many pictures the camera sends a second.",
        unit="Hz",
        device_class="frequency",
        state_class="measurement",
        precision=1,
        category="diagnostic",
    )
    detections_per_second = Sensor(
        about="How many pictures a second are searched for objects.",
        unit="Hz",
        device_class="frequency",
        state_class="measurement",
        precision=1,
        category="diagnostic",
        enabled=False,
    )
    inference_time = Sensor(
        about="How long the search of one picture takes.",
        unit="ms",
        device_class="duration",
        state_class="measurement",
        precision=1,
        category="diagnostic",
    )
    frame_age = Sensor(
        about="How old a picture is when its search is done.",
        unit="ms",
        device_class="duration",
        state_class="measurement",
        precision=0,
        category="diagnostic",
    )
    backend = Sensor(about="What the detection is computed with.", category="diagnostic", icon="mdi:chip")
    model = Sensor(
        about="The model that detects, or what keeps it from detecting; the attributes name its classes.",
        category="diagnostic",
        icon="mdi:graph-outline",
        attributes=True,
    )
    drops = Sensor(
        about="Messages and pictures that the network was too slow for.",
        name="Dropped messages",
        attributes=True,
        state_class="total_increasing",
        precision=0,
        category="diagnostic",
        enabled=False,
        icon="mdi:image-off",
    )
    stream_socket = Sensor(
        about="Path of the Unix socket on which programs get the live picture.",
        category="diagnostic",
        enabled=False,
        icon="mdi:video-wireless",
        attributes=True,
    )

    objects = Stream(
        about="The objects in every picture that was searched, for programs.",
        example='{"objects":[{"id":3,"label":"person","score":0.91,"box":[0.41,0.2,0.55,0.93],"position":"centre"}],'
        '"frame":1234,"age_ms":38,"time":1767225600.123}',
    )

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        settings = self.settings = config.section("vision", VisionSettings)
        self._memory = StateStore.of(config, self.name)
        self.pipeline = DetectionPipeline(settings, self.clock)
        self.grabber = Grabber(
            lambda: make_camera(settings),
            scheduler,
            fps=settings.fps,
            frozen_after_s=settings.frozen_after,
            on_link=self._link_changed,
            turn=lambda image: turned(image, settings),
        )
        self.snapshots = Snapshots(
            config.mqtt, f"{broker.client_id}-pictures", on_room=self.grabber.wake, problems=broker.problems
        )
        self.plain, self.boxed = Encoder(settings.jpeg_quality), Encoder(settings.jpeg_quality)
        captures = Captures(
            capture_folder(config, settings),
            most=settings.capture_count,
            most_bytes=round(settings.capture_mb * 1_000_000),
        )
        self.server = StreamServer(socket_path(config, settings), self, self.grabber, captures, fps=settings.stream_fps)
        self._snapping = FrameThread(
            "snapshots",
            self.grabber,
            fps=settings.mqtt_fps or 1,
            work=self._show_snapshot,
            wanted=lambda: bool(settings.mqtt_fps) and not (self.hidden() or self.pause) and self.snapshots.has_room,
        )
        self._measuring = Measuring(
            scheduler,
            grabber=self.grabber,
            broker=broker,
            snapshots=self.snapshots,
            is_on=lambda: bool(self.mode != OFF),
            update=self.update,
            set_attributes=self.set_attributes,
        )
        reporting = Reporting(
            settings,
            self.clock,
            pipeline=self.pipeline,
            boxed=self.boxed,
            update=self.update,
            set_attributes=self.set_attributes,
            fire=self.sighting.fire,
            stream=self.objects.put,
            show_person=self.last_person.show,
        )
        self.detecting = Detecting(
            self.clock,
            grabber=self.grabber,
            fps=settings.target_fps,
            pipeline=self.pipeline,
            reporting=reporting,
            is_on=lambda: bool(self.mode != OFF and not self.pause),
            has_link=lambda: bool(self.link),
            count=self._measuring.count,
            update=self.update,
            set_attributes=self.set_attributes,
        )
        self._capturing = Capturing(
            settings,
            captures=captures,
            grabber=self.grabber,
            pipeline=self.pipeline,
            model_changed=self.detecting.show_model,
            show=self.last_capture.show,
            fire=self.captured.fire,
        )
        kept = self._memory.get("confidence", float, settings.confidence)
        confidence = kept if 0.05 <= kept <= 0.95 else settings.confidence
        self.pipeline.set_confidence(confidence)
        self.update(mode=OFF, pause=False, confidence=round(100 * confidence), drops=0)
        self.detecting.show_model()

    @classmethod
    def configured(cls, config: Config) -> type[Self]:
        """This class with a binary sensor for each class of `vision.occupancy`."""
        extra = presence_sensors(config.section("vision", VisionSettings))
        if not extra:
            return cls
        try:
            return cast("type[Self]", type(cls.__name__, (cls,), {**extra, "__doc__": cls.__doc__}))
        except DeclarationError as error:
            raise ConfigError(f"{config.source}: vision.occupancy: {error}") from None

    # -- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._open_stream()
        self.snapshots.start()
        self.detecting.start()
        self._snapping.start()
        start_mode = self.settings.start_mode
        self.set_mode(self._memory.get("mode", str, OFF) if start_mode == LAST else start_mode)

    def close(self) -> None:
        self._capturing.stop()
        self._measuring.stop()
        self.detecting.stop()
        self._snapping.stop()
        self.server.close()
        self.grabber.close()

    def goodbye(self) -> None:
        self.snapshots.stop()
        super().goodbye()

    def problem(self) -> str | None:
        return self.detecting.problem()

    def send(self, key: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send pictures over the snapshot connection, everything else over the bridge's own."""
        if isinstance(self.entities[key], Picture):
            self.snapshots.show(self.topics.channel(key), payload, retain=retain)
        else:
            super().send(key, payload, qos=qos, retain=retain)

    # -- commands ------------------------------------------------------------------------------------------------

    @Select(options=MODE_WORDS, icon="mdi:camera-switch")
    def mode(self, mode: str) -> None:
        """Switches the camera: off, detection alone, or detection with snapshots and live stream."""
        self.set_mode(mode)
        self._memory.set(mode=mode)

    @Switch(icon="mdi:pause-circle-outline")
    def pause(self, on: bool) -> None:
        """Keeps the camera open, but detects and shows nothing."""
        self.update(pause=on)
        if on:
            self.detecting.blind()
        self.grabber.wake()

    @Button(icon="mdi:camera-iris", immediate=True)
    def capture(self, request: Request) -> object:
        """Takes a fresh picture, detects on it, stores it, and tells all that on the event; also while off."""
        self._capturing.ask(request, self.clock.monotonic())
        return DEFERRED

    @Number(minimum=5, maximum=95, step=5, unit="%", category="config", mode="slider", icon="mdi:target")
    def confidence(self, percent: int) -> None:
        """Sets how sure the detector must be."""
        self.pipeline.set_confidence(percent / 100)
        self._memory.set(confidence=percent / 100)
        self.update(confidence=percent)

    def set_mode(self, mode: str) -> None:
        """Change the mode and open or close the camera."""
        if mode not in MODES:
            mode = OFF  # stored by another version
        self.update(mode=mode)
        if not self.server.is_open:
            self._open_stream()
        if mode == OFF:
            self.grabber.release("mode")
            self.detecting.blind()
        else:
            self.pipeline.retry()
            self.grabber.hold("mode")
            self._measuring.start()
        self.grabber.wake()

    def _open_stream(self) -> None:
        """Open the stream's socket; on failure the other functions work, and the next change of mode tries again."""
        try:
            self.server.open()
        except StreamError as error:
            log.error("no live stream: %s", error)
            self.set_attributes("stream_socket", problem=str(error))
        else:
            self.set_attributes("stream_socket", problem="")
            self.update(stream_socket=str(self.server.path))

    # -- what is shown -------------------------------------------------------------------------------------------

    def hidden(self) -> str:
        """Why there is no live picture now; empty: there is one, or there will be."""
        if self.mode != ON_WITH_STREAM:
            return f"the mode is {self.mode}; set it to {ON_WITH_STREAM}"
        return ""

    def paused(self) -> bool:
        """Whether the live picture stands still for now."""
        return bool(self.pause)

    def live_jpeg(self, frame: Frame, *, boxes: bool) -> bytes:
        """A frame as JPEG for the live stream, with or without boxes around what was found last."""
        seen = self.detecting.seen if boxes else None
        if seen is None or not seen.fresh:
            return self.plain.jpeg(frame)
        return self.boxed.jpeg(frame, seen.fresh, mark=seen.frame.number)

    def _show_snapshot(self, frame: Frame) -> None:
        """Send a frame, on the snapshots' thread; MQTT 5 carries its number and time beside it."""
        details = {"frame": str(frame.number), "captured_at": f"{frame.wall:.6f}"}
        self.snapshots.show(self.topics.channel("image"), self.plain.jpeg(frame), details=details)

    # -- the camera and the network ------------------------------------------------------------------------------

    def _link_changed(self, link: bool | None, reason: str) -> None:
        """Publish a change of the camera's link; called with the grabber's lock held."""
        device = self.settings.device
        shown = mask_address(device)
        self.set_attributes("link", source=self.settings.camera, device=shown, reason=mask_secrets(reason, device))
        self.update(link=link)
        if not link:
            self.detecting.blind()
