"""Metrics against references: closed forms and torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import multiclass_calibration_error
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as reference_ms_ssim

from bayesgan.baselines import label_spreading, logistic_regression
from bayesgan.data.labels import Training, prepare
from bayesgan.data.readers import Part
from bayesgan.data.sets import load
from bayesgan.data.toy import STD, centres
from bayesgan.metrics.calibration import reliability
from bayesgan.metrics.classification import brier, entropy, error, mutual_information, nll, risk_coverage
from bayesgan.metrics.detection import auroc
from bayesgan.metrics.diversity import diversity, diversity_between, ms_ssim, ms_ssim_between, ms_ssim_pairs
from bayesgan.metrics.modes import modes_and_kl, modes_found, reverse_kl
from bayesgan.metrics.wasserstein import critic_distance, critic_distances
from bayesgan.metrics.wasserstein import value as critic_value


def test_scores_on_three_images_by_hand() -> None:
    probs = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])
    y = torch.tensor([0, 0, 0])
    assert error(probs, y) == pytest.approx(100 / 3)
    assert nll(probs, y) == pytest.approx(-(math.log(0.7) + math.log(0.4) + math.log(0.5)) / 3, rel=1e-6)
    assert brier(probs, y) == pytest.approx((2 * 0.09 + 2 * 0.36 + 2 * 0.25) / 3, rel=1e-6)


def test_proper_scores_are_best_at_the_truth() -> None:
    truth, y = torch.tensor([[0.2, 0.8]]).repeat(10, 1), torch.tensor([0, 0] + [1] * 8)
    for p in (0.05, 0.1, 0.3, 0.5, 0.9):
        other = torch.tensor([[p, 1 - p]]).repeat(10, 1)
        assert nll(truth, y) < nll(other, y)
        assert brier(truth, y) < brier(other, y)


def test_nll_of_an_impossible_class_is_large_and_finite() -> None:
    assert 20 < nll(torch.tensor([[1.0, 0.0]]), torch.tensor([1])) < 40


def test_mutual_information_is_zero_for_agreement_and_log_2_for_contradiction() -> None:
    sure = torch.eye(2)
    assert mutual_information([sure, sure])[1].abs().max() < 1e-6
    mean, information = mutual_information([sure, sure.flip(0)])
    torch.testing.assert_close(mean, torch.full((2, 2), 0.5))
    torch.testing.assert_close(information, torch.full((2,), math.log(2)))
    torch.testing.assert_close(entropy(mean), torch.full((2,), math.log(2)))


@pytest.mark.parametrize("bins", [10, 15])
def test_calibration_error_equals_torchmetrics(bins: int) -> None:
    rng = torch.Generator().manual_seed(0)
    probs = torch.randn(2000, 5, generator=rng).mul(2).softmax(1)
    y = torch.randint(5, (2000,), generator=rng)
    expected = multiclass_calibration_error(probs, y, num_classes=5, n_bins=bins, norm="l1")
    assert reliability(probs, y, bins).ece == pytest.approx(expected.item(), abs=1e-6)


def test_a_calibrated_forecast_has_no_calibration_error() -> None:
    rng = torch.Generator().manual_seed(0)
    p = torch.rand(200_000, generator=rng)
    y = (torch.rand(200_000, generator=rng) < p).long()
    assert reliability(torch.stack([1 - p, p], 1), y).ece < 0.01
    assert reliability(torch.stack([1 - p, p], 1), 1 - y).ece > 0.3


@pytest.mark.parametrize(("size", "channels"), [(192, 1), (256, 3)])
def test_ms_ssim_equals_torchmetrics_where_that_one_accepts_the_size(size: int, channels: int) -> None:
    rng = torch.Generator().manual_seed(size)
    a = torch.nn.functional.interpolate(torch.rand(3, channels, 16, 16, generator=rng), size=size, mode="bicubic")
    b = (a + 0.2 * torch.rand(3, channels, size, size, generator=rng)).clamp(0, 1)
    for x, y, value in zip(a.clamp(0, 1), b, ms_ssim(a.clamp(0, 1), b), strict=True):
        assert value.item() == pytest.approx(reference_ms_ssim(x[None], y[None], data_range=1.0).item(), abs=1e-5)


@pytest.mark.parametrize("size", [8, 9, 16, 28, 33, 64, 128, 253, 256])
def test_diversity_is_zero_for_copies_and_grows_with_noise(size: int) -> None:
    rng = torch.Generator().manual_seed(0)
    one = torch.rand(1, 3, size, size + 3, generator=rng) * 2 - 1
    count = 10 if size <= 64 else 3
    assert diversity(one.repeat(count, 1, 1, 1)) == pytest.approx(0, abs=1e-5)
    noise = torch.randn(count, 3, size, size + 3, generator=rng)
    little, much = ((one + s * noise).clamp(-1, 1) for s in (0.05, 0.5))
    assert 0 < diversity(little) < diversity(much) <= 1


def test_pairs_are_all_pairs() -> None:
    x = torch.rand(5, 1, 8, 8)
    pairs = [ms_ssim(x[i : i + 1], x[j : j + 1]) for i in range(5) for j in range(i + 1, 5)]
    torch.testing.assert_close(ms_ssim_pairs(x), torch.cat(pairs))


def test_pairs_between_two_sets_are_all_pairs() -> None:
    x, y = torch.rand(3, 1, 8, 8), torch.rand(2, 1, 8, 8)
    pairs = [ms_ssim(x[i : i + 1], y[j : j + 1]) for i in range(3) for j in range(2)]
    torch.testing.assert_close(ms_ssim_between(x, y), torch.cat(pairs))
    assert diversity_between(2 * x - 1, 2 * y - 1) == pytest.approx(1 - torch.cat(pairs).mean().item(), abs=1e-6)


def test_diversity_between_particles_exceeds_that_within_them_where_each_has_its_own_images() -> None:
    rng = torch.Generator().manual_seed(0)
    images = 2 * torch.rand(200, 1, 8, 8, generator=rng) - 1
    assert diversity_between(images[:100], images[100:]) == pytest.approx(diversity(images), abs=0.01)
    one, other = images[:1].repeat(70, 1, 1, 1), images[1:2].repeat(70, 1, 1, 1)
    apart = 1 - ms_ssim((one[:1] + 1) / 2, (other[:1] + 1) / 2).item()
    assert diversity_between(one, other) == pytest.approx(apart, abs=1e-5)
    assert apart > 0.3 > diversity(one)


def test_risk_at_every_coverage_by_hand() -> None:
    probs = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    found = risk_coverage(probs, torch.tensor([0, 0, 0, 1]))
    torch.testing.assert_close(found.coverage, torch.tensor([0.25, 0.5, 0.75, 1], dtype=torch.float64))
    torch.testing.assert_close(found.risk, torch.tensor([0, 1 / 2, 1 / 3, 1 / 4], dtype=torch.float64))
    assert found.area == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_area_of_perfect_and_of_useless_confidence() -> None:
    """With errors last, the risk at coverage c is ``max(0, 1 - (1 - e) / c)``, of area ``e + (1 - e) log(1 - e)``."""
    y = (torch.arange(10_000) >= 7000).long()
    sure = torch.linspace(0.9, 0.6, 10_000)
    area = 0.3 + 0.7 * math.log(0.7)
    assert risk_coverage(torch.stack([sure, 1 - sure], 1), y).area == pytest.approx(area, abs=1e-3)
    assert risk_coverage(torch.tensor([[0.9, 0.1]]).repeat(10_000, 1), y).area == pytest.approx(0.3, abs=1e-12)


def test_auroc_equals_scikit_learn_with_ties() -> None:
    rng = torch.Generator().manual_seed(0)
    inside, outside = torch.randint(20, (300,), generator=rng), torch.randint(5, 25, (200,), generator=rng)
    truth = [0] * 300 + [1] * 200
    assert auroc(inside, outside) == pytest.approx(roc_auc_score(truth, torch.cat([inside, outside])), abs=1e-12)
    assert auroc(torch.zeros(3), torch.ones(2)) == 1
    assert auroc(torch.ones(3), torch.ones(2)) == 0.5


def test_every_class_that_occurs_is_a_mode() -> None:
    assert modes_and_kl(torch.arange(1000).repeat(3), 1000) == (1000, pytest.approx(0, abs=1e-12))
    assert modes_and_kl(torch.full((500,), 7), 1000) == (1, pytest.approx(math.log(1000)))
    assert modes_and_kl(torch.arange(250), 1000) == (250, pytest.approx(math.log(4)))


def test_reverse_kl_is_that_of_scipy() -> None:
    counts = torch.tensor([5, 0, 1, 14])
    assert reverse_kl(counts) == pytest.approx(scipy.stats.entropy(counts.numpy(), [1 / 4] * 4), abs=1e-12)


def test_modes_are_counted_where_points_are() -> None:
    middle = torch.from_numpy(centres("ring"))
    rng = torch.Generator().manual_seed(0)
    points = middle[torch.randint(5, (2500,), generator=rng)] + STD * torch.randn(2500, 2, generator=rng)
    found, quality = modes_found(points, middle, STD)
    assert found == 5
    assert quality == pytest.approx(1 - math.exp(-4.5), abs=0.01)  # P(|N(0, I_2)| < 3)
    lonely = torch.cat([points[:2481], middle[7] + torch.zeros(19, 2)])
    assert modes_found(lonely, middle, STD)[0] == 5
    assert modes_found(torch.cat([lonely[1:], middle[7:8]]), middle, STD)[0] == 6
    assert modes_found(torch.zeros(2500, 2), middle, STD) == (0, 0.0)


def critic_relative_error(seeds: Iterable[int], distances: Iterable[float], dims: int = 1) -> float:
    """Return the worst relative error of any value of the critic, for Gaussians ``distances`` apart along one axis.

    The optimal critic of a shift is linear, and the Wasserstein distance its length.
    """
    errors = []
    for seed, distance in product(seeds, distances):
        rng = torch.Generator().manual_seed(seed)
        real, fake, test, fresh = torch.randn(4, 20_000, dims, generator=rng)
        shift = distance * torch.eye(dims)[0]
        found = critic_distances(real, fake + shift, {"test": test}, fresh + shift, seed=seed)
        assert list(found) == ["validation", "test"]
        errors += [abs(value / distance - 1) for value in found.values()]
    return max(errors)


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
def test_critic_measures_how_far_two_gaussians_are_apart(distance: float) -> None:
    assert critic_relative_error(range(5), [distance]) < 0.1


def test_critics_of_halves_and_of_whole_sets_are_one_critic() -> None:
    real, fake, test, fresh = torch.randn(4, 500, 2, generator=torch.Generator().manual_seed(0))
    whole = critic_distances(real, fake + 1, {"train": real[:100], "test": test}, fresh + 1, steps=20, seed=3)
    halves = critic_distance(torch.cat([real, test]), torch.cat([fake, fresh]) + 1, steps=20, seed=3)
    assert whole["test"] == pytest.approx(halves.held_out, rel=1e-6)
    assert list(whole) == ["validation", "train", "test"]


def test_an_overfitted_critic_sees_its_own_images_farthest_and_copied_ones_nearest() -> None:
    """Samples are copies of training images: the only real images that are no farther than other samples."""
    train, validation, test = torch.randn(3, 60, 20, generator=torch.Generator().manual_seed(0))
    noise = 0.05 * torch.randn(2, 2000, 20, generator=torch.Generator().manual_seed(1))
    fake, fresh = train[torch.arange(2000) % 60] + noise
    found = critic_distances(validation, fake, {"train": train, "test": test}, fresh)
    assert abs(found["train"]) < 0.05
    assert found["train"] + 0.1 < found["test"] < found["validation"] - 0.1


def test_critic_finds_nothing_between_equals() -> None:
    real, fake = torch.randn(2, 40_000, 2, generator=torch.Generator().manual_seed(0))
    assert abs(critic_distance(real, fake).held_out) < 0.05


def test_critic_of_images_measures_a_shift_of_all_pixels_and_shows_overfitting() -> None:
    rng = torch.Generator().manual_seed(0)
    images = torch.from_numpy(load("digits").train.images).float() / 127.5 - 1
    real, fake = images[torch.randperm(len(images), generator=rng)].tensor_split(2)
    shift = torch.randn(1, 8, 8, generator=rng)
    found = critic_distance(real, fake + 4 * shift / shift.norm(), steps=200)
    assert found.held_out == pytest.approx(4, rel=0.1)
    alike = critic_distance(real[:200], fake[:200], steps=200)
    assert alike.train > alike.held_out + 0.1


def test_a_steep_critic_is_no_distance() -> None:
    real, fake = torch.randn(2, 1000, 1, generator=torch.Generator().manual_seed(0))
    gap = (real.mean() - fake.mean()).item()
    for slope, expected in ((5.0, gap), (1.0, gap), (0.5, gap / 2), (-5.0, -gap)):
        assert critic_value(lambda x, s=slope: s * x[:, 0], real, fake, seed=0) == pytest.approx(expected, rel=1e-4)


def test_labels_spread_over_fewer_images_than_neighbours() -> None:
    images = np.repeat(np.array([0, 250, 5, 245], np.uint8), 64).reshape(4, 1, 8, 8)
    data = Training("few", (1, 8, 8), ("dark", "light"), images, np.array([0, 1]), np.array([0, 1]))
    assert label_spreading(data, Part(images, np.array([0, 1, 0, 1]))) <= 50


def test_baselines_reproduce_what_scikit_learn_is_known_for_on_the_digits() -> None:
    splits = [prepare(load("digits"), 100, seed) for seed in range(3)]
    parts = [(split.training, split.test.open()) for split in splits]
    spreading = np.mean([label_spreading(*p) for p in parts])
    logistic = np.mean([logistic_regression(*p) for p in parts])
    assert 2.5 < spreading < 7
    assert 7 < logistic < 14
