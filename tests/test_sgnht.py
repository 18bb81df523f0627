"""The certificate of SGNHT, whose step is no affine map.

Its exact stationary law ``exp(-energy / T) N(m; 0, T) N(z; friction, coupling^2 / n)`` is put in by quadrature: one
step may change its averages by O(h^3) only. In a basis of polynomials a step is a matrix, whose stationary averages are
off by O(h^2). With many weights to one thermostat, z stands still where the momenta have the temperature T, and the
step is an affine map after all. Chains are drawn where none of this applies: through the optimizer, few weights, noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor, nn

from bayesgan.samplers import SGHMC, SGNHT
from bayesgan.samplers.sghmc import baoa
from bayesgan.samplers.sgnht import badoda, fading
from chains import one_stream, stationary
from contract import close, numbers
from problems import Quadratic

T, FRICTION, COUPLING, CURVATURE = 0.37, 1.4, 0.8, 1.3
Law = tuple[Tensor, Tensor]  # points and their probabilities


def gaussian(mean: float, std: float, nodes: int = 14) -> Law:
    """Gauss-Hermite quadrature of N(mean, std^2)."""
    x, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(nodes))
    return mean + std * x, weights / weights.sum()


def double_well() -> Law:
    """``exp(-(p^2 - 1)^2 / (4 T))`` on a grid."""
    p = torch.linspace(-4, 4, 161, dtype=torch.float64)
    weights = (-((p**2 - 1) ** 2) / (4 * T)).exp()
    return p, weights / weights.sum()


def ding(p: Tensor, m: Tensor, z: Tensor, g: Tensor, xi: Tensor, h: float, *a: float) -> tuple[Tensor, Tensor, Tensor]:
    """The Euler step of Ding et al. 2014: it is of a lower order."""
    friction, coupling, std = a
    m = m - h * z * m - h * g + math.sqrt(2 * friction * h) * std * xi
    return p + h * m, m, z + h * coupling**2 * ((m / std) ** 2 - 1)


STATISTICS: list[Callable[[Tensor, Tensor, Tensor], Tensor]] = [
    lambda p, m, z: p**2,
    lambda p, m, z: m**2,
    lambda p, m, z: p**4,
    lambda p, m, z: p * m,
    lambda p, m, z: z,
    lambda p, m, z: (z - FRICTION) ** 2,
    lambda p, m, z: (z - FRICTION) * m**2,
    lambda p, m, z: (z - FRICTION) * p**2,
]


def defects(step: Callable, law: Law, gradient: Callable[[Tensor], Tensor], h: float) -> list[float]:
    """Return by how much one step from the exact law changes each statistic.

    The step is seen between the two halves of its kick, where BADODAB has its ends.
    """
    laws = law, gaussian(0, math.sqrt(T)), gaussian(FRICTION, COUPLING), gaussian(0, 1)
    p, m, z, xi = (t.flatten() for t in torch.meshgrid(*(points for points, _ in laws), indexing="ij"))
    mass = torch.stack(torch.meshgrid(*(weights for _, weights in laws), indexing="ij")).prod(0).flatten()
    kick = (h / 2) * gradient(p)
    after_p, after_m, after_z = step(p, m + kick, z, gradient(p), xi, h, FRICTION, COUPLING, math.sqrt(T))
    after = after_p, after_m - (h / 2) * gradient(after_p), after_z
    return [float((mass * (f(*after) - f(p, m, z))).sum()) for f in STATISTICS]


@pytest.mark.parametrize(("step", "order"), [(badoda, 3), (ding, 2)], ids=["BADODA", "Euler"])
@pytest.mark.parametrize(
    ("law", "gradient"),
    [
        (gaussian(0, math.sqrt(T / CURVATURE)), Quadratic(CURVATURE).gradient),
        (double_well(), lambda p: p**3 - p),
    ],
    ids=["quadratic", "double well"],
)
def test_one_step_leaves_the_law_invariant_to_its_order(
    step: Callable, order: int, law: Law, gradient: Callable
) -> None:
    """A defect of h^3 in each of 1 / h steps: O(h^2), at every temperature, as T only sets the scale of p and m."""
    h = np.array([0.04, 0.02, 0.01])
    found = np.abs([defects(step, law, gradient, each) for each in h])
    slopes = np.diff(np.log(found.sum(1))) / np.diff(np.log(h))
    assert slopes == pytest.approx([order, order], abs=0.15)


def hermite(x: Tensor, degree: int) -> list[Tensor]:
    """Polynomials that are orthonormal under N(0, 1)."""
    found = [torch.ones_like(x), x]
    for n in range(1, degree):
        found.append((x * found[n] - math.sqrt(n) * found[n - 1]) / math.sqrt(n + 1))
    return found


def stationary_averages(step: Callable, h: float, degree: int = 8) -> tuple[float, float, float]:
    """Return the relative excess of the variances of p and of m, and that of z, where one step changes no average.

    The stationary density is sought as the exact one times a polynomial: Galerkin's method. On a quadratic, with the
    default coupling, and one weight to a thermostat.
    """
    x, weights = gaussian(0, 1)
    p, m, z, xi = (t.flatten() for t in torch.meshgrid(x, x, x, x, indexing="ij"))
    mass = torch.stack(torch.meshgrid(*[weights] * 4, indexing="ij")).prod(0).flatten()
    scales, kick = (math.sqrt(T / CURVATURE), math.sqrt(T), FRICTION), h / 2 * CURVATURE
    p, m, z = scales[0] * p, scales[1] * m, FRICTION + scales[2] * z
    p1, m1, z1 = step(p, m + kick * p, z, CURVATURE * p, xi, h, FRICTION, FRICTION, math.sqrt(T))
    # p and m only come with an even number of factors: the law is that of -p and -m too.
    terms = [t for t in product(range(degree + 1), repeat=3) if sum(t) <= degree and (t[0] + t[1]) % 2 == 0]

    def basis(p: Tensor, m: Tensor, z: Tensor) -> Tensor:
        a, b, c = (hermite(v / s, degree) for v, s in zip((p, m, z - FRICTION), scales, strict=True))
        return torch.stack([a[i] * b[j] * c[k] for i, j, k in terms])

    before = basis(p, m, z)
    change = ((basis(p1, m1 - kick * p1, z1) - before) * mass) @ before.T
    found = dict(zip(terms[1:], torch.linalg.solve(change[1:, 1:], -change[1:, 0]).tolist(), strict=True))
    return math.sqrt(2) * found[2, 0, 0], math.sqrt(2) * found[0, 2, 0], found[0, 0, 1]


@pytest.mark.parametrize(("step", "orders"), [(badoda, [2, 2, 2]), (ding, [1, 2, 2])], ids=["BADODA", "Euler"])
def test_order_of_the_stationary_averages(step: Callable, orders: list[int]) -> None:
    """Euler's positions, which are what one wants, are a whole order worse."""
    h = np.array([0.1, 0.05, 0.025])
    errors = np.abs([stationary_averages(step, each) for each in h])
    slopes = [np.polyfit(np.log(h), np.log(column), 1)[0] for column in errors.T]
    assert slopes == pytest.approx(orders, abs=0.17)


