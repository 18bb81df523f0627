"""Inception score: are images sure of their class, and classes evenly taken? (Salimans et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from bayesgan.errors import UsageError


def inception_score(probs: Tensor, splits: int = 10) -> tuple[float, float]:
    """Return the mean and the standard deviation over consecutive splits of ``exp E KL(p(y | x) || p(y))``.

    ``probs``: class probabilities ``(N, Y)`` of samples in random order. The score is from 1 to Y (Salimans et al.
    2016, arXiv 1606.03498, section 4); only that of Inception's 1,000 classes is the published one.
    """
    if len(probs) < splits:
        raise UsageError(f"inception score: {len(probs)} images in {splits} splits: expected one image each at least")
    scores = torch.stack([score(some.double()) for some in torch.tensor_split(probs, splits)])
    return scores.mean().item(), scores.std(correction=0).item()


def score(probs: Tensor) -> Tensor:
    """Return ``exp E KL(p(y | x) || p(y))``: the entropy of the mean less the mean entropy, as a number of classes."""
    return (entropy(probs.mean(0)) - entropy(probs).mean()).exp()


def entropy(probs: Tensor) -> Tensor:
    """Return the entropy of ``probs (..., Y)`` in nats; impossible classes add nothing."""
    return -torch.xlogy(probs, probs).sum(-1)
