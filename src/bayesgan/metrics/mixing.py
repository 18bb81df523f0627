"""Do chains agree, and how many independent draws are they worth? Pure functions of draws ``(S, K, V)``.

S draws of K chains of V values each, after Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021 (arXiv 1903.08008):
every chain is split into halves, values are replaced by normal scores of their ranks. Where a value never changes
in any chain there is nothing to say: NaN, as with fewer than 4 draws.
"""

from __future__ import annotations

import math

import torch
from scipy.stats import f, rankdata
from torch import Tensor

FEWEST = 4
LIMIT, LEVEL = 1.05, 0.01


def split_rhat(x_SKV: Tensor) -> Tensor:
    """Return R-hat of each value, ``(V,)``: total over within-chain standard deviation, 1 where chains have mixed.

    The rank-normalised split R-hat of the bulk, equations 3, 4 and 14; infinite where chains stand still apart.
    """
    if len(x_SKV) < FEWEST:
        return undefined(x_SKV)
    z = halves(normal_scores(x_SKV))
    between = z.mean(0).var(0)
    within = z.var(0).mean(0)
    return ((len(z) - 1) / len(z) + between / within).sqrt()


def effective_size(x_SKV: Tensor) -> Tensor:
    """Return the bulk effective sample size of each value, ``(V,)``; at most ``S K log10(S K)``, as in Stan.

    Equations 10 to 14, autocorrelations summed by Geyer's initial monotone sequence. For an AR(1) process with
    coefficient r it is ``S K (1 - r) / (1 + r)``.
    """
    if len(x_SKV) < FEWEST:
        return undefined(x_SKV)
    z = halves(normal_scores(x_SKV))
    n, chains, _ = z.shape
    covariance_SV = autocovariance(z).mean(1)
    within = covariance_SV[0] * n / (n - 1)
    total = covariance_SV[0] + z.mean(0).var(0)
    rho_SV = 1 - (within - covariance_SV) / total
    rho_SV[0] = torch.where(total > 0, 1.0, math.nan)
    pairs = rho_SV[: n // 2 * 2].reshape(n // 2, 2, -1).sum(1)
    monotone = pairs.cummin(0).values * (pairs > 0).cumprod(0)
    time = (2 * monotone.sum(0) - 1).clamp_min(1 / math.log10(n * chains))
    return n * chains / time


def rhat_limit(draws: int, chains: int, level: float = LEVEL) -> float:
    """Return the R-hat above which chains have not mixed: 1.05, or more where the draws are few.

    Independent normal draws exceed it with a probability of at most ``level``: the ratio of the variances of m half
    chains of n draws has the distribution ``F(m - 1, m (n - 1))``.
    """
    n, m = draws // 2, 2 * chains
    if n < 2:
        return math.inf
    return max(LIMIT, math.sqrt((n - 1 + float(f.isf(level, m - 1, m * (n - 1)))) / n))


def normal_scores(x_SKV: Tensor) -> Tensor:
    """Return the standard normal quantiles of each value's ranks among all draws, ties sharing theirs (equation 14)."""
    flat = x_SKV.flatten(0, 1)
    ranks = torch.from_numpy(rankdata(flat.cpu().numpy(), axis=0)).double()
    scores: Tensor = torch.special.ndtri((ranks - 3 / 8) / (len(flat) + 1 / 4))
    return scores.reshape(x_SKV.shape)


def halves(x_SKV: Tensor) -> Tensor:
    """Return the first and the last half of every chain as chains, ``(S // 2, 2 K, V)``."""
    half = len(x_SKV) // 2
    return torch.cat([x_SKV[:half], x_SKV[-half:]], 1)


def autocovariance(x_SKV: Tensor) -> Tensor:
    """Return the autocovariance of each chain at lags 0 to S - 1, ``(S, K, V)``, over S at all lags."""
    n = len(x_SKV)
    spectrum = torch.fft.rfft(x_SKV - x_SKV.mean(0), 2 * n, dim=0)
    covariance: Tensor = torch.fft.irfft(spectrum * spectrum.conj(), 2 * n, dim=0)[:n] / n
    return covariance


def undefined(x_SKV: Tensor) -> Tensor:
    """Return NaN for every value."""
    return torch.full(x_SKV.shape[2:], math.nan, dtype=torch.float64)
