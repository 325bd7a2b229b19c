"""From a camera frame to detections."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from bridges.vision.detection.families import PREPARATIONS
from bridges.vision.detection.labels import LabelError, wanted_labels
from bridges.vision.detection.letterbox import Letterbox
from bridges.vision.detection.model import Model, ModelError
from bridges.vision.detection.types import Detection


class Detector:
    """Letterbox, network and decoding in one. For one thread."""

    def __init__(
        self,
        model: Model,
        *,
        confidence: float = 0.25,
        iou: float = 0.45,
        only: Collection[str] = (),
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Prepare a network for frames.

        Args:
            model: the network.
            confidence: least score of a detection, 0 to 1; may be changed from frame to frame.
            iou: intersection over union above which two boxes of the same label are one object.
            only: labels to look for; empty: all that the network knows.
            timer: seconds, for `inference_s`.

        Raises:
            ModelError: it does not know one of the labels to look for.
        """
        self.model = model
        self.confidence = confidence
        self.iou = iou
        self.inference_s = 0.0
        """How long the network took for the newest frame."""
        self.damaged = 0
        """How many candidates were invalid since the start; a network that gives some is damaged or badly exported."""
        self._timer = timer
        self._letterbox = Letterbox(model.width, model.height, model.dtype, PREPARATIONS[model.family])
        try:
            self._wanted = wanted_labels(model.labels, only)
        except LabelError as error:
            raise ModelError(f"{model.path}: {error}") from None

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        """The objects in a frame (height, width, 3: blue, green, red; uint8), by falling score.

        Raises:
            FrameError: it is no such picture.
            ModelError: the network fails.
        """
        blob = self._letterbox.fill(frame)
        began = self._timer()
        outputs = self.model.outputs(blob)
        self.inference_s = self._timer() - began
        found = self.model.reading.read(outputs, self._wanted, confidence=self.confidence, iou=self.iou)
        self.damaged += found.damaged
        if not len(found.table):
            return []
        boxes = self._letterbox.to_frame(found.table[:, :4]).tolist()
        scores, numbers = found.table[:, 4].tolist(), found.table[:, 5].tolist()
        labels = self.model.labels
        return [
            Detection(labels[int(number)], score, (left, top, right, bottom))
            for (left, top, right, bottom), score, number in zip(boxes, scores, numbers, strict=True)
            if left < right and top < bottom  # else it lies in the grey bars
        ]
