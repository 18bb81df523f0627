"""Whole posteriors that are known, from every sampler, with the options that a run gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bayesgan.particles import Ensemble
from bayesgan.posterior import Game, log_posterior
from bayesgan.priors import Normal
from bayesgan.samplers import AdamSpec, Cyclical, SGHMCSpec, SGLDSpec, SGNHTSpec
from bayesgan.samplers.specs import SamplerSpec, Setting
from chains import one_stream
from contract import close, numbers
from problems import LinearRegression, LogisticRegression, slope

Problem = LinearRegression | LogisticRegression
Data = tuple[Tensor, Tensor]


class Chains:
    """A thousand chains of a regression that step as a run does, along gradients written out: autograd is slow.

    That those are the gradients of a game is tested below.
    """

    def __init__(self, problem: Problem, spec: SamplerSpec, steps: int, burn_in: int = 0, count: int = 1000) -> None:
        self.problem, self.spec, self.data = problem, spec, (problem.x, problem.y)
        self.setting = Setting(len(problem.x), burn_in, burn_in + steps, range(count), {})
        self.w = (0.1 * numbers(count, problem.x.shape[1])).float().requires_grad_()
        self.optimiser = spec.build([self.w], self.setting)
        one_stream(self.optimiser.sampler if burn_in else self.optimiser)

    def step(self, step: int, batch: Data | None = None) -> Tensor:
        """Take a step on all data or on a batch; return the weights (K, D)."""
        self.optimiser.param_groups[0].update(self.spec.options(step, self.setting))
        self.w.grad = -slope(self.problem, self.w.detach(), *(batch or self.data))
        self.optimiser.step()
        return self.w.detach().double()

    def draws(self, warm: int, thin: int = 10, batches: Callable[[], Data | None] = lambda: None) -> Tensor:
        """Return the weights that a bank would keep after ``warm`` steps, ``(S, D)``: every ``thin`` while sampling."""
        found, start = [], self.setting.burn_in
        for step in range(self.setting.steps):
            w = self.step(step, batches())
            due = step >= start + warm and (step + 1 - start) % thin == 0
            if due and self.spec.samples(step, self.setting):
                found.append(w)
        return torch.cat(found)


def agree(draws: Tensor, mean: Tensor, covariance: Tensor, tolerance: float = 0.03) -> None:
    """Means within 3 % of a posterior standard deviation, standard deviations within 3 %, covariances within 6 %."""
    sd = covariance.diagonal().sqrt()
    assert ((draws.mean(0) - mean) / sd).abs().max() < tolerance
    assert (draws.std(0) / sd - 1).abs().max() < tolerance
    assert ((draws.T.cov() - covariance) / torch.outer(sd, sd)).abs().max() < 2 * tolerance


# The gradients


def game(problem: Problem, chains: int) -> Game:
    """Return a regression as a game of one player."""
    dims, num_obs, name = problem.x.shape[1], len(problem.x), "regressor"
    ensemble = Ensemble.init(lambda: nn.Linear(dims, 1, bias=False), chains, 0)
    return Game(problem, {name: ensemble}, {name: "k"}, {name: Normal(problem.tau)}, {name: num_obs})


@pytest.mark.parametrize("problem", [LinearRegression.make(), LogisticRegression.make()], ids=["linear", "logistic"])
def test_chains_follow_the_gradients_of_a_game(problem: Problem) -> None:
    """Of the log posterior per datum, summed over particles; on all data, and on minibatches of their own."""
    for rider, (x, y) in ((None, (problem.x, problem.y)), ("regressor", minibatches(problem, 5, 7)())):
        played = game(replace(problem, rider=rider), 5)
        (leaf,) = played.ensembles["regressor"].params.values()
        log_posterior(played, "regressor", {"x": x, "y": y}).sum().backward()
        close(leaf.grad[:, 0], slope(problem, leaf.detach()[:, 0], x, y), rtol=1e-4, atol=1e-6)


def test_a_game_recovers_its_posterior() -> None:
    """The whole way once: from the log posterior to the bank, every chain with a random stream of its own."""
    problem, spec = LinearRegression.make(), SGHMCSpec(lr=0.4, friction=1.0)
    played, setting, draws = game(problem, 300), Setting(len(problem.x), 0, 300, range(300), {}), []
    (leaf,) = played.ensembles["regressor"].params.values()
    optimiser = spec.build([leaf], setting)
    for step in range(setting.steps):
        optimiser.param_groups[0].update(spec.options(step, setting))
        optimiser.zero_grad()
        (-log_posterior(played, "regressor", {"x": problem.x, "y": problem.y})).sum().backward()
        optimiser.step()
        if step >= 60 and step % 6 == 0:
            draws.append(leaf.detach()[:, 0].double())
    agree(torch.cat(draws), *problem.posterior(), 0.05)


# Conjugate linear regression

ADAM = AdamSpec(0.05)
CYCLES = {"warm": 100, "steps": 600, "thin": 100, "tolerance": 0.045}
LINEAR: dict[str, dict[str, Any]] = {
    "SGHMC": {"spec": SGHMCSpec(lr=0.4, friction=1.0)},
    "SGHMC, cold": {"spec": SGHMCSpec(lr=0.4, friction=1.0, temperature=0.25)},
    "SGHMC, preconditioned": {"spec": SGHMCSpec(lr=0.15, friction=2.0, damping=0.05, burn_in=ADAM), "burn_in": 50},
    "Euler": {"spec": SGHMCSpec(lr=0.1, friction=1.0, integrator="euler")},
    "SGLD": {"spec": SGLDSpec(lr=0.05)},
    "SGNHT": {"spec": SGNHTSpec(lr=0.1, burn_in=ADAM), "burn_in": 50},
    "SGNHT, cold, preconditioned": {
        "spec": SGNHTSpec(lr=0.12, temperature=0.25, damping=0.05, burn_in=ADAM),
        "burn_in": 50,
        "steps": 400,
    },
    "cyclical SGHMC": CYCLES | {"spec": SGHMCSpec(lr=0.4, friction=1.0, schedule=Cyclical(6, 0.3))},
    "cyclical SGLD": CYCLES | {"spec": SGLDSpec(lr=0.1, schedule=Cyclical(6, 0.3, floor=0.3))},
    "cyclical SGNHT": CYCLES
    | {"spec": SGNHTSpec(lr=0.2, friction=3.0, burn_in=ADAM, schedule=Cyclical(6, 0.3)), "burn_in": 50},
}


def discretised(spec: SamplerSpec, problem: LinearRegression) -> Tensor:
    """Return the covariance that the sampler's steps have: SGLD's is wider by a known matrix, the others' by O(h^2)."""
    covariance = problem.posterior(spec.temperature)[1]
    if not isinstance(spec, SGLDSpec):
        return covariance
    # After a cycle the chain has the step of its end.
    h = spec.lr * getattr(spec.schedule, "floor", 1.0)
    narrower = torch.eye(len(covariance)) - h / 2 * problem.curvature()
    return torch.linalg.inv(narrower) @ covariance


