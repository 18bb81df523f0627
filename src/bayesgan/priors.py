"""Priors over one particle's weights: a log density, and for bounded ones a projection.

Every prior is independent over weights. ``log_prob`` returns the full log density, constants included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bayesgan.errors import require
from bayesgan.types import Params


def _total(params: Params, log_density: float, per_weight: list[Tensor]) -> Tensor:
    count = sum(leaf.numel() for leaf in params.values())
    return torch.stack(per_weight).sum() + count * log_density


@dataclass(frozen=True)
class Flat:
    """Improper flat prior: the posterior is the likelihood, the mode is maximum likelihood."""

    def log_prob(self, params: Params) -> Tensor:
        """Return 0."""
        return next(iter(params.values())).new_zeros(())

    def project_(self, params: Params) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Normal:
    """N(0, std^2) on every weight. The Bayesian GAN's N(0, 10 I) is ``std = sqrt(10)`` (arXiv 1705.09558)."""

    std: float = 1.0

    def __post_init__(self) -> None:
        require(self, "std", self.std, self.std > 0, "above 0")

    def log_prob(self, params: Params) -> Tensor:
        """Return ``sum_i log N(w_i; 0, std^2)``, a scalar."""
        constant = -math.log(self.std) - 0.5 * math.log(2 * math.pi)
        return _total(params, constant, [-0.5 / self.std**2 * w.square().sum() for w in params.values()])

    def project_(self, params: Params) -> None:
        """Do nothing: the support is the whole space."""


@dataclass(frozen=True)
class Laplace:
    """Laplace(0, scale) on every weight: sparse modes."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        require(self, "scale", self.scale, self.scale > 0, "above 0")

    def log_prob(self, params: Params) -> Tensor:
        """Return ``sum_i log Laplace(w_i; 0, scale)``, a scalar."""
        constant = -math.log(2 * self.scale)
        return _total(params, constant, [-(w / self.scale).abs().sum() for w in params.values()])

    def project_(self, params: Params) -> None:
        """Do nothing: the support is the whole space."""


@dataclass(frozen=True)
class Box:
    """Uniform on [-bound, bound] for every weight; WGAN's clipping is its projection (arXiv 1701.07875)."""

    bound: float = 0.01

    def __post_init__(self) -> None:
        require(self, "bound", self.bound, self.bound > 0, "above 0")

    def log_prob(self, params: Params) -> Tensor:
        """Return ``-n log(2 bound)`` inside the box and ``-inf`` outside, a scalar."""
        outside = torch.stack([(w.detach().abs() > self.bound).any() for w in params.values()]).any()
        count = sum(leaf.numel() for leaf in params.values())
        # Filled, not copied from the host: a CUDA graph cannot record a copy.
        inside = next(iter(params.values())).new_full((), -count * math.log(2 * self.bound))
        return torch.where(outside, -math.inf, inside)

    def project_(self, params: Params) -> None:
        """Clip stacked weights ``(K, *shape)`` into the box, in place."""
        with torch.no_grad():
            for leaf in params.values():
                leaf.clamp_(-self.bound, self.bound)


Prior = Flat | Normal | Laplace | Box
