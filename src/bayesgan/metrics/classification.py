"""Proper scores and uncertainty of predicted class probabilities. Pure functions of ``probs (B, Y)`` and ``y (B,)``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST = 1e-12


@dataclass(frozen=True)
class RiskCoverage:
    """What a classifier gets wrong that keeps silent where it is unsure: ``coverage`` and ``risk``, ``(B,)`` each.

    ``risk``: the share of errors among the images answered, ``coverage`` of all, the most confident first.
    """

    coverage: Tensor
    risk: Tensor

    @property
    def area(self) -> float:
        """The mean risk over coverages, AURC, from 0 to 1 (Geifman et al. 2019, arXiv 1805.08206)."""
        return self.risk.mean().item()


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


def risk_coverage(probs: Tensor, y: Tensor) -> RiskCoverage:
    """Return the error of the most confident images at every coverage ``1 / B, 2 / B, ..., 1``.

    Confidence is the largest probability. Equally confident images come in no order: each counts their mean error.
    """
    confidence, guess = probs.double().max(1)
    levels, level = torch.unique(-confidence, return_inverse=True)
    wrong = torch.zeros_like(levels).index_add_(0, level, (guess != y).double()) / torch.bincount(level)
    answered = torch.arange(1, len(y) + 1, dtype=torch.float64, device=probs.device)
    return RiskCoverage(answered / len(y), wrong[level.sort().values].cumsum(0) / answered)
