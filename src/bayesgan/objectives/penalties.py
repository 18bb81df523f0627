"""Gradient penalties: how steep a discriminator may be, measured inside the lift, one particle at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def slopes(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``||grad_x score(x)||^2`` over **all** pixels of each image, ``(B,)``; ``score``: ``(B, ...) -> (B,)``."""
    gradient: Tensor = torch.func.grad(lambda images: score(images).sum())(x)
    return gradient.flatten(1).square().sum(1)


def one_lipschitz(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``E (||grad score(x)|| - 1)^2`` (Gulrajani et al. 2017, arXiv 1704.00028, equation 3)."""
    # The square root of 0 has no gradient; a constant critic is a point that training can pass.
    return ((slopes(score, x) + 1e-12).sqrt() - 1).square().mean()


def flat(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``E ||grad score(x)||^2 / 2``: R1 at real images, R2 at generated ones (arXiv 1801.04406, equation 9)."""
    return slopes(score, x).mean() / 2


def mixtures(x: Tensor, other: Tensor, mix: Tensor) -> Tensor:
    """Return points between the rows of two batches, as many as there are pairs; ``mix (B,)``: the weights of ``x``."""
    n = min(len(x), len(other))
    weight = mix[:n].view(n, *[1] * (x.ndim - 1))
    return weight * x[:n] + (1 - weight) * other[:n]
