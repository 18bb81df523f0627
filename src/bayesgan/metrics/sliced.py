"""Sliced Wasserstein distance: the mean over directions of what one-dimensional shadows are apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.metrics.distances import ENTRIES, vectors
from bayesgan.seeds import generator


def sliced_distance(real: Tensor, fake: Tensor, projections: int = 500, seed: int = 0) -> float:
    """Return the sliced Wasserstein-1 distance of ``real (N, ...)`` and ``fake (M, ...)``, N and M as they are.

    ``E_u W_1(<u, x>, <u, y>)`` over random unit vectors u (Bonneel et al. 2015). Between a set and its shift by d in
    D dimensions it is ``|d| Gamma(D/2) / (sqrt(pi) Gamma((D+1)/2))``, the mean of ``|<u, d>|``.
    """
    directions = torch.randn(projections, real[0].numel(), generator=generator(seed, "sliced"), dtype=torch.float64)
    directions = F.normalize(directions, dim=1).to(real.device)
    chunk = max(1, ENTRIES // max(len(real), len(fake)))
    apart = [line_distance(shadows(real, some), shadows(fake, some)) for some in torch.split(directions, chunk)]
    return torch.cat(apart).mean().item()


def shadows(x: Tensor, directions: Tensor) -> Tensor:
    """Return the sorted projections of ``x (N, ...)`` on ``directions (P, D)``, ``(N, P)``."""
    rows = max(1, ENTRIES // directions.shape[1])
    return torch.cat([vectors(some) @ directions.T for some in torch.split(x, rows)]).sort(0).values


def line_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the Wasserstein-1 distance of the columns of ``a (N, P)`` and ``b (M, P)``, both sorted, ``(P,)``.

    It is the area between the quantile functions, which are constant between the levels ``i / N`` and ``j / M``.
    """
    levels = torch.cat([torch.arange(len(x) + 1, dtype=a.dtype, device=a.device) / len(x) for x in (a, b)])
    levels = levels.sort().values
    middle, width = (levels[1:] + levels[:-1]) / 2, levels.diff()
    at_a, at_b = ((middle * len(x)).long().clamp(0, len(x) - 1) for x in (a, b))
    return torch.stack([((a[at_a, p] - b[at_b, p]).abs() * width).sum() for p in range(a.shape[1])])
