"""Section `vision` of the configuration."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, field

from smartcar_mqtt.config import Section, SimulatedCar

Label = Annotated[str, Meta(min_length=1, max_length=100)]
Side = Annotated[int, Meta(ge=32, le=4096)]
Rate = Annotated[float, Meta(gt=0, le=120)]

OFF: Final = "off"
ON_NO_STREAM: Final = "on_no_stream"
ON_WITH_STREAM: Final = "on_with_stream"
MODE_WORDS: Final = {OFF: "Off", ON_NO_STREAM: "Detect only", ON_WITH_STREAM: "Detect and stream"}
"""The modes, each with the words that Home Assistant shows for it."""
MODES = tuple(MODE_WORDS)
LAST: Final = "last"


class VisionSettings(Section, frozen=True):
    """What the vision bridge can be told. Times in s unless a name says otherwise."""

    camera: Literal["picamera2", "v4l2", "simulated"] = "picamera2"
    """Whose pictures: the Pi's camera, whatever OpenCV reads, or the simulated room's."""
    device: str = ""
    """picamera2: number of the camera; v4l2: device, file or address; simulated: the simulator's host:port."""
    width: Side = 640
    height: Side = 480
    """Size of the picture that is asked of the camera, before it is turned; some give another one."""
    fps: Annotated[float, Meta(ge=1, le=120)] = 15
    """Frames a second that are asked of the camera."""
    rotation: Literal[0, 90, 180, 270] = 0
    """How far the picture is turned clockwise, in degrees."""
    flip_horizontal: bool = False
    """Left and right exchanged, after turning."""
    flip_vertical: bool = False
    """Top and bottom exchanged, after turning."""
    exposure_us: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """How long each picture is exposed, in microseconds; 0: automatic."""
    gain: Annotated[float, Meta(ge=0, le=64)] = 0
    """How much the sensor's signal is amplified; 0: automatic."""
    loop: bool = True
    """Whether a video file begins anew at its end; else its end is a camera that is lost."""
    frozen_after: Annotated[float, Meta(ge=0.2, le=60)] = 1.0
    """How long no new picture may come before the camera counts as frozen.

    New is what has a later time stamp. Where a camera gives none, a picture counts as new when its content differs;
    files may show the same for ever.
    """
    start_mode: Literal["off", "on_no_stream", "on_with_stream", "last"] = OFF
    """Mode after a start; "last": the one that was set before."""
    model: str = "world"
    """The network (ONNX): a path, or the name of one that is in models/ or was fetched; empty: nothing is detected.

    The default one knows the simulated world alone; for a real camera fetch or export another one.
    """
    labels: str = ""
    """File with the network's labels, one in each line; empty: the .txt file beside the model, else those inside it."""
    family: Literal["auto", "yolo", "yolox", "d_fine", "rt_detr", "rf_detr"] = "auto"
    """How the network is fed and read: colours, scale, shape of the output; auto finds out by names and shapes."""
    classes: list[Label] = field(default_factory=list)
    """The only classes that are looked for; none: all that the model knows."""
    confidence: Annotated[float, Meta(ge=0.05, le=0.95)] = 0.4
    """How sure the detector must be, 0 to 1, until somebody sets another value."""
    iou: Annotated[float, Meta(ge=0.05, le=0.95)] = 0.45
    """How much two boxes of a class may overlap (intersection over union) before they are one object."""
    threads: Annotated[int, Meta(ge=1, le=16)] = 1
    """Processor cores that one detection may take."""
    target_fps: Rate = 10
    """Most detections a second."""
    occupancy: list[Label] = field(default_factory=list)
    """Classes besides person that get a binary sensor of their own."""
    off_delay: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    """How long a class counts as present after it was last seen."""
    stream_fps: Rate = 15
    """Most frames a second of the live stream."""
    jpeg_quality: Annotated[int, Meta(ge=10, le=100)] = 80
    """Quality of all JPEG pictures."""
    mqtt_fps: Annotated[float, Meta(ge=0, le=30)] = 1
    """Snapshots a second over MQTT; Home Assistant shows two at most. 0: none."""
    socket: str = ""
    """The live stream's Unix socket; empty: in $RUNTIME_DIRECTORY, else among what survives a restart."""
    capture_directory: str = ""
    """Folder of the captures; empty: beside what survives a restart."""
    capture_count: Annotated[int, Meta(ge=1, le=100_000)] = 200
    """Most captures that are kept."""
    capture_mb: Annotated[float, Meta(ge=1, le=1_000_000)] = 200
    """Most megabytes that they may take together."""

    @classmethod
    def for_demo(cls, car: SimulatedCar) -> dict[str, Any]:
        """What the demo has in place of the hardware."""
        return {"camera": "simulated", "device": car.control, "start_mode": "on_with_stream"}
