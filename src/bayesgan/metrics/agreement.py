"""How far draws of a function lie apart. Pure functions of S draws of K chains."""

from __future__ import annotations

import torch
from torch import Tensor


def spread(x_SKV: Tensor) -> tuple[float, float]:
    """Return the mean standard deviation of V values: over the draws of one chain, and over all draws of all chains."""
    return x_SKV.std(0, correction=0).mean().item(), x_SKV.flatten(0, 1).std(0, correction=0).mean().item()


def total_variation(p_SKBY: Tensor) -> float:
    """Return the mean total variation ``sum_y |p_y - q_y| / 2`` between two draws of one chain, from 0 to 1.

    ``p_SKBY``: class probabilities of B images; the mean is over images, chains and pairs of draws. One draw: 0.
    """
    draws = len(p_SKBY)
    by_image = p_SKBY.movedim(0, 2).flatten(0, 1)
    return torch.cdist(by_image, by_image, p=1).sum((1, 2)).mean().item() / 2 / max(1, draws * (draws - 1))


def variety(x_BD: Tensor) -> float:
    """Return the root mean squared distance between two of B images or points of D numbers, per number."""
    return (2 * x_BD.var(0).mean()).sqrt().item()


def distance(a_BD: Tensor, b_BD: Tensor) -> float:
    """Return the root mean squared distance between row i of a and row i of b, per number."""
    return (a_BD - b_BD).square().mean().sqrt().item()
