"""Lost modes, counted: on data whose modes are known."""

from __future__ import annotations

import torch
from torch import Tensor

ENOUGH = 20 / 2500


def modes_found(points: Tensor, centres: Tensor, std: float) -> tuple[int, float]:
    """Return how many modes were found, and the share of points of high quality.

    A point ``(N, D)`` is of high quality within three standard deviations of a centre ``(M, D)``; a mode is found
    when 20 of 2,500 points (0.8 %) are of high quality and nearest to it (Srivastava et al. 2017, arXiv 1705.07761).
    """
    distance, mode = torch.cdist(points, centres).min(1)
    good = distance <= 3 * std
    counts = torch.bincount(mode[good], minlength=len(centres))
    return int((counts >= ENOUGH * len(points)).sum()), good.double().mean().item()
