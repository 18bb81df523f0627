"""Lost modes, counted: on data whose modes are known."""

from __future__ import annotations

import math

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


def modes_and_kl(labels: Tensor, modes: int) -> tuple[int, float]:
    """Return how many of ``modes`` classes occur at all among ``labels (N,)``, and their reverse KL in nats.

    The rule of Stacked MNIST: one of the samples is enough (Metz et al. 2017; Lin et al. 2018, arXiv 1712.04086).
    """
    counts = torch.bincount(labels, minlength=modes)
    return int((counts > 0).sum()), reverse_kl(counts)


def reverse_kl(counts: Tensor) -> float:
    """Return ``KL(generated || uniform)`` in nats of the ``counts (M,)`` of M modes: 0 if even, log M in one mode.

    The direction of VEEGAN and PacGAN, of which lost modes cost little: it is read beside the number of modes.
    """
    share = counts.double() / counts.sum()
    return (math.log(len(counts)) + torch.xlogy(share, share).sum()).item()
