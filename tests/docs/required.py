"""What each picture of the documents has to show; every picture in `docs/` is here."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from bridges.display.face.themes import THEMES
from bridges.display.sheet import contact_sheet as faces_sheet
from bridges.led.preview.sheet import contact_sheet as effects_sheet
from bridges.vision.detection.detector import Detector
from bridges.vision.detection.model import Model
from tests.docs import shown

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
SMALL_DIFFERENCE = 6.0
"""Mean difference, of 255, that another version of fonts or of cairo may make to a sheet."""


class Page(NamedTuple):
    """A page of Home Assistant, and what its picture has to show."""

    path: str
    width: int
    highest: int
    """The picture is as high as the page, up to this."""
    texts: Sequence[str]
    pictures: Sequence[str]
    """Parts of the addresses of its pictures."""
    laid_out: int = 0
    """Width that the page is laid out for, if more than is shown of it."""


DEVICES = ("Smart car", "Smart car Camera", "Smart car Face display", "Smart car LED ring")
CAR = ("Emergency stop", "Forward", "Distance center", "Motion", "Warning zone")
PAGES = {
    "home-assistant.png": Page(
        "/lovelace/0",
        width=1280,
        highest=2400,
        texts=(*DEVICES, *CAR, "Objects in view", "Expression", "Ring light"),
        pictures=(
            "/camera_proxy/camera.smart_car_camera",
            "/image_proxy/image.smart_car_face_display",
            "/image_proxy/image.smart_car_led_ring",
            "/image_proxy/image.smart_car_radar",
        ),
    ),
    "home-assistant-device.png": Page(
        "/config/devices/device/{device}",
        width=672,
        highest=1540,
        texts=("Robot car", "Controls", "Sensors", *CAR),
        pictures=(),
        laid_out=1010,  # in three columns, of which the last is empty
    ),
}
"""Pages of Home Assistant in their files."""

BRIDGES = ("motion", "led", "display", "vision")
TERMINALS = {
    "demo.svg": (*BRIDGES, "broker", "ESP32", "Ready after", "mosquitto_pub", "smartcar watch"),
    "watch.svg": (*BRIDGES, "Distance center", "forward", "Expression", "Ring light", "Objects in view"),
}
"""Words in pictures of a terminal."""

SEEN = {"camera.jpg": {"person", "ball"}}
"""What the car's own network finds again in a picture of its camera."""

SHEETS: dict[str, Callable[[], bytes]] = {
    "led-effects.png": lambda: effects_sheet(16),
    "faces.png": lambda: faces_sheet(THEMES["dark"]),
}
"""Sheets that are drawn without a car, and what draws them."""


def pictures() -> list[str]:
    """All pictures that are required."""
    return sorted([*PAGES, *TERMINALS, *SEEN, *SHEETS])


def shortcomings(folder: Path = DOCS) -> list[str]:
    """What any picture fails to show, a sentence for each."""
    return [sentence for name in pictures() for sentence in shortcomings_of(folder / name)]


def shortcomings_of(path: Path) -> list[str]:
    """What one picture fails to show, by its name; empty where all is well."""
    if not path.exists():
        return [f"{path.name} is missing; run: make pictures"]
    if path.name in PAGES:
        lost = _page(path, PAGES[path.name])
    elif path.name in TERMINALS:
        words = _words(path)
        lost = [f"the text {text!r}" for text in TERMINALS[path.name] if text not in words]
    elif path.name in SEEN:
        lost = [f"a {label}" for label in sorted(SEEN[path.name] - _labels(path))]
    else:
        lost = _difference(path, SHEETS[path.name]())
    return [f"{path.name} does not show {what}; run: make pictures" for what in lost]


def _page(path: Path, page: Page) -> list[str]:
    image, places = shown.load(path)
    with image:
        if image.width != page.width:
            return [f"a page that is {page.width} pixels wide"]
        return shown.missing(image, places, texts=page.texts, pictures=page.pictures)


def _words(path: Path) -> str:
    """All text of an SVG, as a reader sees it."""
    texts = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(text.itertext()).replace("\xa0", " ") for text in texts)


def _labels(path: Path) -> set[str]:
    """What the network that is shipped finds in a picture."""
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return set()
    detector = Detector(Model(PROJECT / "models/world.onnx", labels=PROJECT / "models/world.txt"), confidence=0.4)
    return {found.label for found in detector.detect(picture.astype(np.uint8))}


def _difference(path: Path, drawn: bytes) -> list[str]:
    with Image.open(path) as image, Image.open(io.BytesIO(drawn)) as fresh:
        if image.size != fresh.size:
            return [f"what is drawn now: {fresh.width} x {fresh.height} pixels"]
        pair = [np.asarray(picture.convert("RGB"), dtype=np.int16) for picture in (image, fresh)]
    mean = float(np.abs(pair[0] - pair[1]).mean())
    return [f"what is drawn now (mean difference {mean:.1f})"] if mean > SMALL_DIFFERENCE else []
