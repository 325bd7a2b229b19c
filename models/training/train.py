"""Trains the detector of the simulated world and writes it as ONNX: `python -m models.training.train`.

Every picture is rendered for it, in a second process; nothing is downloaded or stored. One thread learns. The same
seed, versions and machine give the same weights.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
import multiprocessing
import queue
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from models.training.evaluate import Found, average_precision, decoded, mean
from models.training.network import Detector, fused
from models.training.objective import loss
from models.training.scenes import Sample, samples
from smartcar_mqtt.simulator.camera.renderer import FOUND_KINDS, Frame

INPUT = (320, 240)  # columns, rows: half the camera's picture
VALIDATION_SEED = 900_001
KEPT_PICTURES = 1024  # drawn ones that wait in memory to be mixed
USES = 2  # how often each drawn picture is learnt from, the second time mirrored
WARM_UP_STEPS = 100
LAYOUT = torch.channels_last  # half as long again in the other one
SHARE_OF_OLD = 0.998  # of the moving average of the weights
Learnt = tuple[Frame, list[int], list[tuple[float, float, float, float]]]


def tell(line: str) -> None:
    """One line for whoever waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def drawn(seed: int) -> Iterator[Learnt]:
    """Pictures at the size of the input: half drawn at that size, half at the camera's and scaled down."""
    large, small = samples(2 * seed), samples(2 * seed + 1, INPUT)
    while True:
        for sample in (next(large), next(small)):
            yield learnt(sample)


def drawn_elsewhere(seed: int) -> Iterator[Learnt]:
    """The same, drawn by a process of its own, in the same order."""
    context = multiprocessing.get_context("spawn")
    pictures: multiprocessing.Queue[Learnt] = context.Queue(maxsize=64)
    context.Process(target=_draw_into, args=(pictures, seed), daemon=True).start()
    while True:
        yield pictures.get()


def _draw_into(pictures: multiprocessing.Queue[Learnt], seed: int) -> None:
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    for picture in drawn(seed):
        while True:
            try:
                pictures.put(picture, timeout=10)
                break
            except queue.Full:  # it has enough for now, or has been killed
                if parent is None or not parent.is_alive():
                    return


def learnt(sample: Sample) -> Learnt:
    """A sample at the size of the input, as planes of red, green and blue."""
    factor = INPUT[0] / sample.frame.shape[1]
    frame = sample.frame if factor == 1 else cv2.resize(sample.frame, INPUT, interpolation=cv2.INTER_LINEAR)
    boxes = [
        (each.left * factor, each.top * factor, each.right * factor, each.bottom * factor) for each in sample.labels
    ]
    planes = np.ascontiguousarray(frame[:, :, ::-1].transpose(2, 0, 1))
    return planes, [FOUND_KINDS.index(each.kind) for each in sample.labels], boxes


def mirrored(picture: Learnt) -> Learnt:
    """The picture as in a mirror."""
    planes, kinds, boxes = picture
    return planes[:, :, ::-1], kinds, [(INPUT[0] - right, top, INPUT[0] - left, low) for left, top, right, low in boxes]


