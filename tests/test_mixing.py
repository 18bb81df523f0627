"""R-hat, effective sample size and the test of departure, against known answers and with stated error rates."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from bayesgan.metrics.agreement import distance, spread, total_variation, variety
from bayesgan.metrics.departure import LEVEL, departure
from bayesgan.metrics.mixing import autocovariance, effective_size, normal_scores, rhat_limit, split_rhat
from bayesgan.samplers import SGHMC


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def autoregressive(noise: Tensor, r: float) -> Tensor:
    """Return stationary AR(1) processes with coefficient r along the first dimension."""
    rows = [noise[0]]
    for xi in noise[1:]:
        rows.append(r * rows[-1] + math.sqrt(1 - r * r) * xi)
    return torch.stack(rows)


def test_independent_draws_have_mixed_and_count_fully() -> None:
    x = normal(1000, 4, 50)
    assert (split_rhat(x) - 1).abs().max() < 0.005
    assert effective_size(x).mean() == pytest.approx(4000, rel=0.03)
    assert (effective_size(x) / 4000 - 1).abs().max() < 0.25


@pytest.mark.parametrize("r", [0.3, 0.6, 0.9, -0.4])
def test_effective_size_of_an_autoregressive_process(r: float) -> None:
    n = effective_size(autoregressive(normal(4000, 4, 40), r))
    assert n.mean() == pytest.approx(16000 * (1 - r) / (1 + r), rel=0.06)


def test_chains_apart_have_not_mixed_whatever_the_scale() -> None:
    x = normal(200, 4, 3)
    x[:, 0] += 3
    assert (split_rhat(x) > 1.3).all() and (effective_size(x) < 12).all()
    torch.testing.assert_close(split_rhat(x.exp()), split_rhat(x))


def test_rhat_is_the_textbook_formula_on_normal_scores() -> None:
    x = normal(30, 3, 2)
    z = normal_scores(x)
    halves = torch.cat([z[:15], z[15:]], 1)
    for v in range(2):
        chains = [halves[:, c, v] for c in range(6)]
        w = sum(c.var() for c in chains) / 6
        b = 15 * torch.stack([c.mean() for c in chains]).var()
        assert split_rhat(x)[v].item() == pytest.approx(math.sqrt((14 / 15 * w + b / 15) / w))


def test_a_single_chain_that_drifts_disagrees_with_itself() -> None:
    drift = torch.linspace(0, 5, 40)[:, None, None] + normal(40, 1, 5)
    assert (split_rhat(drift) > 1.5).all()


def test_autocovariance_is_that_of_a_loop() -> None:
    x = normal(7, 1, 1)
    z = (x - x.mean(0)).flatten()
    for lag in range(7):
        assert autocovariance(x)[lag].item() == pytest.approx((z[: 7 - lag] * z[lag:]).sum().item() / 7, abs=1e-12)


def test_what_never_changes_says_nothing_and_what_stands_apart_has_not_mixed() -> None:
    same = torch.ones(20, 3, 2)
    assert split_rhat(same).isnan().all() and effective_size(same).isnan().all()
    apart = torch.arange(3.0)[None, :, None].expand(20, 3, 2)
    assert (split_rhat(apart) > 1e6).all() and (effective_size(apart) < 10).all()
    assert split_rhat(normal(3, 2, 2)).isnan().all() and effective_size(normal(3, 2, 2)).isnan().all()


@pytest.mark.parametrize(("draws", "chains"), [(10, 1), (20, 1), (20, 5), (40, 2)])
def test_independent_draws_stay_below_the_limit(draws: int, chains: int) -> None:
    """The limit is exact for halves of normal values; scores of few ranks are not quite normal."""
    found = (split_rhat(normal(draws, chains, 4000)) > rhat_limit(draws, chains)).double().mean()
    assert found < 2.5 * LEVEL
    assert rhat_limit(1000, 10) == 1.05 and rhat_limit(3, 1) == math.inf


def alarms(paths: Tensor) -> float:
    """Return how often chains ``(S + 1, R, V)``, started at their first row, are said not to have left it."""
    distances = (paths[1:] - paths[0]).square().mean(-1)
    found = [departure(distances[:, r]) for r in range(paths.shape[1])]
    return sum(test is not None and not test.left for test in found) / len(found)


@pytest.mark.parametrize("draws", [10, 20, 40, 100])
@pytest.mark.parametrize("values", [1, 30])
def test_a_chain_at_rest_is_rarely_said_to_be_on_its_way(draws: int, values: int) -> None:
    """Nominally in 1 % of the cases where draws are independent; more often where neighbours are alike."""
    assert alarms(normal(draws + 1, 600, values)) < 0.025
    assert alarms(autoregressive(normal(draws + 1, 600, values), 0.5)) < 0.06


def test_a_chain_that_started_at_the_mode_and_rests_is_not_blamed_for_it() -> None:
    """Every draw is nearer to the mode than to another draw: closeness is no sign of a chain that did not move."""
    paths = normal(21, 600, 30)
    paths[0] = 0
    assert alarms(paths) < 0.025


@pytest.mark.parametrize(("draws", "power"), [(10, 0.7), (20, 0.9), (40, 0.9)])
def test_a_walk_with_tiny_steps_is_caught(draws: int, power: float) -> None:
    assert alarms(1e-6 * normal(draws + 1, 400, 100).cumsum(0)) > power


def sampled(temperature: float, lr: float, gradient_noise: float, steps: int = 4000) -> Tensor:
    """Run SGHMC on a quadratic of 40 curvatures from its optimum, 20 chains: ``(20 + 1, 20, V)``."""
    curvature, rng = torch.logspace(-1, 0, 40), torch.Generator().manual_seed(0)
    w = nn.Parameter(torch.zeros(20, 40))
    sampler = SGHMC([w], lr, 1000, friction=1.0, temperature=temperature, seeds=range(20))
    kept = [w.detach().clone()]
    for step in range(steps):
        w.grad = curvature * w.detach() + gradient_noise * torch.randn(20, 40, generator=rng)
        sampler.step()
        if (step + 1) % (steps // 20) == 0:
            kept.append(w.detach().clone())
    return torch.stack(kept)


def test_a_proper_temperature_arrives_and_that_of_the_released_code_is_still_on_its_way() -> None:
    """At 4e-13 and a small step minibatches drag the weights about, and the bank ends before they have spread."""
    assert alarms(sampled(1.0, lr=0.5, gradient_noise=0.0)) < 0.1
    assert alarms(sampled(4e-13, lr=5e-4, gradient_noise=0.01)) > 0.9


def test_draws_that_never_moved_have_not_left_and_few_say_nothing() -> None:
    still, steady, slow = (departure(d) for d in (torch.zeros(10), torch.arange(1.0, 11), 1 + torch.arange(20) / 1e3))
    assert departure(torch.zeros(9)) is None
    assert still is not None and not still.left and still.growth == math.inf
    assert steady is not None and not steady.left and steady.p_value == pytest.approx(1 / 120)
    assert slow is not None and slow.p_value < LEVEL and slow.left


def test_distances_between_draws_are_those_of_loops() -> None:
    p = normal(4, 2, 3, 5).softmax(-1)
    pairs = [(p[i] - p[j]).abs().sum(-1).mean().item() / 2 for i in range(4) for j in range(4) if i != j]
    assert total_variation(p) == pytest.approx(sum(pairs) / len(pairs))
    assert total_variation(p[:1]) == 0
    x = normal(5000, 2, 3) * 0.5 + torch.tensor([0.0, 2.0])[:, None]
    within, over_all = spread(x)
    assert within == pytest.approx(0.5, rel=0.03) and over_all == pytest.approx(math.sqrt(0.25 + 1), rel=0.03)
    a = normal(6, 3)
    apart = [(a[i] - a[j]).square().mean().item() for i in range(6) for j in range(6) if i != j]
    assert variety(a) == pytest.approx(math.sqrt(sum(apart) / len(apart)))
    assert distance(a, a + 2) == pytest.approx(2)
