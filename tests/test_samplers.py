"""Probability is tested, not trusted.

On a quadratic energy one step of a sampler is an affine map of its state, driven by one standard normal number:
``s <- A s + b xi``. Its stationary covariance V solves ``V = A V A^T + b b^T``, so what a sampler draws from is known
without drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov
from torch import Tensor, nn

from bayesgan.errors import UsageError
from bayesgan.particles import Ensemble
from bayesgan.posterior import Game, log_posterior
from bayesgan.priors import Normal
from bayesgan.samplers import EMA, SGHMC, SGLD, AdamSpec, Constant, Cosine, EMASpec, Polynomial, SGHMCSpec, SGLDSpec
from bayesgan.samplers.burn_in import BurnIn
from bayesgan.samplers.noise import Noise
from bayesgan.samplers.sghmc import baoa, euler
from bayesgan.samplers.sgld import langevin
from bayesgan.samplers.specs import Setting
from contract import Walk, close
from problems import LinearRegression, Quadratic

T = 0.37
STEPS = (0.01, 0.1, 0.5, 1.0, 1.5)
GRID = [(h, k, f) for h, k, f in product(STEPS, (0.5, 1.0, 1.7), (0.5, 2.0, 10.0)) if h * h * k < 4]


def stationary(columns: Sequence[Tensor]) -> np.ndarray:
    """Return the stationary covariance of a step whose images of (p = 1), (m = 1), (xi = 1) are ``columns``."""
    a, b = (torch.stack(columns).double().numpy()[:, part] for part in (slice(0, -1), slice(-1, None)))
    assert abs(np.linalg.eigvals(a)).max() < 1, "not stable"
    return solve_discrete_lyapunov(a, b @ b.T)


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


def give_noise(monkeypatch: pytest.MonkeyPatch, values: Tensor) -> None:
    """Let every draw of noise be ``values``."""
    monkeypatch.setattr(Noise, "draw", lambda self, like: [values.to(w.dtype).expand_as(w).clone() for w in like])


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


# Zero temperature


def classifier() -> tuple[nn.Module, Callable[[], Tensor]]:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    x, y = torch.randn(16, 4).double(), torch.arange(16) % 2
    return net, lambda: nn.functional.cross_entropy(net(x), y)


def path(make: Callable[[Iterator[Tensor]], torch.optim.Optimizer], steps: int = 25) -> Tensor:
    """Return the weights of a small classifier along the steps of an optimizer."""
    net, loss = classifier()
    optimiser, found = make(net.parameters()), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        found.append(torch.cat([w.detach().flatten() for w in net.parameters()]))
    return torch.stack(found)


@pytest.mark.parametrize("integrator", ["baoa", "euler"])
def test_sghmc_at_zero_temperature_is_momentum_descent(integrator: str) -> None:
    """PyTorch's heavy ball: BAOA drifts half a step before and half a step after the momentum decays."""
    h, friction = 0.3, 1.4
    c = math.exp(-friction * h)
    lr = h * h * ((1 + c) / 2 if integrator == "baoa" else 1)
    sampler = path(lambda w: SGHMC(w, h, 100, friction, temperature=0.0, integrator=integrator))
    close(sampler, path(lambda w: torch.optim.SGD(w, lr, momentum=c)), rtol=1e-11)


def test_sgld_at_zero_temperature_is_gradient_descent() -> None:
    close(path(lambda w: SGLD(w, 0.3, 100, temperature=0.0)), path(lambda w: torch.optim.SGD(w, 0.3)), rtol=1e-12)


# A posterior that is known


