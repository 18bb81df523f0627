"""Residual networks after Mescheder et al. 2018 (arXiv 1801.04406), for any H x W from 8 to 128."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from bayesgan.networks.convolutional import Convolutional
from bayesgan.networks.layers import SLOPE, Crop, StandardisedConv2d, doubling, he, linear, norm, pyramid

# Kernels of mean 0 do not see the mean that a leaky ReLU adds; this gain makes up for it, so that a normal input of
# variance 1 comes out with variance 1 (as for the ReLU in Brock et al. 2021, arXiv 2101.08692).
GAIN = math.sqrt(2 / (1 + SLOPE**2 - (1 - SLOPE) ** 2 / math.pi))


@dataclass(frozen=True)
class ResNet(Convolutional):
    """A residual block per size of the pyramid, nearest upsampling or average pooling between them.

    ``width``: channels at full size; the smaller sizes have more, at most 8 ``width``.
    """

    width: int = 16

    def body(self, shape: tuple[int, ...], latent: int) -> nn.Module:
        """Return blocks from the smallest size to the full one."""
        channels, *size = shape
        sizes = pyramid(*size)[::-1]
        widths = self.widths(len(sizes))[::-1]
        # A norm right after the code: all codes draw at the same scale, those on the unit sphere too.
        layers: list[nn.Module] = [
            linear(latent, widths[0] * math.prod(sizes[0])),
            nn.Unflatten(1, (widths[0], *sizes[0])),
            norm(widths[0]),
        ]
        for (inputs, out), larger in zip(pairwise(widths), [*sizes[1:], None], strict=True):
            layers.append(Residual(drawing(inputs, out), inputs, out))
            layers += [nn.Upsample(scale_factor=2), Crop(*larger)] if larger else []
        return nn.Sequential(*layers, norm(out), nn.ReLU(), convolution(out, channels), nn.Tanh())

    def eyes(self, shape: tuple[int, ...]) -> tuple[list[nn.Module], int]:
        """Return blocks from the full size to the smallest one."""
        channels, *size = shape
        widths = self.widths(len(pyramid(*size)))
        # Not standardised: kernels of mean 0 on one channel see only edges, which average pooling then wipes out.
        layers: list[nn.Module] = [convolution(channels, widths[0])]
        for i, (inputs, out) in enumerate(pairwise(widths)):
            layers += [nn.AvgPool2d(2, ceil_mode=True)] if i else []
            layers.append(Residual(reading(inputs, out), inputs, out))
        return [*layers, nn.LeakyReLU(SLOPE)], widths[-1]

    def widths(self, stages: int) -> list[int]:
        """Return the channels before the block at full size, and after the block at each size."""
        return [self.width, *doubling(self.width, stages)]


class Residual(nn.Module):
    """``(shortcut(x) + branch(x)) / sqrt 2``, which has x's variance if both have it, as they do at first.

    The scale is that of Karras et al. 2020 (arXiv 1912.04958, section 4.1); with pre-activation (arXiv 1603.05027) the
    shortcut is linear: the identity, or a 1 x 1 convolution where the number of channels changes.
    """

    def __init__(self, branch: nn.Module, inputs: int, out: int) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if inputs == out else he(nn.Conv2d(inputs, out, 1, bias=False), math.sqrt(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, out, H, W)``."""
        both: Tensor = self.shortcut(x) + self.branch(x)
        return both * math.sqrt(0.5)


def drawing(inputs: int, out: int) -> nn.Module:
    """Return a generator's branch: norm, ReLU and convolution, twice."""
    narrow = min(inputs, out)
    first = [norm(inputs), nn.ReLU(), convolution(inputs, narrow)]
    return nn.Sequential(*first, norm(narrow), nn.ReLU(), convolution(narrow, out))


def reading(inputs: int, out: int) -> nn.Module:
    """Return a discriminator's branch: leaky ReLU and standardised convolution, twice."""
    narrow = min(inputs, out)
    layers: list[nn.Module] = []
    for a, b in pairwise((inputs, narrow, out)):
        layers += [nn.LeakyReLU(SLOPE), StandardisedConv2d(a, b, 3, padding=1, gain=GAIN)]
    return nn.Sequential(*layers)


def convolution(inputs: int, out: int) -> nn.Conv2d:
    """Return a 3 x 3 convolution that keeps the size, with He's initial weights."""
    return he(nn.Conv2d(inputs, out, 3, padding=1))
