"""Likelihoods of an image given its reconstruction: log p(x | z), summed over all pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.errors import require


@dataclass(frozen=True)
class Gaussian:
    """``N(x; G(z), std^2 I)``."""

    std: float = 0.3

    def __post_init__(self) -> None:
        require(self, "std", self.std, self.std > 0, "above 0")

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return log densities ``(B,)`` of ``x (B, ...)``."""
        constant = -math.log(self.std) - 0.5 * math.log(2 * math.pi)
        return (constant - 0.5 * ((x - mean) / self.std).square()).flatten(1).sum(1)


@dataclass(frozen=True)
class Laplace:
    """``Laplace(x; G(z), scale)`` in every pixel."""

    scale: float = 0.2

    def __post_init__(self) -> None:
        require(self, "scale", self.scale, self.scale > 0, "above 0")

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return log densities ``(B,)`` of ``x (B, ...)``."""
        return (-math.log(2 * self.scale) - (x - mean).abs() / self.scale).flatten(1).sum(1)


@dataclass(frozen=True)
class Bernoulli:
    """Pixels in [-1, 1] as grey values between black and white: ``p(white) = (G(z) + 1) / 2``."""

    images_only: ClassVar[bool] = True
    saturates: ClassVar[bool] = True  # in bfloat16 a mean near black or white is black or white, without a gradient

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return log probabilities ``(B,)`` of ``x (B, ...)``."""
        # In the precision of x: bfloat16, in which mixed precision computes the mean, rounds the bounds to -1 and 1.
        logit = 2 * torch.atanh(mean.to(x.dtype).clamp(-1 + 1e-6, 1 - 1e-6))
        return -F.binary_cross_entropy_with_logits(logit, (x + 1) / 2, reduction="none").flatten(1).sum(1)


Likelihood = Gaussian | Laplace | Bernoulli