@pytest.mark.parametrize("spec", [
    SGHMCSpec(lr=0.4, friction=1.0),
    SGHMCSpec(lr=0.4, friction=1.0, temperature=0.25),
    SGHMCSpec(lr=0.15, friction=2.0, damping=0.05, burn_in=AdamSpec(0.05)),
], ids=["plain", "cold", "preconditioned"])  # fmt: skip
def test_a_thousand_chains_recover_the_posterior_of_linear_regression(spec: SGHMCSpec) -> None:
    """Mean within 3 % of a posterior standard deviation, standard deviations within 3 % of themselves.

    1,000 chains by 20 draws: the Monte Carlo error is about 0.7 % of a standard deviation.
    """
    chains, burn_in, warm, steps = 1000, 50 if spec.damping else 0, 100, 300
    problem = LinearRegression.make()
    ensemble = Ensemble.init(lambda: nn.Linear(problem.x.shape[1], 1, bias=False), chains, 0)
    names = ("regressor",)
    num_obs = len(problem.x)
    game = Game(
        problem, {"regressor": ensemble}, dict.fromkeys(names, "k"), {"regressor": Normal(problem.tau)},
        dict.fromkeys(names, num_obs),
    )  # fmt: skip
    leaves = [*ensemble.params.values()]
    setting = Setting(num_obs, burn_in, burn_in + steps, range(chains), {})
    optimiser, draws = spec.build(leaves, setting), []
    for step in range(burn_in + steps):
        optimiser.param_groups[0]["lr"] = spec.step_size(step, setting)
        optimiser.zero_grad()
        (-log_posterior(game, "regressor", {"x": problem.x, "y": problem.y})).sum().backward()
        optimiser.step()
        if step >= burn_in + warm and step % 10 == 0:
            draws.append(leaves[0].detach()[:, 0].double().clone())
    mean, covariance = problem.posterior(spec.temperature)
    sd, found = covariance.diagonal().sqrt(), torch.cat(draws)
    assert ((found.mean(0) - mean) / sd).abs().max() < 0.03
    assert (found.std(0) / sd - 1).abs().max() < 0.03
    correlation, exact = (
        c / torch.outer(c.diagonal().sqrt(), c.diagonal().sqrt()) for c in (found.T.cov(), covariance)
    )
    assert (correlation - exact).abs().max() < 0.03


# Noise


