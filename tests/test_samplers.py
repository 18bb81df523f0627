"""Probability is tested, not trusted.

On a quadratic energy one step of a sampler is an affine map of its state, driven by one standard normal number:
``s <- A s + b xi``. Its stationary covariance V solves ``V = A V A^T + b b^T``, so what a sampler draws from is known
without drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bayesgan.errors import UsageError
from bayesgan.samplers import SGHMC, SGLD, SGNHT, SGHMCSpec, SGNHTSpec
from bayesgan.samplers.sghmc import baoa, euler
from bayesgan.samplers.sgld import langevin
from bayesgan.samplers.specs import Setting
from chains import give_noise, path, stationary
from contract import close, numbers
from problems import Quadratic

T = 0.37
STEPS = (0.01, 0.1, 0.5, 1.0, 1.5)
GRID = [(h, k, f) for h, k, f in product(STEPS, (0.5, 1.0, 1.7), (0.5, 2.0, 10.0)) if h * h * k < 4]


def hamiltonian(step: Callable, h: float, curvature: float, friction: float, dtype=torch.float64) -> np.ndarray:
    """Return the covariance of (p, m) under ``baoa`` or ``euler``."""
    p, m, xi = torch.eye(3, dtype=dtype)
    return stationary(step(p, m, Quadratic(curvature).gradient(p), xi, h, math.exp(-friction * h), math.sqrt(T)))


def overdamped(h: float, curvature: float) -> float:
    """Return the variance of p under ``langevin``."""
    p, xi = torch.eye(2, dtype=torch.float64)
    return stationary([langevin(p, Quadratic(curvature).gradient(p), xi, h, math.sqrt(T))])[0, 0]


# The certificate of the pure steps


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_baoa_draws_positions_from_the_exact_gaussian_at_every_stable_step_size(
    dtype: torch.dtype, tolerance: float
) -> None:
    for h, curvature, friction in GRID:
        variance = hamiltonian(baoa, h, curvature, friction, dtype)[0, 0]
        assert variance == pytest.approx(Quadratic(curvature).variance(T), rel=tolerance), (h, curvature, friction)


def test_baoa_survives_bfloat16_where_a_step_is_not_lost_in_rounding() -> None:
    """Eight bits: a step that changes p by less than 1 in 256 rounds to nothing, so only h >= 1/2."""
    for h, curvature, friction in GRID:
        if h >= 0.5:
            variance = hamiltonian(baoa, h, curvature, friction, torch.bfloat16)[0, 0]
            assert variance == pytest.approx(Quadratic(curvature).variance(T), rel=0.03), (h, curvature, friction)


def test_algorithm_one_as_published_is_too_wide() -> None:
    """Its positions have the variance ``T / k / (1 - h^2 k / (2 (1 + c)))``, its momenta are off at order h."""
    for h, curvature, friction in GRID:
        excess = 1 / (1 - h * h * curvature / (2 * (1 + math.exp(-friction * h))))
        if excess > 0:
            variance = hamiltonian(euler, h, curvature, friction)[0, 0]
            assert variance == pytest.approx(T / curvature * excess, rel=1e-9), (h, curvature, friction)
    found = [hamiltonian(euler, h, 1.0, 2.0) / T for h in (0.1, 0.2, 0.4)]
    assert [v[0, 0] for v in found] == pytest.approx([1.0028, 1.0121, 1.0584], abs=1e-4)
    assert [v[1, 1] for v in found] == pytest.approx([1.103, 1.212, 1.461], abs=1e-3)


def test_the_certificate_finds_an_inexact_sampler() -> None:
    """Explicit Euler, whose positions move with the old momentum: 5.6 %, 12.5 %, 33 % too wide."""

    def explicit(p: Tensor, m: Tensor, g: Tensor, xi: Tensor, h: float, decay: float, std: float) -> list[Tensor]:
        friction = -math.log(decay) / h
        return [p + h * m, m - h * friction * m - h * g + math.sqrt(2 * friction * h) * std * xi]

    excess = [hamiltonian(explicit, h, 1.0, 2.0)[0, 0] / T - 1 for h in (0.1, 0.2, 0.4)]
    assert excess == pytest.approx([0.056, 0.125, 0.33], abs=0.003)


def half_kicked(h: float) -> float:
    """Variance of BAOA's momentum at the time of its position, half a kick on: ``m - (h/2) k p``."""
    half = np.array([-h / 2 * 1.3, 1.0])
    return half @ hamiltonian(baoa, h, 1.3, 2.0) @ half


