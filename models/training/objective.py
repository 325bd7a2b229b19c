"""What training minimises: which cell answers for which object, how far its box is off, how sure it should be.

The assignment is task-aligned: a cell suits an object by its score for the class and the overlap of its box, so that
the cell that will win the suppression later is the one that learns. Published as TOOD (Feng et al., 2021) and complete
IoU (Zheng et al., 2020); written anew here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

CANDIDATES = 10  # cells that may answer for one object
SCORE_POWER, OVERLAP_POWER = 0.5, 6.0
FALLBACK_CELLS = 3  # nearest cells, for an object between all middles
BOX_WEIGHT = 7.5
TINY = 1e-7


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (..., left top right bottom) that broadcast."""
    width = (torch.minimum(a[..., 2], b[..., 2]) - torch.maximum(a[..., 0], b[..., 0])).clamp(min=0)
    height = (torch.minimum(a[..., 3], b[..., 3]) - torch.maximum(a[..., 1], b[..., 1])).clamp(min=0)
    shared = width * height
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return shared / (area_a + area_b - shared + TINY)


def complete_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union less the distance of the middles and the difference of the shapes."""
    plain = overlap(a, b)
    low = torch.minimum(a[..., :2], b[..., :2])
    high = torch.maximum(a[..., 2:], b[..., 2:])
    diagonal = ((high - low) ** 2).sum(-1) + TINY
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    slopes = [torch.atan((x[..., 2] - x[..., 0]) / (x[..., 3] - x[..., 1] + TINY)) for x in (a, b)]
    shape = 4 / math.pi**2 * (slopes[0] - slopes[1]) ** 2
    with torch.no_grad():
        weight = shape / (1 - plain + shape + TINY)
    return plain - apart / diagonal - weight * shape


@torch.no_grad()
def assign(
    scores: Tensor, boxes: Tensor, middles: Tensor, kinds: Tensor, truths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Which cells of one picture answer for which of its objects (at least one).

    Takes scores (cells, classes), boxes (cells, 4), middles (cells, 2), kinds (objects), truths (objects, 4). Returns
    the numbers of the cells, of their objects, and the score that each should have for its class.
    """
    overlaps = overlap(truths[:, None], boxes[None])
    suits = scores[:, kinds].T.clamp(min=0) ** SCORE_POWER * overlaps**OVERLAP_POWER
    x, y = middles[None, :, 0], middles[None, :, 1]
    inside = (x > truths[:, None, 0]) & (x < truths[:, None, 2]) & (y > truths[:, None, 1]) & (y < truths[:, None, 3])
    empty = ~inside.any(1)
    if empty.any():
        centre = (truths[empty, :2] + truths[empty, 2:]) / 2
        near = ((middles[None] - centre[:, None]) ** 2).sum(-1).topk(FALLBACK_CELLS, largest=False).indices
        inside[empty] = torch.zeros_like(inside[empty]).scatter_(1, near, value=True)
    suits = torch.where(inside, suits + 1e-9, torch.zeros_like(suits))
    best = suits.topk(min(CANDIDATES, suits.shape[1]), 1)
    chosen = torch.zeros_like(inside).scatter_(1, best.indices, best.values > 0)
    rivals = torch.where(chosen, overlaps + 1e-6, torch.full_like(overlaps, -1))
    owner = rivals.argmax(0)
    cell = (rivals.max(0).values > 0).nonzero(as_tuple=True)[0]
    thing = owner[cell]
    mine = torch.zeros_like(suits)
    mine[thing, cell] = suits[thing, cell]
    reach = torch.zeros_like(overlaps)
    reach[thing, cell] = overlaps[thing, cell]
    # The best cell of an object should score as high as its box is good, the others in proportion.
    wanted = mine[thing, cell] / (mine.max(1).values[thing] + TINY) * reach.max(1).values[thing]
    return cell, thing, wanted


def loss(logits: Tensor, boxes: Tensor, middles: Tensor, batch: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The loss of a batch: logits and boxes of the network, and for each picture its kinds and boxes."""
    scores = logits.detach().sigmoid()
    wanted = torch.zeros_like(logits)
    off, weights = [], []
    for number, (kinds, truths) in enumerate(batch):
        if len(kinds) == 0:
            continue
        cell, thing, score = assign(scores[number], boxes[number].detach(), middles, kinds, truths)
        wanted[number, cell, kinds[thing]] = score
        off.append(1 - complete_overlap(boxes[number, cell], truths[thing]))
        weights.append(score)
    total = wanted.sum().clamp(min=1.0)
    answer = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total
    if off:
        answer = answer + BOX_WEIGHT * (torch.cat(off) * torch.cat(weights)).sum() / total
    return answer
