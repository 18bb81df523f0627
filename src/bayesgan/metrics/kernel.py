"""Kernel distance of features: squared maximum mean discrepancy, unbiased (Binkowski et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from bayesgan.seeds import generator


def kernel_distance(
    real: Tensor, fake: Tensor, subsets: int = 100, size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the mean and the standard deviation of MMD^2 over random subsets of features ``(N, F)`` and ``(M, F)``.

    Each subset has ``size`` features of either set, or as many as the smaller set has. Binkowski et al. 2018, arXiv
    1801.01401: in Inception features it is KID. Equal distributions have mean 0; values can be negative.
    """
    size = min(size, len(real), len(fake))
    values = []
    for subset in range(subsets):
        rng = generator(seed, "kernel", subset)
        x, y = (features[torch.randperm(len(features), generator=rng)[:size]] for features in (real, fake))
        values.append(mmd(x.double(), y.double()))
    found = torch.stack(values)
    return found.mean().item(), found.std(correction=0).item()


def mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased MMD^2 of ``x`` and ``y (n, F)``, equally many: their own pairs leave out the diagonals."""
    n = len(x)
    within = sum(k.sum() - k.trace() for k in (kernel(x, x), kernel(y, y)))
    return within / (n * (n - 1)) - 2 * kernel(x, y).mean()


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(x . y / F + 1)^3`` of all pairs, ``(n, m)``."""
    return (x @ y.T / x.shape[1] + 1) ** 3
