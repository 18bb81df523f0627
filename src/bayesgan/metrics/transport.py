"""The exact Wasserstein distance of two small sets, by the best of all pairings."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped, unused-ignore]
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.metrics.distances import blocks

LIMIT = 2000  # points: time grows with the cube, to some seconds here


def transport_distance(real: Tensor, fake: Tensor) -> float:
    """Return the Wasserstein-1 distance of equally many ``real`` and ``fake (N, ...)``, N at most 2,000.

    The least mean Euclidean distance of any one-to-one pairing (Kantorovich's problem between equal weights). Of two
    draws from one distribution in many dimensions it is far above 0: set it beside that of real from real.
    """
    if len(real) != len(fake):
        raise UsageError(f"exact transport: {len(real)} real and {len(fake)} generated points: expected equally many")
    if len(real) > LIMIT:
        raise UsageError(f"exact transport: {len(real)} points: expected at most {LIMIT}")
    cost = torch.cat([distance for _, distance in blocks(real, fake)]).cpu()
    rows, columns = linear_sum_assignment(cost.numpy())
    return cost[rows, columns].mean().item()
