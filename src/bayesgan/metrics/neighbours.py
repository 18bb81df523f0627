"""Memorisation: how near samples are to training images, compared with images that no one has trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bayesgan.metrics.detection import auroc
from bayesgan.metrics.distances import between, blocks


@dataclass(frozen=True)
class Memorisation:
    """How near training images are to samples and to held-out images.

    ``ratio``: of the median distances, samples over held-out images; about 1 for fresh images, 0 for copies.
    ``closer``: the probability that a sample is nearer than a held-out image; 1/2 for fresh images, 1 for copies.
    """

    ratio: float
    closer: float


def memorisation(samples: Tensor, held_out: Tensor, train: Tensor) -> Memorisation:
    """Return how near ``samples (N, ...)`` are to ``train (M, ...)``, compared with ``held_out (K, ...)``.

    A ratio above 1 says that samples are far from all real images, not that they are new (compare Meehan et al. 2020,
    arXiv 2004.05675, who rank the same distances).
    """
    return compared(*(nearest(x, train)[1] for x in (samples, held_out)))


def compared(of_samples: Tensor, of_held_out: Tensor) -> Memorisation:
    """Return :func:`memorisation` from the distances to the nearest training image, ``(N,)`` and ``(K,)``."""
    return Memorisation((of_samples.median() / of_held_out.median()).item(), auroc(of_samples, of_held_out))


def nearest(x: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    """Return the row of the nearest of ``train (M, ...)`` to each of ``x (N, ...)``, and its Euclidean distance.

    Both are ``(N,)``; a copy is at distance 0 exactly.
    """
    rows = torch.cat([distance.argmin(1) for _, distance in blocks(x, train)])
    return rows, between(x, train[rows])