def frozen(h: float, z: float, noise: float = 0.0, curvature: float = CURVATURE) -> tuple[float, float]:
    """Return the variance of positions, and the mean of that of momenta before and after the injected noise.

    ``noise``: variance of the gradients' noise. It enters where the kick does, so its image is that of a momentum.
    """
    unit, still = torch.eye(4, dtype=torch.float64), torch.full((1,), z, dtype=torch.float64)
    p, m, xi, eta = unit
    g = curvature * p + math.sqrt(noise) * eta
    p1, m1, _ = badoda(p, m, still.expand(4), g, xi, h, FRICTION, 0.0, math.sqrt(T))
    a, b = torch.stack([p1, m1])[:, :2].numpy(), torch.stack([p1, m1])[:, 2:].numpy()
    covariance = two_noises(a, b)
    kick = np.array([-h * curvature, 1.0])
    before = kick @ covariance @ kick + h * h * noise
    return covariance[0, 0], (before + covariance[1, 1]) / 2


def two_noises(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the stationary covariance under two independent noises: they add."""
    images = [torch.from_numpy(np.concatenate([a, b[:, [i]]], 1)) for i in range(2)]
    return sum(stationary([*image]) for image in images)


def test_with_many_weights_to_a_thermostat_every_stable_step_size_is_exact() -> None:
    """Where z is the friction, momenta have the temperature T at the thermostat: there it stays."""
    for h, curvature in product((0.01, 0.1, 0.5, 1.0, 1.5), (0.5, 1.3)):
        variance, temperature = frozen(h, FRICTION, 0.0, curvature)
        assert variance == pytest.approx(T / curvature, rel=1e-9), (h, curvature)
        assert temperature == pytest.approx(T, rel=1e-9), (h, curvature)


def too_hot(h: float, noise: float) -> float:
    """Return the relative excess of SGHMC's variance under noisy gradients."""
    p, m, xi, eta = torch.eye(4, dtype=torch.float64)
    g = CURVATURE * p + math.sqrt(noise) * eta
    image = torch.stack(baoa(p, m, g, xi, h, math.exp(-FRICTION * h), math.sqrt(T))).numpy()
    return two_noises(image[:, :2], image[:, 2:])[0, 0] * CURVATURE / T - 1


def thermostatted(h: float, noise: float) -> tuple[float, float]:
    """Return the relative excess of SGNHT's variance, and where its thermostat stands still."""
    z = brentq(lambda z: frozen(h, z, noise)[1] - T, 0.5, 50)
    return frozen(h, z, noise)[0] * CURVATURE / T - 1, z


@pytest.mark.parametrize("noise", [2.0, 5.0])
def test_noise_of_unknown_size_is_compensated_where_sghmc_becomes_too_hot(noise: float) -> None:
    """SGHMC's error is of order 1 in h, SGNHT's of order 3, and z says how large the noise is."""
    h = np.array([0.1, 0.05, 0.025])
    hot = [too_hot(each, noise) for each in h]
    right, z = np.array([thermostatted(each, noise) for each in h]).T
    assert hot == pytest.approx(h * noise / (2 * FRICTION * T), rel=0.02)
    assert abs(right[0]) < 0.004 < 0.19 < hot[0]
    assert np.polyfit(np.log(h), np.log(np.abs(right)), 1)[0] == pytest.approx(3, abs=0.3)
    assert z == pytest.approx(FRICTION + h * noise / (2 * T), rel=0.01)


# Chains, through the optimizer


def chains(make: Callable, noise: float = 0.0, n: int = 1, scale: float | None = None, steps: int = 1000) -> dict:
    """Run chains of n weights each; return the variances of p and m, the mean of z and its variance.

    The Monte Carlo error of the variances is below 0.5 %.
    """
    count = 5000 // n
    w = nn.Parameter(numbers(count, n) * math.sqrt(T / CURVATURE))
    optimiser = make([w], seeds=range(count))
    rng, sums, kept = torch.Generator().manual_seed(2), torch.zeros(4, dtype=torch.float64), 0
    if scale:
        optimiser.precondition([torch.full_like(w, scale)])
    one_stream(optimiser)
    for step in range(steps):
        w.grad = CURVATURE * w.detach()
        if noise:
            w.grad += math.sqrt(noise) * torch.randn(w.shape, dtype=w.dtype, generator=rng)
        optimiser.step()
        if step >= steps // 10:
            state = optimiser.state[w]
            z = state.get("thermostat", torch.zeros(2))
            values = w.detach().square().mean(), state["momentum"].square().mean(), z.mean(), z.var()
            sums, kept = sums + torch.stack([v.double() for v in values]), kept + 1
    return dict(zip(("p", "m", "z", "spread"), (sums / kept).tolist(), strict=True))


def sgnht(h: float) -> Callable:
    """T as tempering over num_obs."""
    return lambda w, seeds: SGNHT(w, h, 50, FRICTION, COUPLING, 50 * T, seeds)


@pytest.mark.parametrize("n", [1, 10])
def test_chains_of_few_weights_have_the_law(n: int) -> None:
    found = chains(sgnht(0.15), n=n)
    assert found["p"] == pytest.approx(T / CURVATURE, rel=0.01)
    assert found["m"] == pytest.approx(T, rel=0.02)
    assert found["z"] == pytest.approx(FRICTION, rel=0.02)
    assert found["spread"] == pytest.approx(COUPLING**2 / n, rel=0.05)


@pytest.mark.parametrize("n", [1, 10])
def test_chains_under_noisy_gradients(n: int) -> None:
    noise, h = 5.0, 0.1
    hot = chains(lambda w, seeds: SGHMC(w, h, 1, FRICTION, T, seeds=seeds), noise, n, steps=600)
    right = chains(sgnht(h), noise, n)
    assert hot["p"] == pytest.approx(T / CURVATURE * (1 + too_hot(h, noise)), rel=0.02) and hot["p"] > 1.4 * right["p"]
    assert right["p"] == pytest.approx(T / CURVATURE, rel=0.012)
    assert right["z"] == pytest.approx(FRICTION + h * noise / (2 * T), rel=0.03)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_frozen_preconditioner_changes_the_path_and_not_the_destination(noise: float) -> None:
    """The noise is preconditioned with the gradient, and compensated all the same.

    Momenta are seen where they are coldest, after the friction; a kick later they are as much too warm.
    """
    h, scale = 0.1, 1.5
    found = chains(sgnht(h), noise, n=10, scale=scale)
    assert found["p"] == pytest.approx(T / CURVATURE, rel=0.015)
    assert found["m"] == pytest.approx(T - h * h * scale**2 * noise / 2, rel=0.015)
    assert found["z"] == pytest.approx(FRICTION + h * scale**2 * noise / (2 * T), rel=0.03)


# Thermostats


def test_every_tensor_of_every_particle_has_a_thermostat() -> None:
    w, b = (nn.Parameter(numbers(3, *shape)) for shape in ((2, 4), ()))
    optimiser = SGNHT([w, b], 0.3, 7, seeds=(0, 1, 2))
    for _ in range(4):
        w.grad, b.grad = w.detach() * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1), b.detach()
        optimiser.step()
    thermostats = [optimiser.state[leaf]["thermostat"] for leaf in (w, b)]
    assert [t.shape for t in thermostats] == [(3, 1, 1), (3,)]
    assert torch.cat([t.flatten() for t in thermostats]).unique().numel() == 6


