"""Distances and divergences of whole sets against closed forms, quadrature and scipy."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.metrics.divergence import plane_divergence
from bayesgan.metrics.sliced import line_distance, sliced_distance
from bayesgan.metrics.transport import transport_distance


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 70), (1, 9)])
def test_distance_on_a_line_equals_scipy_also_for_unequal_counts(n: int, m: int) -> None:
    a, b = normal(n, 3).double().sort(0).values, 2 * normal(m, 3, seed=1).double().sort(0).values
    expected = [scipy.stats.wasserstein_distance(a[:, p], b[:, p]) for p in range(3)]
    np.testing.assert_allclose(line_distance(a, b), expected, rtol=1e-10)


@pytest.mark.parametrize("dims", [2, 3, 192])
def test_sliced_distance_of_a_shift_is_its_mean_shadow(dims: int) -> None:
    """``E |<u, d>| = |d| Gamma(D/2) / (sqrt(pi) Gamma((D+1)/2))``: 2/pi of the length in the plane, 1/2 in space."""
    x, shift = normal(200, dims), 3 * torch.eye(dims)[0]
    mean = 3 * math.exp(math.lgamma(dims / 2) - math.lgamma((dims + 1) / 2)) / math.sqrt(math.pi)
    assert sliced_distance(x, x + shift, projections=4000) == pytest.approx(mean, rel=0.05)
    assert sliced_distance(x, x.flip(0)) == 0


def test_sliced_distance_of_gaussians_takes_images_of_unequal_counts_and_follows_the_seed() -> None:
    """Standard deviations 1 and 3 are 2 sqrt(2 / pi) apart in every direction."""
    x, y = normal(20_000, 1, 2, 2), 3 * normal(15_000, 1, 2, 2, seed=1)
    found = sliced_distance(x, y, projections=20)
    assert found == pytest.approx(2 * math.sqrt(2 / math.pi), rel=0.02)
    assert found == sliced_distance(x, y, projections=20) != sliced_distance(x, y, projections=20, seed=1)


def test_exact_transport_finds_the_best_of_all_pairings() -> None:
    x, y = normal(6, 2, 2), normal(6, 2, 2, seed=1) + 1
    costs = torch.cdist(x.flatten(1).double(), y.flatten(1).double())
    best = min(costs[torch.arange(6), list(order)].mean().item() for order in permutations(range(6)))
    assert transport_distance(x, y) == pytest.approx(best, rel=1e-9)


def test_exact_transport_of_a_shift_is_its_length() -> None:
    x = normal(300, 5)
    assert transport_distance(x, x.flip(0) + 2) == pytest.approx(2 * math.sqrt(5), rel=1e-6)


def test_exact_transport_is_for_equal_small_sets() -> None:
    with pytest.raises(UsageError, match="expected equally many"):
        transport_distance(torch.zeros(3, 1), torch.zeros(4, 1))
    with pytest.raises(UsageError, match="2001 points: expected at most 2000"):
        transport_distance(torch.zeros(2001, 1), torch.zeros(2001, 1))


def quadrature(shift: float, scale: float) -> float:
    """Jensen-Shannon divergence of ``N(0, diag(4, 1))`` and ``N((shift, 0), scale^2 diag(4, 1))`` on a fine grid."""
    x, y = np.meshgrid(np.linspace(-30, 30, 1201), np.linspace(-15, 15, 601), indexing="ij")

    def density(mean: float, factor: float) -> np.ndarray:
        exponent = ((x - mean) / 2 / factor) ** 2 + (y / factor) ** 2
        p: np.ndarray = np.exp(-exponent / 2) + 1e-300
        return p / p.sum()

    p, q = density(0, 1), density(shift, scale)
    m = (p + q) / 2
    return float((p * np.log(p / m) + q * np.log(q / m)).sum() / 2)


@pytest.mark.parametrize(("shift", "scale"), [(1.0, 1.0), (3.0, 1.0), (0.0, 2.0), (4.0, 0.5)])
def test_divergence_of_gaussians_is_within_a_hundredth_of_quadrature(shift: float, scale: float) -> None:
    """10,000 points of five dimensions, three of them small: the plane is that of the first two."""
    spread = torch.tensor([0.1, 2.0, 0.1, 1.0, 0.1])
    real = normal(10_000, 5) * spread
    fake = normal(10_000, 5, seed=1) * spread * scale + shift * torch.eye(5)[1]
    assert plane_divergence(real, fake) == pytest.approx(quadrature(shift, scale), abs=0.01)


def test_divergence_is_zero_for_the_same_set_and_log_2_for_disjoint_ones() -> None:
    x = normal(3000, 4)
    assert plane_divergence(x, x.flip(0)) == pytest.approx(0, abs=1e-9)
    assert plane_divergence(x, normal(3000, 4, seed=1)) < 0.03
    far = torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, -1]
    for distance in (20, 1e5):
        assert plane_divergence(x, x + distance * far) == pytest.approx(math.log(2), abs=1e-6)
    assert plane_divergence(x, torch.zeros(3000, 4)) > 0.3


def test_a_single_fake_that_strays_does_not_blur_the_others() -> None:
    real, fake = normal(2000, 2), normal(2000, 2, seed=1) + torch.tensor([3.0, 0.0])
    there = plane_divergence(real, fake)
    for distance in (100.0, 1000.0, 1e6):
        strayed = torch.cat([fake[:-1], torch.full((1, 2), distance)])
        assert plane_divergence(real, strayed) == pytest.approx(there, abs=0.03)


def test_divergence_depends_on_counts_and_asks_for_equal_ones() -> None:
    with pytest.raises(UsageError, match="expected equally many"):
        plane_divergence(normal(10, 2), normal(9, 2))
    with pytest.raises(UsageError, match="of 2 values or more"):
        plane_divergence(normal(10, 1), normal(10, 1))
