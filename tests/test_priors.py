"""Priors against torch.distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import distributions as D

from bayesgan.priors import Box, Flat, Laplace, Normal, Prior
from contract import close

PARAMS = {"a": torch.linspace(-1.2, 0.9, 6, dtype=torch.float64).view(2, 3), "b": torch.tensor([0.3]).double()}
ZERO = torch.zeros((), dtype=torch.float64)
FLAT = torch.cat([leaf.flatten() for leaf in PARAMS.values()])


@pytest.mark.parametrize(
    ("prior", "known"),
    [
        (Normal(0.7), D.Normal(ZERO, ZERO + 0.7)),
        (Normal(math.sqrt(10)), D.Normal(ZERO, ZERO + math.sqrt(10))),
        (Laplace(0.4), D.Laplace(ZERO, ZERO + 0.4)),
        (Box(1.5), D.Uniform(ZERO - 1.5, ZERO + 1.5)),
    ],
    ids=["Normal", "paper", "Laplace", "Box"],
)
def test_log_prob_is_the_sum_of_a_known_density(prior: Prior, known: D.Distribution) -> None:
    close(prior.log_prob(PARAMS), known.log_prob(FLAT).sum())


def test_flat_is_zero_everywhere() -> None:
    assert Flat().log_prob(PARAMS) == 0


@pytest.mark.parametrize(
    ("prior", "slope"), [(Normal(0.7), lambda w: -w / 0.49), (Laplace(0.4), lambda w: -w.sign() / 0.4)], ids=["N", "L"]
)
def test_gradient_is_the_slope_of_the_log_density(prior: Prior, slope: Callable[[Tensor], Tensor]) -> None:
    params = {name: leaf.clone().requires_grad_() for name, leaf in PARAMS.items()}
    prior.log_prob(params).backward()
    close({n: w.grad for n, w in params.items()}, {n: slope(w.detach()) for n, w in params.items()})


def test_outside_the_box_nothing_is_possible() -> None:
    assert Box(1.0).log_prob(PARAMS) == -math.inf
    one_out = {"a": torch.stack([torch.zeros(3), torch.tensor([0.0, 0.0, 0.2])])}
    close(torch.vmap(Box(0.1).log_prob)(one_out), torch.tensor([-3 * math.log(0.2), -math.inf]), rtol=1e-6)


@pytest.mark.parametrize("bound", [0.01, 0.1, 0.3, 1 / 3])
def test_projection_clips_into_the_box_in_place(bound: float) -> None:
    leaf = torch.linspace(-1, 1, 40).view(2, 20).requires_grad_()
    params, inside = {"a": leaf}, leaf.detach().abs() < bound
    before = leaf.detach().clone()
    Box(bound).project_(params)
    assert params["a"] is leaf and leaf.requires_grad
    assert torch.equal(leaf[inside], before[inside])
    assert torch.equal(leaf[~inside].abs(), torch.full_like(leaf[~inside], bound))
    assert Box(bound).log_prob(params).isfinite()


@pytest.mark.parametrize("prior", [Flat(), Normal(), Laplace()], ids=repr)
def test_unbounded_priors_project_nothing(prior: Prior) -> None:
    leaf = torch.linspace(-1, 1, 40)
    prior.project_({"a": leaf})
    assert torch.equal(leaf, torch.linspace(-1, 1, 40))
