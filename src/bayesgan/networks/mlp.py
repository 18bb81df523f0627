"""Fully connected networks, for points and for small images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from bayesgan.errors import require


@dataclass(frozen=True)
class MLP:
    """Hidden layers of equal width with leaky ReLU; fits any shape.

    ``generator``: ``(B, Z) -> (B, *shape)``, images through tanh, points linear.
    ``discriminator``: ``(B, *shape) -> (B, outputs)`` logits.
    """

    width: int = 256
    depth: int = 2

    def __post_init__(self) -> None:
        require(self, "width", self.width, self.width >= 1, "at least 1")
        require(self, "depth", self.depth, self.depth >= 1, "at least 1")

    def generator(self, shape: tuple[int, ...], latent: int) -> nn.Module:
        """Return a generator of images ``(C, H, W)`` or points ``(D,)``."""
        layers = hidden(latent, self.width, self.depth)
        head = [nn.Linear(self.width, math.prod(shape)), nn.Unflatten(1, shape)]
        return nn.Sequential(*layers, *head, *([nn.Tanh()] if len(shape) == 3 else []))

    def discriminator(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Return a discriminator with ``outputs`` logits."""
        layers = hidden(math.prod(shape), self.width, self.depth)
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(self.width, outputs))


def hidden(inputs: int, width: int, depth: int) -> list[nn.Module]:
    """Return ``depth`` linear layers, each followed by a leaky ReLU."""
    layers: list[nn.Module] = []
    for size in [inputs, *[width] * (depth - 1)]:
        layers += [nn.Linear(size, width), nn.LeakyReLU(0.1)]
    return layers
