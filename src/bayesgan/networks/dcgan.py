"""Strided convolutions after DCGAN (Radford et al. 2015, arXiv 1511.06434), for any H x W from 8 to 128.

No batch norm: a likelihood must not depend on what else is in the batch, or was there before. Generators have group
norm, discriminators standardised weights. The discriminator's head is flat, not pooled: it matters where a stroke is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bayesgan.errors import require
from bayesgan.networks.heads import Headed, embedded
from bayesgan.networks.mlp import MLP

SMALLEST = 4
LARGEST_FACTOR = 8
CONVOLUTIONS = 3
SLOPE = 0.1
GROUP = 8


@dataclass(frozen=True)
class DCGAN:
    """A pyramid of stages that halve (discriminator) or double (generator) the image, at most 8 ``width`` channels.

    ``generator``: ``(B, Z) -> (B, C, H, W)`` in [-1, 1]. ``discriminator`` and ``encoder``:
    ``(B, C, H, W) -> (B, outputs)``. ``code_discriminator``: ``(B, Z) -> (B, outputs)``, fully connected.
    """

    width: int = 32
    hidden: int = 128

    images_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, "width", self.width, self.width >= 2, "at least 2")
        require(self, "hidden", self.hidden, self.hidden >= 1, "at least 1")

    def generator(self, shape: tuple[int, ...], latent: int, classes: int = 0) -> nn.Module:
        """Return a generator of images ``shape = (C, H, W)``; with ``classes``, conditional."""
        return embedded(partial(self._generator, shape), latent, classes)

    def _generator(self, shape: tuple[int, ...], latent: int) -> nn.Module:
        channels, *size = shape
        sizes = pyramid(size[0], size[1])[::-1]
        widths = [self.width * min(2**i, LARGEST_FACTOR) // 2 for i in range(len(sizes))][::-1]
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

    def discriminator(self, shape: tuple[int, ...], outputs: int, classes: int = 0) -> nn.Module:
        """Return a discriminator of images ``shape = (C, H, W)``; with ``classes``, conditional."""
        channels, *size = shape
        halvings = len(pyramid(size[0], size[1])) - 1
        # Small images leave room for few halvings: convolutions at full size come first, so that there are three.
        strides = [1] * (CONVOLUTIONS - halvings) + [2] * halvings
        layers: list[nn.Module] = []
        for i, stride in enumerate(strides):
            out = self.width * min(2 ** max(0, i - max(0, strides.count(1) - 1)), LARGEST_FACTOR)
            layers += [StandardisedConv2d(channels, out, 3, stride, padding=1), nn.LeakyReLU(SLOPE)]
            channels = out
        flat = channels * math.prod(pyramid(size[0], size[1])[-1])
        trunk = nn.Sequential(UnitRange(), *layers, nn.Flatten(), linear(flat, self.hidden), nn.LeakyReLU(SLOPE))
        return Headed(trunk, linear(self.hidden, outputs, gain=0.5), classes)

    def encoder(self, shape: tuple[int, ...], outputs: int, classes: int = 0) -> nn.Module:
        """Return an encoder: the discriminator's network with codes for logits."""
        return self.discriminator(shape, outputs, classes)

    def code_discriminator(self, latent: int, outputs: int, classes: int = 0) -> nn.Module:
        """Return a discriminator of codes ``(Z,)``: there is nothing to convolve."""
        return MLP(self.hidden, 3).code_discriminator(latent, outputs, classes)


class StandardisedConv2d(nn.Conv2d):
    """Convolution whose kernels have mean 0 and variance 1 / fan-in, times a learnt gain (Qiao et al. 2019).

    It does what a normalisation of activations does for training, yet the likelihood of an image depends on no other
    image of the batch (arXiv 1903.10520).
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__(channels, out, kernel, stride, padding)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]
        self.gain = nn.Parameter(torch.full((out, 1, 1, 1), math.sqrt(2)))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, out, H', W')``."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        fan_in = self.weight[0].numel()
        kernel = self.gain * (self.weight - mean) * torch.rsqrt(variance * fan_in + 1e-6)
        return F.conv2d(x, kernel, self.bias, self.stride, self.padding)


class UnitRange(nn.Module):
    """Map [-1, 1] to [0, 1]: where most of an image is black, zeros train better than minus ones."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the image in [0, 1]."""
        return (x + 1) / 2


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """Return a linear layer with He's initial weights times ``gain``, and zero biases."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layer.weight.mul_(gain)
    return layer


def pyramid(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes of all stages, halved (rounding up) until the shorter side is at most 4: 28, 14, 7, 4."""
    sizes = [(height, width)]
    while min(sizes[-1]) > SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


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
