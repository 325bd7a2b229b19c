"""The network: residual blocks of one narrow pair of 3x3, three scales joined by sums, one head a scale.

In: (batch, 3, 240, 320), red green blue, 0 to 1. Out: (batch, 4 + classes, cells); each column is a cell with the
middle and the size of its box in pixels of the input, then the score of each class.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
WIDTHS = (32, 48, 80)  # multiples of 16: what a processor's vector units like
HEAD_WIDTH = 32
LARGEST_LOG = 6.0  # exp of it in strides is beyond any picture


class Unit(nn.Module):
    """Convolution, batch norm, leaky rectifier: what a run-time fuses into one step."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return functional.leaky_relu(self.norm(self.conv(x)), 0.1, inplace=True)


class Narrow(nn.Module):
    """Adds to its input what a pair of 3x3 units finds through half as many channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pair = nn.Sequential(Unit(width, width // 2), Unit(width // 2, width))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return x + self.pair(x)


class Surroundings(nn.Module):
    """Adds to each place what the whole picture is like."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return x + functional.leaky_relu(self.mix(x.mean((2, 3), keepdim=True)), 0.1)


class Detector(nn.Module):
    """The whole network; in training it returns its raw parts, else the output that is exported."""

    def __init__(self, classes: int, size: tuple[int, int]) -> None:
        """For that many classes and pictures of (columns, rows)."""
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.stem = nn.Sequential(Unit(3, 16, 3, 2), Unit(16, 16, 3, 2))
        self.down8 = nn.Sequential(Unit(16, fine, 3, 2), Narrow(fine))
        self.down16 = nn.Sequential(Unit(fine, middle, 3, 2), Narrow(middle), Narrow(middle))
        self.down32 = nn.Sequential(Unit(middle, coarse, 3, 2), Narrow(coarse), Narrow(coarse), Surroundings(coarse))
        self.up16, self.up8 = Unit(coarse, middle, 1), Unit(middle, fine, 1)
        self.join16, self.join8 = Narrow(middle), Narrow(fine)
        self.back16, self.back32 = Unit(fine, middle, 3, 2), Unit(middle, coarse, 3, 2)
        self.last16, self.last32 = Narrow(middle), Narrow(coarse)
        self.heads = nn.ModuleList(
            nn.Sequential(Unit(width, HEAD_WIDTH), nn.Conv2d(HEAD_WIDTH, 4 + classes, 1)) for width in WIDTHS
        )
        for head in self.heads:
            last = head[-1]
            nn.init.zeros_(last.bias)
            last.bias.data[:4] = 0.7
            last.bias.data[4:] = -4.6  # one cell in a hundred holds something
        middles, strides = cells(size)
        self.register_buffer("middles", middles)
        self.register_buffer("strides", strides)

    def forward(self, picture: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """In training: class logits (batch, cells, classes) and boxes (batch, cells, left top right bottom)."""
        fine = self.down8(self.stem(picture))
        middle = self.down16(fine)
        coarse = self.down32(middle)
        middle = self.join16(middle + _grown(self.up16(coarse), middle))
        fine = self.join8(fine + _grown(self.up8(middle), fine))
        middle = self.last16(middle + self.back16(fine))
        coarse = self.last32(coarse + self.back32(middle))
        raw = torch.cat([head(x).flatten(2) for head, x in zip(self.heads, (fine, middle, coarse), strict=True)], 2)
        reach = raw[:, :4].clamp(-LARGEST_LOG, LARGEST_LOG).exp() * self.strides
        low, high = self.middles - reach[:, :2], self.middles + reach[:, 2:]
        if self.training:
            return raw[:, 4:].transpose(1, 2), torch.cat([low, high], 1).transpose(1, 2)
        return torch.cat([(low + high) / 2, high - low, raw[:, 4:].sigmoid()], 1)


def _grown(x: Tensor, like: Tensor) -> Tensor:
    """Twice as large, cut to the size of the other: 15 rows become 8, and 8 become 15 again."""
    grown = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    return grown[:, :, : like.shape[2], : like.shape[3]]


def cells(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Middles (2, cells) and strides (1, cells) in pixels of the cells of all scales, row by row."""
    columns, rows = size
    middles, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(-(-rows // stride)), torch.arange(-(-columns // stride)), indexing="ij")
        middles.append((torch.stack([x, y]).flatten(1) + 0.5) * stride)
        strides.append(torch.full((1, x.numel()), float(stride)))
    return torch.cat(middles, 1).float(), torch.cat(strides, 1)


def fused(model: Detector) -> Detector:
    """The network with each batch norm folded into its convolution, in place, ready for export."""
    model.eval()
    for unit in [each for each in model.modules() if isinstance(each, Unit)]:
        unit.conv = torch.nn.utils.fusion.fuse_conv_bn_eval(unit.conv, unit.norm)
        unit.norm = nn.Identity()
    return model
