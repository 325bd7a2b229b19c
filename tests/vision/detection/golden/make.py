"""How the golden results in this folder were made: by the networks' own code, which shares nothing with ours.

It needs packages that the project does not, so it runs in a virtual environment of its own with torch 2.13.0,
torchvision 0.29.1, transformers 5.24.0, rfdetr 1.11.2, opencv-python-headless, thop, loguru, tabulate, psutil and
pycocotools. YOLOX 0.3.0 is on the path as its unpacked source archive, which needs no building:

    PYTHONPATH=yolox-0.3.0 python make.py
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from PIL import Image
from rfdetr.export._runtime.preprocess import preprocess_to_nchw
from rfdetr.models.postprocess import PostProcess
from torchvision.ops import batched_nms
from transformers import RTDetrImageProcessor
from yolox.data.data_augment import preproc
from yolox.utils.demo_utils import demo_postprocess

FOLDER = Path(__file__).parent
CONFIDENCE, IOU = 0.3, 0.45


def save(name: str, **arrays: object) -> None:
    """Store inputs and results."""
    np.savez_compressed(FOLDER / f"{name}.npz", **{key: np.asarray(value) for key, value in arrays.items()})


def yolox(name: str, width: int, height: int, labels: int, seed: int) -> None:
    """Grid and scores by YOLOX, suppression by torchvision."""
    random = np.random.default_rng(seed)
    count = sum((width // stride) * (height // stride) for stride in (8, 16, 32))
    raw = np.empty((1, count, 5 + labels), np.float32)
    raw[..., :2] = random.normal(0.5, 0.6, (1, count, 2))
    raw[..., 2:4] = random.normal(0.8, 0.5, (1, count, 2))
    raw[..., 4:] = random.beta(0.6, 0.9, (1, count, 1 + labels))
    decoded = demo_postprocess(raw.copy(), (height, width))[0]
    scores = decoded[:, 4:5] * decoded[:, 5:]
    best, kinds = scores.max(axis=1), scores.argmax(axis=1)
    enough = best >= CONFIDENCE
    boxes = np.concatenate([decoded[:, :2] - decoded[:, 2:4] / 2, decoded[:, :2] + decoded[:, 2:4] / 2], axis=1)
    boxes, best, kinds = boxes[enough], best[enough], kinds[enough]
    kept = batched_nms(torch.tensor(boxes), torch.tensor(best), torch.tensor(kinds), IOU).numpy()
    save(
        name,
        output=raw,
        size=(width, height),
        decoded=decoded,
        boxes=boxes[kept],
        scores=best[kept],
        numbers=kinds[kept],
    )


def rt_detr(name: str, queries: int, classes: int, size: tuple[int, int], seed: int) -> None:
    """RT-DETR and D-FINE, by transformers."""
    random = np.random.default_rng(seed)
    logits = torch.tensor(random.normal(-2.5, 2, (1, queries, classes)).astype(np.float32))
    boxes = torch.tensor(
        np.concatenate([random.uniform(0.2, 0.8, (queries, 2)), random.uniform(0.05, 0.3, (queries, 2))], axis=1)[
            None
        ].astype(np.float32)
    )
    outputs = SimpleNamespace(logits=logits, pred_boxes=boxes)
    width, height = size
    (found,) = RTDetrImageProcessor().post_process_object_detection(
        outputs, threshold=CONFIDENCE, target_sizes=[(height, width)]
    )
    save(
        name,
        logits=logits,
        pred_boxes=boxes,
        size=size,
        boxes=found["boxes"],
        scores=found["scores"],
        numbers=found["labels"],
    )


def rf_detr(name: str, queries: int, seed: int) -> None:
    """RF-DETR with COCO's own numbers, by rfdetr."""
    random = np.random.default_rng(seed)
    logits = torch.tensor(random.normal(-6, 3, (1, queries, 91)).astype(np.float32))
    boxes = torch.tensor(
        np.concatenate([random.uniform(0.2, 0.8, (queries, 2)), random.uniform(0.05, 0.3, (queries, 2))], axis=1)[
            None
        ].astype(np.float32)
    )
    (found,) = PostProcess(num_select=300)(
        {"pred_logits": logits, "pred_boxes": boxes}, target_sizes=torch.tensor([[384, 384]])
    )
    enough = found["scores"] >= CONFIDENCE
    save(
        name,
        dets=boxes,
        labels=logits,
        size=(384, 384),
        boxes=found["boxes"][enough],
        scores=found["scores"][enough],
        numbers=found["labels"][enough],
    )


def pictures() -> None:
    """A frame (blue, green, red), and what each family makes of it."""
    random = np.random.default_rng(7)
    frame = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (40, 28), interpolation=cv2.INTER_CUBIC)
    yolox_blob, _ = preproc(frame, (64, 64))
    yolox_smaller, _ = preproc(frame, (32, 32))
    red_first = Image.fromarray(np.ascontiguousarray(frame[:, :, ::-1]))
    processor = RTDetrImageProcessor(size={"height": 64, "width": 64})
    d_fine_blob = processor(red_first, return_tensors="np")["pixel_values"]
    save(
        "pictures",
        frame=frame,
        yolox=yolox_blob[None],
        yolox_smaller=yolox_smaller[None],
        d_fine=d_fine_blob,
        rf_detr=preprocess_to_nchw(red_first, 64, 64, 3),
        rf_detr_smaller=preprocess_to_nchw(red_first, 32, 32, 3),
    )


if __name__ == "__main__":
    yolox("yolox_square", 96, 96, 3, 1)
    yolox("yolox_wide", 160, 96, 5, 2)
    rt_detr("rt_detr", 60, 6, (640, 640), 3)
    rt_detr("rt_detr_three_classes", 40, 3, (640, 480), 4)
    rf_detr("rf_detr", 40, 5)
    pictures()
