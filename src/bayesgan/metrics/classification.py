"""Proper scores and uncertainty of predicted class probabilities. Pure functions of ``probs (B, Y)`` and ``y (B,)``."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

SMALLEST = 1e-12


def error(probs: Tensor, y: Tensor) -> float:
    """Return the share of images whose most probable class is wrong, in percent."""
    return 100 * (probs.argmax(1) != y).double().mean().item()


def nll(probs: Tensor, y: Tensor) -> float:
    """Return the mean negative log-probability of the true class, in nats."""
    return -probs[torch.arange(len(y)), y].double().clamp_min(SMALLEST).log().mean().item()


def brier(probs: Tensor, y: Tensor) -> float:
    """Return the mean squared distance to the true class, ``E sum_y (p_y - 1[y])^2``, from 0 to 2 (Brier 1950)."""
    truth = torch.nn.functional.one_hot(y, probs.shape[1])
    return (probs - truth).double().square().sum(1).mean().item()


def entropy(probs: Tensor) -> Tensor:
    """Return the predictive entropy of each image in nats, ``(B,)``."""
    return -(probs * probs.clamp_min(SMALLEST).log()).sum(-1)


def mutual_information(members: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the averaged probabilities ``(B, Y)`` and the mutual information of class and weights ``(B,)`` in nats.

    ``members``: probabilities ``(B, Y)`` of each network of the bank. The predictive entropy less the members' mean
    entropy is what more weight samples agree away (Houlsby et al. 2011, arXiv 1112.5745).
    """
    stacked_SBY = torch.stack(list(members))
    mean_BY = stacked_SBY.mean(0)
    return mean_BY, (entropy(mean_BY) - entropy(stacked_SBY).mean(0)).clamp_min(0)
