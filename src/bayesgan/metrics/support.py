"""How many different images a generator has: the birthday paradox (Arora and Zhang 2017, arXiv 1706.08224)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.metrics.distances import blocks, vectors

SIZE = 500  # of a batch


@dataclass(frozen=True)
class Support:
    """The ``probability (S + 1,)`` of two duplicates among the first s = 0, 1, ..., S samples of a batch.

    ``estimate``: of the number of different images; None where fewer than half of the batches have duplicates, and
    the number is above ``S (S - 1) / (2 log 2)``.
    """

    probability: Tensor

    @property
    def estimate(self) -> float | None:
        """``s (s - 1) / (2 log 2)`` for the smallest s of probability 1/2.

        Of M equally frequent images, s have duplicates with probability ``1 - exp(-s (s - 1) / (2 M))``.
        """
        enough = torch.nonzero(self.probability >= 0.5)
        return None if not len(enough) else birthday(int(enough[0]))

    @property
    def bound(self) -> float:
        """What the number is above where there is no estimate, ``S (S - 1) / (2 log 2)``."""
        return birthday(len(self.probability) - 1)


def birthday(size: int) -> float:
    """Return of how many equally frequent images ``size`` draws hold two alike with probability 1/2."""
    return size * (size - 1) / (2 * math.log(2))


def support(samples: Tensor, threshold: float, size: int = SIZE) -> Support:
    """Return how soon consecutive batches of ``samples (N, ...)`` in random order hold two within ``threshold``.

    Arora and Zhang look at pairs; here a distance decides, such as that of :func:`duplicate_distance`. What a metric
    calls a duplicate need not look like one: set the estimate beside that of real images.
    """
    soonest = torch.stack([first_duplicate(batch, threshold) for batch in batches(samples, size)])
    counts = torch.bincount(soonest, minlength=size + 2)[: size + 1]
    return Support(counts.double().cumsum(0) / len(soonest))


def first_duplicate(batch: Tensor, threshold: float) -> Tensor:
    """Return after how many samples of ``batch (S, ...)`` two are within ``threshold``; S + 1 where none are."""
    close = torch.tril(pair_distances(batch) <= threshold, -1).any(1)
    return torch.where(close.any(), close.int().argmax() + 1, len(batch) + 1)


def batches(samples: Tensor, size: int) -> list[Tensor]:
    """Return the whole consecutive batches of ``size``, what is left over dropped; at least one."""
    if not 2 <= size <= len(samples):
        raise UsageError(f"support: batches of {size} from {len(samples)} samples: expected 2 to {len(samples)}")
    return [batch for batch in torch.split(samples, size) if len(batch) == size]


def pair_distances(batch: Tensor) -> Tensor:
    """Return the distances within a batch, ``(S, S)``, exactly 0 between copies."""
    x = vectors(batch)
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


def duplicate_distance(real: Tensor, share: float = 0.01) -> float:
    """Return the distance within which this ``share`` of ``real (N, ...)`` has its nearest neighbour.

    About ``share / N`` of all real pairs are that close: of real images the estimate is about ``N / share``.
    """
    nearest = torch.cat([distance.kthvalue(2, dim=1).values for _, distance in blocks(real, real)])
    return nearest.quantile(share).item()
