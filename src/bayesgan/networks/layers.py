"""Layers that the convolutional families share. None has a state, or mixes the images of a batch."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST = 4
LARGEST_FACTOR = 8
SLOPE = 0.1
GROUP = 8

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class StandardisedConv2d(nn.Conv2d):
    """Convolution whose kernels have mean 0 and variance 1 / fan-in, times a learnt gain (Qiao et al. 2019).

    It does what a normalisation of activations does for training, yet the likelihood of an image depends on no other
    image of the batch (arXiv 1903.10520). ``gain``: the initial one.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int = 1, padding: int = 0, gain: float = math.sqrt(2)
    ) -> None:
        super().__init__(channels, out, kernel, stride, padding)
        he(self)
        self.gain = nn.Parameter(torch.full((out, 1, 1, 1), gain))

    def kernels(self) -> Tensor:
        """Return ``(out, channels, kernel, kernel)``, in one pass: on a CPU ``var_mean`` alone takes longer."""
        shape = self.weight.shape[1:]
        standard = F.layer_norm(self.weight, shape, eps=1e-6 / shape.numel())
        return standard * (self.gain / math.sqrt(shape.numel()))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, out, H', W')``."""
        return F.conv2d(x, self.kernels(), self.bias, self.stride, self.padding)


class UnitRange(nn.Module):
    """Map [-1, 1] to [0, 1]: where most of an image is black, zeros train better than minus ones."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the image in [0, 1]."""
        return (x + 1) / 2


class Crop(nn.Module):
    """Cut images ``(B, C, >= height, >= width)`` to ``height`` x ``width`` from the upper left."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, C, height, width)``."""
        return x[..., : self.height, : self.width]


def he(layer: Layer, gain: float = 1.0) -> Layer:
    """Return the layer with He's initial weights times ``gain``, and zero biases where it has any."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    with torch.no_grad():
        layer.weight.mul_(gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """Return a linear layer with He's initial weights times ``gain``, and zero biases."""
    return he(nn.Linear(inputs, outputs), gain)


def norm(channels: int) -> nn.Module:
    """Return group norm over groups of 8 channels, of all where 8 does not divide them."""
    return nn.GroupNorm(channels // GROUP if channels % GROUP == 0 else 1, channels)


def pyramid(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes of all stages, halved (rounding up) until the shorter side is at most 4: 28, 14, 7, 4."""
    sizes = [(height, width)]
    while min(sizes[-1]) > SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def doubling(width: int, stages: int) -> list[int]:
    """Return the channels of all stages, from ``width`` doubled at each, up to 8 times ``width``."""
    return [width * min(2**i, LARGEST_FACTOR) for i in range(stages)]
