"""Strided convolutions after DCGAN (Radford et al. 2015, arXiv 1511.06434), for any H x W from 8 to 128.

Batch norm is replaced by group norm: a particle's likelihood must not depend on what it saw before. The head of the
discriminator is flat, not pooled; with few labels this is the largest single gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

SMALLEST = 4
LARGEST_FACTOR = 8
GROUP = 8


@dataclass(frozen=True)
class DCGAN:
    """A pyramid of stages that halve (discriminator) or double (generator) the image, at most 8 ``width`` channels.

    ``generator``: ``(B, Z) -> (B, C, H, W)`` in [-1, 1]. ``discriminator``: ``(B, C, H, W) -> (B, outputs)`` logits.
    """

    width: int = 16
    hidden: int = 128

    def generator(self, shape: tuple[int, ...], latent: int) -> nn.Module:
        """Return a generator of images ``shape = (C, H, W)``."""
        channels, *size = shape
        sizes = pyramid(size[0], size[1])[::-1]
        widths = stage_widths(self.width, len(sizes))[::-1]
        first = widths[0] * math.prod(sizes[0])
        layers: list[nn.Module] = [
            nn.Linear(latent, first),
            nn.Unflatten(1, (widths[0], *sizes[0])),
            norm(widths[0]),
            nn.ReLU(),
        ]
        for i, (height, width) in enumerate(sizes[1:]):
            last = i == len(sizes) - 2
            out = channels if last else widths[i + 1]
            layers += [nn.ConvTranspose2d(widths[i], out, 4, stride=2, padding=1), Crop(height, width)]
            layers += [nn.Tanh()] if last else [norm(out), nn.ReLU()]
        return nn.Sequential(*layers)

    def discriminator(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Return a discriminator of images ``shape = (C, H, W)``."""
        channels, *size = shape
        sizes = pyramid(size[0], size[1])
        widths = stage_widths(self.width, len(sizes))
        layers: list[nn.Module] = []
        for i, width in enumerate(widths):
            stride = 1 if i == 0 else 2
            layers += [nn.Conv2d(channels, width, 3, stride, padding=1), norm(width), nn.LeakyReLU(0.1)]
            channels = width
        flat = channels * math.prod(sizes[-1])
        head = [nn.Linear(flat, self.hidden), nn.LeakyReLU(0.1), nn.Linear(self.hidden, outputs)]
        return nn.Sequential(*layers, nn.Flatten(), *head)


def pyramid(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes of all stages, halved (rounding up) until the shorter side is at most 4: 28, 14, 7, 4."""
    sizes = [(height, width)]
    while min(sizes[-1]) > SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def stage_widths(width: int, stages: int) -> list[int]:
    """Return the channels of each stage: doubled from ``width``, at most eightfold."""
    return [width * min(2**i, LARGEST_FACTOR) for i in range(stages)]


def norm(channels: int) -> nn.Module:
    """Return group norm over groups of 8 channels, of all where 8 does not divide them."""
    return nn.GroupNorm(channels // GROUP if channels % GROUP == 0 else 1, channels)


class Crop(nn.Module):
    """Cut images ``(B, C, >= height, >= width)`` to ``height`` x ``width`` from the upper left."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, C, height, width)``."""
        return x[..., : self.height, : self.width]
