"""Families of detectors: how each wants its picture. Pure.

| family | networks | picture |
|---|---|---|
| `yolo` | YOLOv5, v8, YOLO11, YOLO26, our own | red first, 0 to 1, letterbox with the picture in the middle |
| `yolox` | YOLOX | blue first, 0 to 255, letterbox with the picture in the upper left corner |
| `d_fine` | D-FINE, RT-DETR, DEIM | red first, 0 to 1, stretched to the network's size |
| `rf_detr` | RF-DETR | red first, normalised by mean and deviation of ImageNet, stretched |

Sources: `ultralytics/data/augment.py`; `yolox/data/data_augment.py`; `tools/inference/onnx_inf.py` of D-FINE;
`rfdetr/export/_onnx/inference.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

GREY_LEVEL: Final = 114
"""Of a letterbox's bars, 0 to 255, as in the networks' training."""
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION: Final = (0.229, 0.224, 0.225)
"""Red, green, blue; of pixels from 0 to 1."""


class Family(enum.StrEnum):
    """Networks that are fed alike."""

    YOLO = "yolo"
    YOLOX = "yolox"
    D_FINE = "d_fine"
    RF_DETR = "rf_detr"


class Fit(enum.Enum):
    """How a picture is fitted into the network's input."""

    CENTRED = enum.auto()
    """Scaled without distortion, grey bars on both sides."""
    CORNER = enum.auto()
    """Scaled without distortion, the grey bar on the right or below."""
    STRETCHED = enum.auto()
    """Scaled to the input's width and height."""


class Preparation(msgspec.Struct, frozen=True):
    """What becomes of a picture's bytes: `value * scale + offset` for each channel, in the network's order."""

    fit: Fit
    blue_first: bool = False
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def grey(self, width: int, height: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """The network's input for a picture that is grey all over, (1, 3, height, width)."""
        level = GREY_LEVEL * np.array(self.scale) + np.array(self.offset)
        return np.broadcast_to(level.reshape(1, 3, 1, 1), (1, 3, height, width)).astype(dtype)


UNIT: Final = (1 / 255, 1 / 255, 1 / 255)
RED, GREEN, BLUE = range(3)
PREPARATIONS: Final[dict[Family, Preparation]] = {
    Family.YOLO: Preparation(Fit.CENTRED, scale=UNIT),
    Family.YOLOX: Preparation(Fit.CORNER, blue_first=True),
    Family.D_FINE: Preparation(Fit.STRETCHED, scale=UNIT),
    Family.RF_DETR: Preparation(
        Fit.STRETCHED,
        scale=(
            1 / (255 * IMAGENET_DEVIATION[RED]),
            1 / (255 * IMAGENET_DEVIATION[GREEN]),
            1 / (255 * IMAGENET_DEVIATION[BLUE]),
        ),
        offset=(
            -IMAGENET_MEAN[RED] / IMAGENET_DEVIATION[RED],
            -IMAGENET_MEAN[GREEN] / IMAGENET_DEVIATION[GREEN],
            -IMAGENET_MEAN[BLUE] / IMAGENET_DEVIATION[BLUE],
        ),
    ),
}

QUERY_FAMILIES: Final = (Family.D_FINE, Family.RF_DETR)
"""Those that give a list of boxes, each of them once: no suppression."""
QUERY_NAMES: Final = ({"logits", "pred_boxes"}, {"pred_logits", "pred_boxes"}, {"labels", "boxes", "scores"})
RF_DETR_NAMES: Final = {"dets", "labels"}


def family_of_names(outputs: Collection[str]) -> Family | None:
    """The family that the names of a network's outputs tell, as its exporter writes them; None: they tell nothing."""
    names = set(outputs)
    if names >= RF_DETR_NAMES:
        return Family.RF_DETR
    if any(names >= known for known in QUERY_NAMES):
        return Family.D_FINE
    return None