@pytest.mark.parametrize("name", LINEAR)
def test_a_thousand_chains_recover_the_posterior_of_linear_regression(name: str) -> None:
    """Of cyclical samplers the draws are the last of each cycle: earlier ones have not warmed up all the way."""
    case = {"burn_in": 0, "warm": 100, "steps": 300, "thin": 10, "tolerance": 0.03} | LINEAR[name]
    problem, spec = LinearRegression.make(), case["spec"]
    chains = Chains(problem, spec, case["steps"], case["burn_in"])
    draws = chains.draws(case["warm"], case["thin"])
    agree(draws, problem.posterior()[0], discretised(spec, problem), case["tolerance"])


# Bayesian logistic regression


@pytest.fixture(scope="module")
def reference() -> Tensor:
    return LogisticRegression.make().reference()


def test_the_reference_chain_is_right(reference: Tensor) -> None:
    """Chain and quadrature know nothing of each other, and Laplace's approximation would not do."""
    problem = LogisticRegression.make()
    mean, covariance = problem.quadrature()
    agree(reference, mean, covariance, tolerance=0.015)
    mode = torch.zeros(1, 2, dtype=torch.float64)
    for _ in range(2000):
        mode += 0.05 * problem.slope(mode)
    assert ((mean - mode[0]) / covariance.diagonal().sqrt()).min() > 0.2