def still(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    """Parameters at 0 whose gradient is 0: whatever moves them is noise."""
    params = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for w in params:
        w.grad = torch.zeros_like(w)
    return params


SHAPES = ((400, 300), (100_000,), (50, 20, 10, 10))


def test_sgld_moves_every_tensor_by_the_right_noise() -> None:
    params = still(*SHAPES)
    SGLD(params, lr=0.02, num_obs=40, temperature=0.5).step()
    for w in params:
        assert w.detach().var() == pytest.approx(2 * 0.02 * 0.5 / 40, rel=0.02)
        assert abs(w.detach().mean() / w.detach().std()) < 0.02


@pytest.mark.parametrize("integrator", ["baoa", "euler"])
def test_sghmc_keeps_every_momentum_at_its_temperature(integrator: str) -> None:
    """Euler's momenta are too warm by ``2 / (1 + c)``."""
    params = still(*SHAPES)
    h, friction = 0.2, 2.0
    optimiser = SGHMC(params, h, 40, friction, temperature=0.5, integrator=integrator)
    for _ in range(20):
        optimiser.step()
    factor = 1.0 if integrator == "baoa" else 2 / (1 + math.exp(-friction * h))
    for w in params:
        assert optimiser.state[w]["momentum"].var() == pytest.approx(factor * 0.5 / 40, rel=0.02)


def test_sghmc_first_step_has_the_right_variance() -> None:
    """Drift with a momentum of variance T before and after it decays: ``h^2 T (1 + c) / 2``."""
    params = still(*SHAPES)
    SGHMC(params, lr=0.2, num_obs=40, friction=2.0, temperature=0.5).step()
    for w in params:
        assert w.detach().var() == pytest.approx(0.04 * 0.5 / 40 * (1 + math.exp(-0.4)) / 2, rel=0.02)


@pytest.mark.parametrize("make", [lambda w: SGLD(w, 0.02, 40), lambda w: SGHMC(w, 0.02, 40)], ids=["SGLD", "SGHMC"])
def test_preconditioned_noise_is_scaled_like_the_step(make: Callable) -> None:
    plain, scaled = still(*SHAPES), still(*SHAPES)
    scales = [torch.rand_like(w) + 0.5 for w in scaled]
    optimisers = make(plain), make(scaled)
    optimisers[1].precondition(scales)
    for optimiser in optimisers:
        optimiser.step()
    close([w.detach() for w in scaled], [w.detach() * s for w, s in zip(plain, scales, strict=True)], rtol=1e-4)


def test_no_two_tensors_groups_or_steps_share_their_noise() -> None:
    params = still(*[(50_000,)] * 3)
    optimiser = SGLD([{"params": params[:2]}, {"params": params[2:]}], lr=0.5, num_obs=1)
    optimiser.step()
    noise = [w.detach().clone() for w in params]
    optimiser.step()
    noise += [w.detach() - n for w, n in zip(params, noise, strict=True)]
    correlation = torch.corrcoef(torch.stack(noise)) - torch.eye(6)
    assert correlation.abs().max() < 0.03


def test_param_groups_have_step_sizes_of_their_own() -> None:
    params = still((100_000,), (100_000,))
    SGLD([{"params": params[:1], "lr": 0.01}, {"params": params[1:]}], lr=0.04, num_obs=10).step()
    assert [float(w.detach().var()) for w in params] == pytest.approx([0.002, 0.008], rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_noise_of_a_particle_depends_on_its_seed_alone(dtype: torch.dtype) -> None:
    few, many = ([torch.empty(k, 3, 2, dtype=dtype), torch.empty(k, 5, dtype=dtype)] for k in (1, 3))
    alone = Noise([12], torch.device("cpu")).draw(few)
    among = Noise([11, 12, 13], torch.device("cpu")).draw(many)
    for a, b, like in zip(alone, among, many, strict=True):
        assert torch.equal(a[0], b[1]) and b.shape == like.shape and b.dtype == dtype
        assert not torch.equal(b[0], b[1])


def test_a_single_seed_needs_no_particle_axis() -> None:
    (xi,) = Noise([3], torch.device("cpu")).draw([torch.empty(4, 5)])
    assert xi.shape == (4, 5) and xi.unique().numel() == 20


def test_noise_continues_from_its_state() -> None:
    noise, like = Noise([1, 2], torch.device("cpu")), [torch.empty(2, 7)]
    noise.draw(like)
    state = noise.state()
    ahead = [noise.draw(like)[0] for _ in range(3)]
    noise.restore(state)
    assert all(torch.equal(a, noise.draw(like)[0]) for a in ahead)
    assert not torch.equal(ahead[0], ahead[1])


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


# Any module, outside this package


def test_sghmc_on_any_module() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    unused = nn.Linear(2, 2)
    x, y = torch.randn(32, 1, 8, 8), torch.arange(32) % 3
    opt = SGHMC([*model.parameters(), *unused.parameters()], lr=1e-1, num_obs=50_000)
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


# Burn-in


@dataclass
class Descent:
    """Two optimizers of equal weights with equal gradients."""

    optimisers: tuple[torch.optim.Optimizer, ...]
    weights: tuple[Tensor, ...]

    def step(self) -> list[Tensor]:
        for w, optimiser in zip(self.weights, self.optimisers, strict=True):
            w.grad = 3 * w.detach() + torch.cos(w.detach())
            optimiser.step()
        return [w.detach() for w in self.weights]


def burning(steps: int, damping: float | None, sampler: Callable) -> tuple[Descent, BurnIn, torch.optim.Adam]:
    """Return BurnIn beside plain Adam."""
    weights = [torch.linspace(-1, 2, 6).view(2, 3).requires_grad_() for _ in range(2)]
    adam, plain = (torch.optim.Adam([w], 0.02, (0.5, 0.9)) for w in weights)
    burn_in = BurnIn(weights[:1], adam, sampler(weights[:1]), steps, damping)
    return Descent((burn_in, plain), tuple(weights)), burn_in, plain


def test_burn_in_is_adam_exactly_and_then_no_longer() -> None:
    pair, _, _ = burning(5, 0.1, lambda w: SGHMC(w, 0.02, 10))
    for _ in range(5):
        assert torch.equal(*pair.step())
    assert not torch.equal(*pair.step())


@pytest.mark.parametrize("damping", [1e-2, 0.5])
def test_scales_are_adams_second_moments_and_stay_frozen(damping: float) -> None:
    pair, burn_in, _ = burning(5, damping, lambda w: SGLD(w, 0.02, 10))
    v, beta2 = torch.zeros(2, 3), 0.9
    for _ in range(5):
        v = beta2 * v + (1 - beta2) * (3 * pair.weights[0].detach() + pair.weights[0].detach().cos()) ** 2
        pair.step()
    expected = ((v / (1 - beta2**5)).sqrt() + damping) ** -0.5
    for _ in range(4):
        pair.step()
        (state,) = burn_in.sampler.state.values()
        close(state["scale"], expected, rtol=1e-5)


def test_without_damping_the_sampler_is_the_plain_one() -> None:
    pair, _, _ = burning(3, None, lambda w: SGHMC(w, 0.02, 10, seeds=(4,)))
    for _ in range(3):
        pair.step()
    copy = pair.weights[0].detach().clone().requires_grad_()
    after = Descent((SGHMC([copy], 0.02, 10, seeds=(4,)), pair.optimisers[0]), (copy, pair.weights[0]))
    for _ in range(4):
        assert torch.equal(*after.step())


def test_the_hand_over_draws_the_right_noise() -> None:
    """One step of SGLD after Adam: variance ``2 h T scale^2`` with ``scale^2 = 1 / (|g| + damping)``."""
    w = torch.zeros(100_000, requires_grad=True)
    spec, setting = SGLDSpec(lr=0.03, damping=0.5, burn_in=AdamSpec(1e-3)), Setting(20, 3, 10, (0,), {})
    optimiser = spec.build([w], setting)
    for step in range(4):
        optimiser.param_groups[0]["lr"] = spec.step_size(step, setting)
        w.grad = torch.full_like(w, 2.0 if step < 3 else 0.0)
        before = w.detach().clone()
        optimiser.step()
    assert (w.detach() - before).var() == pytest.approx(2 * 0.03 / 20 / 2.5, rel=0.02)


def test_a_run_without_burn_in_is_the_sampler_alone() -> None:
    for spec, sampler in ((SGHMCSpec(lr=0.1), SGHMC), (SGLDSpec(), SGLD)):
        walk = Walk(spec, burn_in=0)
        assert type(walk.optimiser) is sampler
        assert spec.step_size(0, walk.setting) == spec.step_size(19, walk.setting) == spec.lr


# Averages, schedules, step sizes


def test_an_average_is_plain_at_first_and_exponential_later() -> None:
    mine, source = torch.zeros(1, requires_grad=True), torch.zeros(1)
    ema, seen = EMA([mine], [source], decay=0.8), [0.0]
    for step in range(1, 12):
        source.fill_(float(step**2))
        expected = (sum(seen) + step**2) / (step + 1) if step <= 4 else 0.8 * mine.item() + 0.2 * step**2
        seen.append(float(step**2))
        ema.step()
        assert mine.item() == pytest.approx(expected, rel=1e-5)


def test_an_average_follows_the_player_it_names_and_needs_no_gradient() -> None:
    weights = {"a": [torch.ones(2)], "b": [torch.full((2,), 3.0)]}
    mine = torch.ones(2, requires_grad=True)
    EMASpec("b").build([mine], Setting(1, 0, 1, (0,), weights)).step(lambda: pytest.fail("never called"))
    close(mine.detach(), torch.full((2,), 2.0))


def test_schedules() -> None:
    assert [Constant()(p) for p in (0, 0.5, 1)] == [1, 1, 1]
    assert [Cosine(0.2)(p) for p in (0, 0.5, 1, 1.5)] == pytest.approx([1, 0.6, 0.2, 0.2])
    assert [Cosine()(p) for p in (0, 1 / 3, 1)] == pytest.approx([1, 0.75, 0])
    assert [Polynomial(0.5, 0.1)(p) for p in (0, 0.3, 0.8)] == pytest.approx([1, 0.5, 1 / 3])


def test_step_sizes_of_both_phases() -> None:
    """The burn-in's schedule runs over the burn-in, the sampler's over the rest."""
    setting = Setting(100, 40, 140, (0,), {})
    for spec in (
        SGHMCSpec(lr=0.1, burn_in=AdamSpec(0.2, schedule=Cosine(0.5)), schedule=Polynomial(0.5, 0.1)),
        SGLDSpec(lr=0.1, burn_in=AdamSpec(0.2, schedule=Cosine(0.5)), schedule=Polynomial(0.5, 0.1)),
    ):
        found = [spec.step_size(step, setting) for step in (0, 20, 39, 40, 70, 120)]
        assert found == pytest.approx([0.2, 0.15, 0.1, 0.1, 0.05, 0.1 / 3], rel=2e-3)


def test_step_sizes_of_one_phase() -> None:
    setting = Setting(100, 40, 100, (0,), {})
    found = [AdamSpec(0.3, schedule=Cosine(0.5)).step_size(step, setting) for step in (0, 50, 100)]
    assert found == pytest.approx([0.3, 0.225, 0.15])


def test_the_step_size_that_training_sets_is_the_one_used() -> None:
    """BurnIn has one ``lr`` for whichever optimizer is at work; training sets it before every step."""
    schedule = Polynomial(1.0, 1.0)
    burn_in = AdamSpec(0.1, beta1=0.0, beta2=0.0, schedule=schedule)
    spec = SGLDSpec(lr=0.5, temperature=0.0, damping=None, burn_in=burn_in, schedule=schedule)
    walk = Walk(spec, burn_in=2, steps=4)
    w = walk.weights[0].detach().clone()
    for lr in (0.1, 0.1 / 1.5):
        (after, *_) = walk.step()
        close((after - w).abs(), torch.full_like(w, lr), rtol=1e-3, atol=1e-6)
        w = after
    for lr in (0.5, 0.5 / 1.5):
        (after, *_) = walk.step()
        close(after, w - lr * (w - 2 * (2 * w).sin()), rtol=1e-4, atol=1e-6)
        w = after
