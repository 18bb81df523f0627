"""Strided convolutions after DCGAN (Radford et al. 2015, arXiv 1511.06434), for any H x W from 8 to 128."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from bayesgan.errors import require
from bayesgan.networks.convolutional import Convolutional
from bayesgan.networks.layers import SLOPE, Crop, StandardisedConv2d, doubling, he, norm, pyramid

CONVOLUTIONS = 3


@dataclass(frozen=True)
class DCGAN(Convolutional):
    """A pyramid of stages that halve (discriminator) or double (generator) the image, at most 8 ``width`` channels.

    The generator has as many channels as the discriminator at the same size; at full size both have the image's.
    standardised: the discriminator's and encoder's kernels have mean 0 and variance 1 / fan-in, times a gain.
    depth: convolutions in each of their stages, of which the last halves the image.
    """

    width: int = 32
    standardised: bool = True
    depth: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "depth", self.depth, self.depth >= 1, "at least 1")

    def body(self, shape: tuple[int, ...], latent: int) -> nn.Module:
        """Return transposed convolutions, one per doubling."""
        channels, *size = shape
        sizes = pyramid(*size)[::-1]
        widths = [w // 2 for w in doubling(self.width, len(sizes))][::-1]
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

    def eyes(self, shape: tuple[int, ...]) -> tuple[list[nn.Module], int]:
        """Return stages of convolutions, one per halving, and at least three in all."""
        channels, *size = shape
        halvings = len(pyramid(*size)) - 1
        # Small images leave room for few halvings: convolutions at full size come first, so that there are three.
        strides = [1] * (CONVOLUTIONS - halvings) + [2] * halvings
        narrow = max(0, strides.count(1) - 1)
        widths = [self.width] * narrow + doubling(self.width, len(strides) - narrow)
        layers: list[nn.Module] = []
        for last, out in zip(strides, widths, strict=True):
            for stride in [1] * (self.depth - 1) + [last]:
                layers += [self.convolution(channels, out, stride), nn.LeakyReLU(SLOPE)]
                channels = out
        return layers, channels

    def convolution(self, channels: int, out: int, stride: int) -> nn.Module:
        """Return a 3 x 3 convolution of the discriminator."""
        if self.standardised:
            return StandardisedConv2d(channels, out, 3, stride, padding=1)
        return he(nn.Conv2d(channels, out, 3, stride, padding=1))
