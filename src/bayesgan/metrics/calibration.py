"""Does a probability mean what it says? Reliability in bins, and its summary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reliability:
    """Equal-width bins of confidence: ``count``, mean ``confidence`` and ``accuracy`` of each, ``(bins,)``."""

    count: Tensor
    confidence: Tensor
    accuracy: Tensor

    @property
    def ece(self) -> float:
        """Expected calibration error: mean of ``|accuracy - confidence|`` over images (Guo et al. 2017)."""
        gap = (self.accuracy - self.confidence).abs()
        return ((self.count * gap).sum() / self.count.sum()).item()


def reliability(probs: Tensor, y: Tensor, bins: int = 15) -> Reliability:
    """Return the reliability of ``probs (B, Y)`` for classes ``y (B,)``; empty bins are zero."""
    confidence, guess = probs.double().max(1)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    place = torch.bucketize(confidence, edges)
    count = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, torch.ones_like(confidence))
    total = count.clamp_min(1)
    mean = torch.zeros_like(count).index_add_(0, place, confidence) / total
    right = torch.zeros_like(count).index_add_(0, place, (guess == y).double()) / total
    return Reliability(count, mean, right)
