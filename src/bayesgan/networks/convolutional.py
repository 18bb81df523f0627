"""What the convolutional families share: the four roles around a body that draws and eyes that read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import nn

from bayesgan.errors import require
from bayesgan.networks.heads import Headed, embedded
from bayesgan.networks.layers import SLOPE, UnitRange, linear, pyramid
from bayesgan.networks.mlp import MLP


@dataclass(frozen=True)
class Convolutional(ABC):
    """Abstract family for images of any H x W from 8 to 128, along :func:`~bayesgan.networks.layers.pyramid`.

    ``generator``: ``(B, Z) -> (B, C, H, W)`` in [-1, 1]. ``discriminator`` and ``encoder``:
    ``(B, C, H, W) -> (B, outputs)``. ``code_discriminator``: ``(B, Z) -> (B, outputs)``, fully connected.

    No batch norm: a likelihood must not depend on what else is in the batch, or was there before. Generators have
    group norm, discriminators standardised weights. The discriminator's head is flat, not pooled: it matters where a
    stroke is.
    """

    width: int
    hidden: int = 128

    images_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, "width", self.width, self.width >= 2, "at least 2")
        require(self, "hidden", self.hidden, self.hidden >= 1, "at least 1")

    @abstractmethod
    def body(self, shape: tuple[int, ...], latent: int) -> nn.Module:
        """Return a network ``(B, Z) -> (B, C, H, W)`` that ends in tanh."""

    @abstractmethod
    def eyes(self, shape: tuple[int, ...]) -> tuple[list[nn.Module], int]:
        """Return layers ``(B, C, H, W) -> (B, channels, *smallest size of the pyramid)``, and ``channels``."""

    def generator(self, shape: tuple[int, ...], latent: int, classes: int = 0) -> nn.Module:
        """Return a generator of images ``shape = (C, H, W)``; with ``classes``, conditional."""
        return embedded(partial(self.body, shape), latent, classes)

    def discriminator(self, shape: tuple[int, ...], outputs: int, classes: int = 0) -> nn.Module:
        """Return a discriminator of images ``shape = (C, H, W)``; with ``classes``, conditional."""
        layers, channels = self.eyes(shape)
        flat = channels * math.prod(pyramid(*shape[1:])[-1])
        trunk = nn.Sequential(UnitRange(), *layers, nn.Flatten(), linear(flat, self.hidden), nn.LeakyReLU(SLOPE))
        return Headed(trunk, linear(self.hidden, outputs, gain=0.5), classes)

    def encoder(self, shape: tuple[int, ...], outputs: int, classes: int = 0) -> nn.Module:
        """Return an encoder: the discriminator's network with codes for logits."""
        return self.discriminator(shape, outputs, classes)

    def code_discriminator(self, latent: int, outputs: int, classes: int = 0) -> nn.Module:
        """Return a discriminator of codes ``(Z,)``: there is nothing to convolve."""
        return MLP(self.hidden, 3).code_discriminator(latent, outputs, classes)