@pytest.mark.parametrize(
    ("order", "variance", "limit"),
    [
        (1, lambda h: overdamped(h, 1.3), T / 1.3),
        (1, lambda h: hamiltonian(euler, h, 1.3, 2.0)[1, 1], T),
        (2, lambda h: hamiltonian(euler, h, 1.3, 2.0)[0, 0], T / 1.3),
        (2, half_kicked, T),
    ],
    ids=["SGLD", "Euler's momentum", "Euler's position", "BAOA's momentum"],
)
def test_order_of_accuracy(order: int, variance: Callable[[float], float], limit: float) -> None:
    h = 0.1 / 2.0 ** np.arange(6)
    errors = [abs(variance(step) - limit) for step in h]
    slope = np.polyfit(np.log(h), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize("h", STEPS)
def test_sgld_is_too_wide_by_a_known_factor(h: float) -> None:
    assert overdamped(h, 1.2) == pytest.approx(T / 1.2 / (1 - h * 1.2 / 2), rel=1e-9)


# The certificate of the optimizers


def one_step(monkeypatch: pytest.MonkeyPatch, make: Callable, curvature: float, scale: float | None) -> np.ndarray:
    """Return the covariance that an optimizer leaves stationary: three weights of one parameter are the basis."""
    p, m, xi = torch.eye(3, dtype=torch.float64)
    w = nn.Parameter(p.clone())
    optimiser = make([w])
    if scale:
        optimiser.precondition([torch.full_like(w, scale)])
    if isinstance(optimiser, SGHMC):
        optimiser.state[w]["momentum"] = m.clone()
    give_noise(monkeypatch, xi)
    w.grad = Quadratic(curvature).gradient(w.detach())
    optimiser.step()
    if isinstance(optimiser, SGHMC):
        return stationary([w.detach(), optimiser.state[w]["momentum"]])
    return stationary([w.detach()[[0, 2]]])


@pytest.mark.parametrize("scale", [None, 0.3, 1.7])
@pytest.mark.parametrize(("num_obs", "temperature"), [(1, 1.0), (50, 1.0), (50, 0.3)])
def test_sghmc_leaves_the_tempered_posterior_invariant_preconditioned_or_not(
    monkeypatch: pytest.MonkeyPatch, scale: float | None, num_obs: int, temperature: float
) -> None:
    """T = temperature / num_obs, and a frozen preconditioner changes the path, not the destination."""
    for h, curvature, friction in GRID:
        if h * h * curvature * (scale or 1) ** 2 < 4:

            def make(w: list[Tensor], h: float = h, friction: float = friction) -> SGHMC:
                return SGHMC(w, h, num_obs, friction, temperature)

            variance = one_step(monkeypatch, make, curvature, scale)[0, 0]
            assert variance == pytest.approx(temperature / num_obs / curvature, rel=1e-9), (h, curvature, friction)


@pytest.mark.parametrize("scale", [None, 0.3, 1.7])
def test_sgld_as_an_optimizer(monkeypatch: pytest.MonkeyPatch, scale: float | None) -> None:
    for h in (0.01, 0.1, 0.4):
        (variance,) = one_step(monkeypatch, lambda w, h=h: SGLD(w, h, 50, 0.3), 1.2, scale).flatten()
        expected = 0.3 / 50 / 1.2 / (1 - h * 1.2 * (scale or 1) ** 2 / 2)
        assert variance == pytest.approx(expected, rel=1e-9)


def test_the_first_momentum_is_drawn_from_its_stationary_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that starts at rest would start cold."""
    give_noise(monkeypatch, torch.ones(()))
    w = nn.Parameter(torch.zeros(2))
    w.grad = torch.zeros(2)
    SGHMC([w], lr=1e-4, num_obs=25, friction=0.0).step()
    close(w.detach(), torch.full((2,), 1e-4 / 5), rtol=1e-5)


# What a step size means

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGLD": SGLD,
    "SGHMC": partial(SGHMC, friction=1.5),
    "Euler": partial(SGHMC, friction=1.5, integrator="euler"),
    "SGNHT": partial(SGNHT, friction=1.5),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_size_means_the_same_whatever_num_obs_and_temperature_are(name: str) -> None:
    """On a quadratic the path is the same in units of sqrt(T): as long in steps, as stable, as wide in posteriors."""
    paths = []
    for num_obs, temperature in ((1, 1.0), (4000, 1.0), (4000, 0.1)):
        unit = math.sqrt(temperature / num_obs)
        w = nn.Parameter(unit * numbers(3, 4))
        optimiser = OPTIMISERS[name]([w], lr=0.2, num_obs=num_obs, temperature=temperature, seeds=(3, 4, 5))
        found = []
        for _ in range(30):
            w.grad = Quadratic(1.3).gradient(w.detach())
            optimiser.step()
            found.append(w.detach() / unit)
        paths.append(torch.stack(found))
    close(paths[1], paths[0])
    close(paths[2], paths[0])


# Zero temperature


@pytest.mark.parametrize("integrator", ["baoa", "euler"])
def test_sghmc_at_zero_temperature_is_momentum_descent(integrator: str) -> None:
    """PyTorch's heavy ball: BAOA drifts half a step before and half a step after the momentum decays."""
    h, friction = 0.3, 1.4
    c = math.exp(-friction * h)
    lr = h * h * ((1 + c) / 2 if integrator == "baoa" else 1)
    sampler = path(lambda w: SGHMC(w, h, 100, friction, temperature=0.0, integrator=integrator))
    close(sampler, path(lambda w: torch.optim.SGD(w, lr, momentum=c)), rtol=1e-11)


def test_sgnht_at_zero_temperature_is_momentum_descent_with_constant_friction() -> None:
    """The same as SGHMC's: without noise there is no temperature to regulate, and the thermostats rest."""
    h, friction = 0.3, 1.4
    c, optimisers = math.exp(-friction * h), []

    def make(w: Iterable[Tensor]) -> SGNHT:
        optimisers.append(SGNHT(w, h, 100, friction, coupling=0.7, temperature=0.0))
        return optimisers[0]

    close(path(make), path(lambda w: torch.optim.SGD(w, h * h * (1 + c) / 2, momentum=c)), rtol=1e-11)
    assert all((state["thermostat"] == friction).all() for state in optimisers[0].state.values())


def test_sgld_at_zero_temperature_is_gradient_descent() -> None:
    close(path(lambda w: SGLD(w, 0.3, 100, temperature=0.0)), path(lambda w: torch.optim.SGD(w, 0.3)), rtol=1e-12)


# Both spellings


def test_published_spelling_is_algorithm_one_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """v <- (1 - a) v + eta grad + n, n ~ N(0, 2 a eta I); theta <- theta + v; grad of the summed log posterior."""
    eta, alpha, num_obs, curvature = 3e-5, 0.13, 700, 1.9
    rng = torch.Generator().manual_seed(0)
    xis = [torch.randn(4, generator=rng, dtype=torch.float64) for _ in range(20)]
    w = nn.Parameter(torch.randn(4, generator=rng, dtype=torch.float64))
    optimiser = SGHMC([w], num_obs=num_obs, eta=eta, alpha=alpha, integrator="euler")
    h = optimiser.param_groups[0]["lr"]
    theta, v = w.detach().clone(), torch.randn(4, generator=rng, dtype=torch.float64) * math.sqrt(eta)
    optimiser.state[w]["momentum"] = v / h
    for xi in xis:
        give_noise(monkeypatch, xi)
        w.grad = Quadratic(curvature).gradient(w.detach())
        optimiser.step()
        v = (1 - alpha) * v - eta * num_obs * curvature * theta + math.sqrt(2 * alpha * eta) * xi
        theta = theta + v
        close(w.detach(), theta, rtol=1e-11)


def test_published_spelling_maps_to_step_size_and_friction() -> None:
    group = SGHMC([torch.zeros(1, requires_grad=True)], num_obs=400, eta=1e-6, alpha=0.1).param_groups[0]
    assert group["lr"] == pytest.approx(0.02) and math.exp(-group["friction"] * group["lr"]) == pytest.approx(0.9)
    setting = Setting(400, 0, 10, (0,), {})
    spec = SGHMCSpec(eta=1e-6, alpha=0.1)
    assert spec.step_size(0, setting) == pytest.approx(0.02)
    assert spec.build([torch.zeros(1, requires_grad=True)], setting).param_groups[0]["friction"] == group["friction"]


MIXTURES = [
    {}, {"eta": 1e-3}, {"alpha": 0.1}, {"friction": 1.0}, {"lr": 0.1, "eta": 1e-3}, {"lr": 0.1, "alpha": 0.1},
    {"lr": 0.1, "eta": 1e-3, "alpha": 0.1}, {"friction": 1.0, "eta": 1e-3, "alpha": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("options", MIXTURES, ids=str)
def test_a_mixture_of_spellings_is_refused(options: dict[str, float]) -> None:
    w = torch.zeros(1, requires_grad=True)
    with pytest.raises(UsageError, match="not a mixture"):
        SGHMC([w], num_obs=10, **options)
    with pytest.raises(UsageError, match="not a mixture"):
        SGHMCSpec(**options).build([w], Setting(10, 0, 5, (0,), {}))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"lr": 0.0}, "lr"),
        ({"lr": -1.0}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"lr": 0.1, "num_obs": 0}, "num_obs"),
        ({"lr": 0.1, "temperature": -0.1}, "temperature"),
        ({"lr": 0.1, "friction": -1.0}, "friction"),
        ({"eta": 1e-3, "alpha": 1.0}, "alpha"),
        ({"eta": 1e-3, "alpha": 0.0}, "alpha"),
        ({"eta": -1e-3, "alpha": 0.1}, "eta"),
        ({"lr": 0.1, "integrator": "eular"}, "'euler'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        SGHMC([torch.zeros(1, requires_grad=True)], **{"num_obs": 10, **options})


@pytest.mark.parametrize(
    ("sampler", "options", "named"),
    [
        (SGHMC, {"friction": -1.0}, "SGHMC: friction must not be negative"),
        (SGHMC, {"integrator": "eular"}, "'euler'"),
        (SGHMC, {"temperature": -1.0}, "temperature must not be negative"),
        (SGLD, {"lr": 0.0}, "lr must be positive"),
        (SGNHT, {"friction": 0.0}, "friction must be positive"),
        (SGNHT, {"coupling": -1.0}, "coupling must be positive"),
    ],
)
def test_options_of_a_group_are_checked_like_those_of_all(sampler: Any, options: dict[str, Any], named: str) -> None:
    w, other = (torch.zeros(1, requires_grad=True) for _ in range(2))
    with pytest.raises(UsageError, match=named):
        sampler([{"params": [w]}, {"params": [other], **options}], lr=0.1, num_obs=10)


@pytest.mark.parametrize("options", [{"friction": 0.0}, {"coupling": -1.0}, {"lr": 0.0}, {"num_obs": 0}], ids=str)
def test_what_makes_no_sense_to_sgnht_is_refused_by_name(options: dict[str, float]) -> None:
    """Without injected noise a thermostat could still ring for ever; it is not certified there."""
    (name,) = options
    with pytest.raises(UsageError, match=f"{name} must be positive"):
        SGNHT([torch.zeros(1, requires_grad=True)], **{"lr": 0.1, "num_obs": 10, **options})
    if name != "num_obs":
        with pytest.raises(UsageError, match=f"SGNHT: {name} = "):
            SGNHTSpec(**options)


# Any module, outside this package


@pytest.mark.parametrize(("sampler", "lr"), [(SGHMC, 0.1), (SGLD, 0.1), (SGNHT, 1.0)])
def test_every_sampler_on_any_module(sampler: Callable[..., torch.optim.Optimizer], lr: float) -> None:
    """Descend to where noise is small; SGNHT by larger steps, because its thermostats brake momenta above T."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    unused = nn.Linear(2, 2)
    x, y = torch.randn(32, 1, 8, 8), torch.arange(32) % 3
    opt = sampler([*model.parameters(), *unused.parameters()], lr=lr, num_obs=50_000)
    before = [w.detach().clone() for w in [*model.parameters(), *unused.parameters()]]
    losses = []

    def closure() -> Tensor:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.99)
    for _ in range(60):
        losses.append(opt.step(closure).item())
        schedule.step()
    assert losses[-1] < 0.2 * losses[0]
    moved = [not torch.equal(w, b) for w, b in zip([*model.parameters(), *unused.parameters()], before, strict=True)]
    assert moved == [True] * 6 + [False] * 2


def test_sghmc_as_the_readme_says() -> None:
    model = nn.Linear(3, 2)
    opt = SGHMC(model.parameters(), lr=1e-3, num_obs=50_000)
    model(torch.ones(1, 3)).sum().backward()
    opt.step()
    assert opt.param_groups[0]["friction"] > 0 and opt.param_groups[0]["temperature"] == 1


def test_chains_are_as_many_as_seeds() -> None:
    """Otherwise a slice of one tensor would take another's noise without a word."""
    w = torch.zeros(4, 3, requires_grad=True)
    w.grad = torch.zeros(4, 3)
    with pytest.raises((ValueError, UsageError)):
        SGLD([w], lr=0.1, num_obs=10, seeds=(0, 1)).step()