LOGISTIC: dict[str, dict[str, Any]] = {
    "SGHMC": {"spec": SGHMCSpec(lr=1.0, friction=0.5)},
    "SGHMC, preconditioned": {"spec": SGHMCSpec(lr=0.3, friction=1.0, damping=0.05, burn_in=ADAM), "burn_in": 50},
    "Euler": {"spec": SGHMCSpec(lr=0.5, friction=0.5, integrator="euler")},
    "SGLD": {"spec": SGLDSpec(lr=0.4)},
    "SGNHT": {"spec": SGNHTSpec(lr=0.4, friction=0.5)},
    "cyclical SGHMC": {"spec": SGHMCSpec(lr=1.5, friction=0.7, schedule=Cyclical(6, 0.3)), "thin": 150, "steps": 900},
}


@pytest.mark.parametrize("name", LOGISTIC)
def test_a_thousand_chains_recover_the_posterior_of_logistic_regression(name: str, reference: Tensor) -> None:
    """Moments, and what a user sees: the probabilities of both classes, averaged over the posterior."""
    case = {"burn_in": 0, "warm": 100, "steps": 400, "thin": 10} | LOGISTIC[name]
    chains = Chains(LogisticRegression.make(), case["spec"], case["steps"], case["burn_in"])
    draws = chains.draws(case["warm"], case["thin"])
    agree(draws, reference.mean(0), reference.T.cov(), 0.04)
    x = torch.cartesian_prod(*[torch.linspace(-3, 3, 5, dtype=torch.float64)] * 2)
    predicted, expected = (torch.sigmoid(w @ x.T).mean(0) for w in (draws, reference))
    assert (predicted - expected).abs().max() < 0.01


# Minibatches

SMALL_STEPS = {
    "SGHMC": SGHMCSpec(lr=0.02, friction=2.0, burn_in=ADAM),
    "SGNHT": SGNHTSpec(lr=0.02, friction=2.0, burn_in=ADAM),
    "SGLD": SGLDSpec(lr=0.005, burn_in=ADAM),
}


def minibatches(problem: Problem, chains: int, size: int) -> Callable[[], Data]:
    """Every chain draws its own."""
    rng = torch.Generator().manual_seed(3)

    def draw() -> Data:
        rows = torch.randint(len(problem.x), (chains, size), generator=rng)
        return problem.x[rows], problem.y[rows]

    return draw


@pytest.mark.parametrize("name", SMALL_STEPS)
def test_minibatches_recover_the_posterior_at_small_steps(name: str) -> None:
    """The noise of minibatches heats by O(h)."""
    problem = LinearRegression.make()
    chains = Chains(problem, SMALL_STEPS[name], steps=1000, burn_in=100)
    draws = chains.draws(300, 20, minibatches(problem, 1000, 20))
    agree(draws, *problem.posterior(), 0.06)


# What a batch is to a chain


@pytest.mark.parametrize("name", SMALL_STEPS)
def test_a_step_size_means_the_same_whatever_the_size_of_a_batch(name: str) -> None:
    """A batch of the same images twice has the same mean."""
    problem, paths = LinearRegression.make(), []
    for times in (1, 2, 5):
        chains = Chains(problem, SMALL_STEPS[name], steps=30, burn_in=5, count=3)
        batch = problem.x.repeat(times, 1), problem.y.repeat(times, 1)
        paths.append(torch.stack([chains.step(step, batch).clone() for step in range(35)]))
    close(paths[1], paths[0], rtol=1e-4, atol=1e-5)
    close(paths[2], paths[0], rtol=1e-4, atol=1e-5)
