"""Frechet distance of features: how far apart two Gaussians of the same moments are (Heusel et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 4096


@dataclass(frozen=True)
class Moments:
    """Mean ``(F,)`` and covariance ``(F, F)`` of features, float64: all that is kept of a data set."""

    mean: Tensor
    cov: Tensor


def moments(features: Tensor) -> Moments:
    """Return the moments of ``features (N, F)``, N at least 2; the covariance is the unbiased one."""
    chunks = torch.split(features, CHUNK)
    mean = torch.stack([some.double().sum(0) for some in chunks]).sum(0) / len(features)
    cov = torch.zeros(len(mean), len(mean), dtype=mean.dtype, device=mean.device)
    for some in chunks:
        cov.addmm_((some.double() - mean).T, some.double() - mean)
    return Moments(mean, cov / (len(features) - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return ``|mu_a - mu_b|^2 + tr(A + B - 2 (A B)^1/2)``, the squared 2-Wasserstein distance of two Gaussians.

    Heusel et al. 2017, arXiv 1706.08500; in Inception features it is FID. With ``A = R R^T`` and
    ``B = S S^T`` the trace of the root is the sum of the singular values of ``R^T S``, also for singular covariances.
    """
    shared = torch.linalg.svdvals(root(a.cov).T @ root(b.cov)).sum()
    distance = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * shared
    return max(0.0, float(distance))


def root(cov: Tensor) -> Tensor:
    """Return ``R (F, F)`` of ``cov = R R^T``; eigenvalues that are rounding errors count as 0."""
    size, basis = torch.linalg.eigh(cov)
    # Roots of rounding errors are no longer small: 1e-8 of the largest each, thousands of them.
    noise = size[-1].clamp_min(0) * len(size) * torch.finfo(size.dtype).eps
    factor: Tensor = basis * torch.where(size > noise, size, 0).sqrt()
    return factor