def test_without_a_particle_axis_a_tensor_has_one() -> None:
    w, b = nn.Parameter(numbers(4, 3)), nn.Parameter(numbers())
    optimiser = SGNHT([w, b], 0.1, 7)
    w.grad, b.grad = torch.zeros_like(w), torch.zeros_like(b)
    optimiser.step()
    assert [optimiser.state[leaf]["thermostat"].shape for leaf in (w, b)] == [(1, 1), ()]


def test_thermostats_rest_while_there_is_no_noise_and_go_on_where_they_were() -> None:
    w = nn.Parameter(numbers(5, 4))
    optimiser, found = SGNHT([w], 0.3, 10, friction=2.0), []
    for temperature in (1.0, 1.0, 0.0, 0.0, 1.0):
        optimiser.param_groups[0]["temperature"] = temperature
        w.grad = w.detach().clone()
        optimiser.step()
        found.append(float(optimiser.state[w]["thermostat"]))
    assert found[1] == found[2] == found[3] and len({2.0, *found}) == 4


def test_fading_is_smooth_at_no_friction() -> None:
    x = torch.tensor([-1e-9, 0.0, 1e-9, -2.0, 3.0], dtype=torch.float64)
    expected = [1.0, 1.0, 1.0, (math.exp(2) - 1) / 2, (1 - math.exp(-3)) / 3]
    close(fading(x), torch.tensor(expected, dtype=torch.float64), rtol=1e-8)
