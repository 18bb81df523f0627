"""Metrics of features against closed forms, torchmetrics and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from bayesgan.errors import UsageError
from bayesgan.metrics.coverage import Coverage, coverage
from bayesgan.metrics.frechet import Moments, frechet_distance, moments
from bayesgan.metrics.inception import inception_score
from bayesgan.metrics.kernel import kernel_distance


class Identity(nn.Module):
    """Features are the inputs: what torchmetrics takes for a network."""

    num_features = 16

    def forward(self, x: Tensor) -> Tensor:
        return x


def features(count: int, seed: int, shift: float = 0.0) -> Tensor:
    """Correlated features ``(count, 16)``, float64."""
    mix = torch.randn(16, 16, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    return (torch.randn(count, 16, generator=rng, dtype=torch.float64) + shift) @ (mix * (1 + shift))


@pytest.mark.parametrize("count", [300, 10])  # 10 features of 16 dimensions: both covariances are singular
def test_frechet_distance_equals_torchmetrics(count: int) -> None:
    real, fake = features(count, 0), features(count + 3, 1, 0.2)
    metric = FrechetInceptionDistance(feature=Identity()).set_dtype(torch.float64)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    assert frechet_distance(moments(real), moments(fake)) == pytest.approx(metric.compute().item(), rel=1e-6)


def test_frechet_distance_of_gaussians_whose_axes_agree() -> None:
    """``|d|^2 + sum (s - t)^2``: standard deviations s and t along common axes, some of them 0."""
    axes = torch.linalg.qr(features(16, 3))[0]
    s, t = torch.linspace(0, 3, 16).double(), torch.linspace(2, 0, 16).double()
    mean = torch.ones(16, dtype=torch.float64)
    a, b = (Moments(m, axes @ torch.diag(sd**2) @ axes.T) for m, sd in ((mean, s), (3 * mean, t)))
    expected = 16 * 4 + (s - t).square().sum().item()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_equal_features_is_zero_also_where_the_covariance_is_singular() -> None:
    for count in (300, 5):
        found = moments(features(count, 0))
        assert 0 <= frechet_distance(found, found) < 1e-9 * found.cov.trace().item()


def test_moments_are_those_of_numpy_over_chunks_and_far_from_zero() -> None:
    x = features(9000, 0).float() + 1000
    found = moments(x)
    np.testing.assert_allclose(found.mean, x.double().mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.cov, np.cov(x.double().numpy().T), rtol=1e-8, atol=1e-8)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`")
def test_kernel_distance_equals_torchmetrics_on_whole_sets() -> None:
    real, fake = features(200, 0) / 4, features(200, 1, 0.2) / 4
    metric = KernelInceptionDistance(feature=Identity(), subsets=2, subset_size=200)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    mean, sd = kernel_distance(real, fake, subsets=2)
    assert mean == pytest.approx(metric.compute()[0].item(), rel=1e-6)
    assert sd == pytest.approx(0, abs=1e-9 * mean)


def test_kernel_distance_of_equal_distributions_is_zero_on_average_and_follows_the_seed() -> None:
    x, y = (torch.randn(2000, 8, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    mean, sd = kernel_distance(x, y, subsets=50, size=100)
    assert abs(mean) < 4 * sd / math.sqrt(50)
    assert (mean, sd) == kernel_distance(x, y, subsets=50, size=100) != kernel_distance(x, y, 50, 100, seed=1)
    assert kernel_distance(x, y + 1, subsets=50, size=100)[0] > 10 * sd


def test_kernel_distance_of_two_points_by_hand() -> None:
    """Of points at 0 and at a on the line: k(0, 0) = 1 = k(0, a), k(a, a) = (a^2 + 1)^3."""
    zero, a = torch.zeros(5, 1), torch.full((5, 1), 2.0)
    assert kernel_distance(zero, a, subsets=1)[0] == pytest.approx(1 + 125 - 2)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`", "ignore:std")
def test_inception_score_equals_torchmetrics() -> None:
    logits = 3 * features(500, 0)
    metric = InceptionScore(feature=Identity(), splits=1)
    metric.update(logits)
    assert inception_score(logits.softmax(1), splits=1)[0] == pytest.approx(metric.compute()[0].item(), rel=1e-6)


def test_inception_score_is_one_for_one_class_or_no_idea_and_the_number_of_classes_at_best() -> None:
    sure = torch.eye(10).repeat(20, 1)
    assert inception_score(sure) == (pytest.approx(10), pytest.approx(0, abs=1e-9))
    assert inception_score(sure[:1].repeat(200, 1))[0] == pytest.approx(1)
    assert inception_score(torch.full((200, 10), 0.1))[0] == pytest.approx(1)


def test_splits_of_the_inception_score_are_consecutive() -> None:
    ordered = torch.eye(2).repeat_interleave(50, 0)
    assert inception_score(ordered, splits=2)[0] == pytest.approx(1)
    assert inception_score(ordered, splits=1)[0] == pytest.approx(2)
    halves = torch.cat([torch.eye(2).repeat(25, 1), torch.eye(2)[:1].repeat(50, 1)])
    assert inception_score(halves, splits=2) == (pytest.approx(1.5), pytest.approx(0.5))
    with pytest.raises(UsageError, match="5 images in 10 splits"):
        inception_score(torch.eye(5))


def coverage_by_loops(real: np.ndarray, fake: np.ndarray, k: int) -> Coverage:
    """The definitions, word by word."""

    def radius(points: np.ndarray, i: int) -> float:
        return sorted(np.linalg.norm(points - points[i], axis=1))[k]

    real_radii = [radius(real, i) for i in range(len(real))]
    fake_radii = [radius(fake, j) for j in range(len(fake))]
    in_real, in_fake = np.zeros((len(fake), len(real)), bool), np.zeros((len(fake), len(real)), bool)
    for j, y in enumerate(fake):
        for i, x in enumerate(real):
            distance = np.linalg.norm(x - y)
            in_real[j, i], in_fake[j, i] = distance <= real_radii[i], distance <= fake_radii[j]
    density = in_real.sum() / (k * len(fake))
    return Coverage(in_real.any(1).mean(), in_fake.any(0).mean(), density, in_real.any(0).mean())


@pytest.mark.parametrize("entries", [2**22, 3000])
def test_coverage_equals_loops(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesgan.metrics.distances.ENTRIES", entries)
    real, fake = features(500, 0)[:, :4], features(400, 1, 0.5)[:, :4]
    found, expected = coverage(real, fake), coverage_by_loops(real.numpy(), fake.numpy(), 5)
    assert found == expected
    assert min(found.precision, found.recall, found.coverage) > 0
    assert max(found.precision, found.recall, found.coverage) < 1


def test_coverage_of_copies_of_two_modes_and_of_strangers() -> None:
    real = features(200, 0)
    assert coverage(real, real) == Coverage(1, 1, pytest.approx(6 / 5), 1)
    far = coverage(real, real + 1000)
    assert far == Coverage(0, 0, 0, 0)
    lost = coverage(torch.cat([real, real + 1000]), real)
    assert (lost.precision, lost.recall, lost.coverage) == (1, 0.5, 0.5)
    with pytest.raises(UsageError, match="expected more than 5 of each"):
        coverage(real, real[:5])
