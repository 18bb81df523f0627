"""How many images there are, whether they are copies, and whether paths between them are smooth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.metrics.neighbours import memorisation, nearest
from bayesgan.metrics.support import duplicate_distance, first_duplicate, support
from bayesgan.metrics.traversal import largest_step


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def draws(size: int, count: int, noise: float = 0.0) -> Tensor:
    """Return ``count`` draws of ``size`` images of 1x4x4, equally frequent, with noise."""
    images = normal(size, 1, 4, 4)
    chosen = images[torch.randint(size, (count,), generator=torch.Generator().manual_seed(1))]
    return chosen + noise * normal(*chosen.shape, seed=2)


@pytest.mark.parametrize("size", [100, 400, 1600])
def test_support_of_a_uniform_distribution_is_found_within_a_third(size: int) -> None:
    found = support(draws(size, 20_000, noise=1e-3), threshold=0.05, size=100)
    assert found.estimate == pytest.approx(size, rel=1 / 3)


def test_collisions_follow_the_birthday_curve() -> None:
    found = support(draws(400, 40_000), threshold=0.0, size=60)
    for s in (10, 23, 40, 60):
        exact = 1 - math.exp(sum(math.log1p(-i / 400) for i in range(s)))
        assert found.probability[s].item() == pytest.approx(exact, abs=0.05)
    assert found.probability[:2].tolist() == [0, 0]


def test_too_large_a_support_has_no_estimate() -> None:
    assert support(normal(500, 8), threshold=0.0, size=100).estimate is None


def test_the_first_duplicate_is_the_second_of_two() -> None:
    batch = torch.tensor([[0.0], [5.0], [9.0], [5.1], [0.0]])
    assert [int(first_duplicate(batch, threshold)) for threshold in (0.0, 0.2, 4.0, 5.0)] == [5, 4, 3, 2]
    assert int(first_duplicate(batch[:4], 0.05)) == 5


def test_batches_are_no_larger_than_what_there_is() -> None:
    with pytest.raises(UsageError, match="batches of 10 from 9 samples"):
        support(normal(9, 1), 1.0, size=10)


def test_duplicate_distance_is_a_low_quantile_of_nearest_neighbours() -> None:
    line = torch.cat([torch.arange(99.0), torch.tensor([98.25])])[:, None]
    assert duplicate_distance(line, share=0.01) == pytest.approx(0.25)
    assert duplicate_distance(line, share=0.5) == pytest.approx(1.0)


@pytest.mark.parametrize("entries", [2**22, 500])
def test_nearest_training_images_are_those_of_all_distances(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesgan.metrics.distances.ENTRIES", entries)
    x, train = normal(40, 1, 3, 3), normal(70, 1, 3, 3, seed=1)
    rows, distances = nearest(torch.cat([x, train[5:6]]), train)
    expected = torch.stack([(train.double() - one.double()).square().sum((1, 2, 3)).sqrt() for one in x])
    assert rows[:-1].tolist() == expected.argmin(1).tolist()
    torch.testing.assert_close(distances[:-1], expected.amin(1))
    assert (int(rows[-1]), distances[-1].item()) == (5, 0.0)


def test_copies_are_remembered_and_fresh_draws_are_not() -> None:
    train, held_out, fresh = (normal(1000, 1, 3, 3, seed=seed) for seed in range(3))
    honest = memorisation(fresh, held_out, train)
    assert honest.ratio == pytest.approx(1, abs=0.05)
    assert honest.closer == pytest.approx(0.5, abs=0.05)
    copied = memorisation(train[:300], held_out, train)
    assert (copied.ratio, copied.closer) == (0.0, 1.0)
    near = memorisation(train[:300] + 0.05 * fresh[:300], held_out, train)
    assert near.ratio < 0.2
    assert near.closer > 0.95


def test_the_largest_step_of_even_paths_is_one_and_of_jumps_all() -> None:
    t = torch.linspace(0, 1, 9)[None, :, None, None, None]
    a, b = normal(5, 1, 3, 4, 4), normal(5, 1, 3, 4, 4, seed=1)
    even, jump = a + t * (b - a), torch.where(t < 0.4, a, b)
    assert largest_step(even) == pytest.approx(1, abs=1e-5)
    assert largest_step(jump) == pytest.approx(8)
    assert largest_step(torch.cat([even, jump])) == pytest.approx(4.5, abs=1e-5)
    assert largest_step(a.expand(5, 9, 3, 4, 4)) == 1
