"""Fully connected networks, for points, for small images, and for codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from bayesgan.errors import require
from bayesgan.networks.heads import Headed, embedded
from bayesgan.networks.layers import UnitRange


@dataclass(frozen=True)
class MLP:
    """Hidden layers of equal width with leaky ReLU; fits any shape.

    ``generator``: ``(B, Z) -> (B, *shape)``, images through tanh, points linear. ``discriminator`` and ``encoder``:
    ``(B, *shape) -> (B, outputs)``. ``code_discriminator``: ``(B, Z) -> (B, outputs)``.
    """

    width: int = 256
    depth: int = 2

    def __post_init__(self) -> None:
        require(self, "width", self.width, self.width >= 1, "at least 1")
        require(self, "depth", self.depth, self.depth >= 1, "at least 1")

    def generator(self, shape: tuple[int, ...], latent: int, classes: int = 0) -> nn.Module:
        """Return a generator of images ``(C, H, W)`` or points ``(D,)``; with ``classes``, conditional."""

        def body(inputs: int) -> nn.Module:
            layers = hidden(inputs, self.width, self.depth)
            head = [nn.Linear(self.width, math.prod(shape)), nn.Unflatten(1, shape)]
            return nn.Sequential(*layers, *head, *([nn.Tanh()] if len(shape) == 3 else []))

        return embedded(body, latent, classes)

    def discriminator(self, shape: tuple[int, ...], outputs: int, classes: int = 0) -> nn.Module:
        """Return a discriminator with ``outputs`` logits; with ``classes``, conditional."""
        first = [UnitRange()] if len(shape) == 3 else []
        trunk = nn.Sequential(*first, nn.Flatten(), *hidden(math.prod(shape), self.width, self.depth))
        return Headed(trunk, nn.Linear(self.width, outputs), classes)

    def encoder(self, shape: tuple[int, ...], outputs: int, classes: int = 0) -> nn.Module:
        """Return an encoder: the discriminator's network with codes for logits."""
        return self.discriminator(shape, outputs, classes)

    def code_discriminator(self, latent: int, outputs: int, classes: int = 0) -> nn.Module:
        """Return a discriminator of codes ``(Z,)``."""
        return self.discriminator((latent,), outputs, classes)


def hidden(inputs: int, width: int, depth: int) -> list[nn.Module]:
    """Return ``depth`` linear layers, each followed by a leaky ReLU."""
    layers: list[nn.Module] = []
    for size in [inputs, *[width] * (depth - 1)]:
        layers += [nn.Linear(size, width), nn.LeakyReLU(0.1)]
    return layers
