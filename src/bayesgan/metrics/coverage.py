"""Quality and variety apart: precision and recall, density and coverage, by balls around nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.metrics.distances import blocks

# A copy of a neighbour lies on the border of a ball: rounding must not decide whether it is inside.
BORDER = 1 + 1e-9


@dataclass(frozen=True)
class Coverage:
    """Four shares of samples and of real images; only density can be above 1, and is 1 for equal distributions."""

    precision: float
    recall: float
    density: float
    coverage: float


def coverage(real: Tensor, fake: Tensor, k: int = 5) -> Coverage:
    """Return how well fake features ``(M, F)`` and real ones ``(N, F)`` cover each other.

    A ball reaches from a feature to the k-th nearest of its own set. Precision: the share of fakes in any real ball,
    recall: of reals in any fake one (Kynkaanniemi et al. 2019, arXiv 1904.06991). Density: the mean number
    of real balls around a fake, over k; coverage: the share of real balls with a fake inside (Naeem et al. 2020, arXiv
    2002.09797).
    """
    if min(len(real), len(fake)) <= k:
        raise UsageError(f"coverage: {len(real)} real and {len(fake)} generated images: expected more than {k} of each")
    reach_real, reach_fake = radii(real, k), radii(fake, k)
    around = torch.zeros(len(fake), dtype=torch.float64, device=fake.device)
    covered, recalled = (torch.zeros(len(real), dtype=torch.bool, device=real.device) for _ in range(2))
    for rows, distance in blocks(fake, real):
        inside = distance <= reach_real * BORDER
        around[rows] = inside.sum(1).double()
        covered |= inside.any(0)
        recalled |= (distance <= reach_fake[rows, None] * BORDER).any(0)
    return Coverage(share(around > 0), share(recalled), around.mean().item() / k, share(covered))


def radii(x: Tensor, k: int) -> Tensor:
    """Return the distance of each of ``x (N, F)`` to its k-th nearest neighbour, ``(N,)``, itself not counted."""
    return torch.cat([distance.kthvalue(k + 1, dim=1).values for _, distance in blocks(x, x)])


def share(flags: Tensor) -> float:
    """Return the share of True."""
    return flags.double().mean().item()