def batches(seed: int, size: int) -> Iterator[tuple[Tensor, list[tuple[Tensor, Tensor]]]]:
    """Mixed batches: pictures wait in a pool, so that those of one room do not come together."""
    source, chance = drawn_elsewhere(seed), random.Random(seed)  # noqa: S311 - pictures, not a secret
    pool: list[tuple[Learnt, int]] = [(next(source), USES) for _ in range(KEPT_PICTURES // 4)]
    while True:
        batch = []
        for _ in range(size):
            spot = chance.randrange(len(pool))
            picture, left = pool[spot]
            batch.append(picture if left == USES else mirrored(picture))
            pool[spot] = (picture, left - 1) if left > 1 else (next(source), USES)
        if len(pool) < KEPT_PICTURES:
            pool.extend((next(source), USES) for _ in range(4))
        frames = torch.from_numpy(np.stack([planes for planes, _, _ in batch]))
        truths = [
            (torch.tensor(kinds, dtype=torch.long), torch.tensor(boxes).reshape(-1, 4)) for _, kinds, boxes in batch
        ]
        yield frames.to(torch.float32, memory_format=LAYOUT).div_(255), truths


def validated(model: Detector, pictures: list[Sample]) -> dict[str, float]:
    """Average precision on those pictures."""
    model.eval()
    results: list[tuple[Sample, Found]] = []
    with torch.no_grad():
        for sample in pictures:
            planes, _, _ = learnt(sample)
            blob = torch.from_numpy(planes)[None].float() / 255
            factor = sample.frame.shape[1] / INPUT[0]
            results.append((sample, decoded(model(blob)[0].numpy(), factor, factor)))
    return average_precision(results)


def rate_at(step: int, steps: int, highest: float) -> float:
    """Learning rate: a straight warm-up, then half a cosine down to a fiftieth."""
    if step < WARM_UP_STEPS:
        return highest * (step + 1) / WARM_UP_STEPS
    share = (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS)
    return highest * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))


def train(steps: int, batch_size: int, highest_rate: float, seed: int) -> Detector:
    """The moving average of the weights after that many steps."""
    torch.manual_seed(seed)
    model = Detector(len(FOUND_KINDS), INPUT).to(memory_format=LAYOUT)
    tell(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    average = copy.deepcopy(model).requires_grad_(requires_grad=False)
    normal = [each for each in model.parameters() if each.ndim > 1]
    other = [each for each in model.parameters() if each.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": normal, "weight_decay": 0.01}, {"params": other, "weight_decay": 0.0}])
    validation_source = samples(VALIDATION_SEED)
    validation = [next(validation_source) for _ in range(200)]
    middles = model.middles.T.contiguous()
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    old, new = zip(*[(a, b) for a, b in pairs if a.dtype.is_floating_point], strict=True)
    model.train()
    start, running = time.monotonic(), 0.0
    for step, (frames, truths) in zip(range(steps), batches(seed, batch_size), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, steps, highest_rate)
        logits, boxes = model(frames)
        value = loss(logits, boxes, middles, truths)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        running = float(value.detach()) if step == 0 else 0.98 * running + 0.02 * float(value.detach())
        keep = min(SHARE_OF_OLD, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(old, new, 1 - keep)
        if (step + 1) % 500 == 0 or step + 1 == steps:
            figures = validated(average, validation)
            tell(
                f"step {step + 1}, {(time.monotonic() - start) / 60:.1f} min, loss {running:.3f}, "
                f"mAP@0.5 {mean(figures):.3f} { ({kind: round(value, 3) for kind, value in figures.items()}) }",
            )
    return average


def export(model: Detector, path: Path) -> None:
    """Write the network, with its labels and its checksum beside it."""
    network = fused(model).to(memory_format=torch.contiguous_format)
    torch.onnx.export(
        network, (torch.zeros(1, 3, INPUT[1], INPUT[0]),), str(path), opset_version=17, dynamo=False,
        input_names=["images"], output_names=["output0"], do_constant_folding=True,
    )  # fmt: skip
    path.with_suffix(".txt").write_text("\n".join(FOUND_KINDS) + "\n", encoding="utf-8")
    data = path.read_bytes()
    checksum = hashlib.sha256(data).hexdigest()
    path.with_suffix(".sha256").write_text(f"{checksum}  {path.name}\n", encoding="utf-8")
    tell(f"{path}: {len(data):,} bytes, sha256 {checksum}")


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4800)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("models/world.onnx"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.use_deterministic_algorithms(mode=True)
    torch.set_flush_denormal(True)
    export(train(options.steps, options.batch, options.rate, options.seed), options.output)


if __name__ == "__main__":
    main()
