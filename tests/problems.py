"""Problems with their exact answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class Quadratic:
    """Energy ``curvature w^2 / 2``; at temperature T its Gaussian has the variance ``T / curvature``."""

    curvature: float

    def gradient(self, w: Tensor) -> Tensor:
        return self.curvature * w

    def variance(self, temperature: float) -> float:
        return temperature / self.curvature


@dataclass(frozen=True)
class LinearRegression:
    """``y = x w + noise N(0, sigma^2)`` with ``w ~ N(0, tau^2 I)``; as an objective it has one player, a linear map.

    ``posterior``: mean (D,) and covariance (D, D) of w; tempering flattens likelihood and prior alike, so it
    scales the covariance and leaves the mean. ``rider``: whose particles have data of their own, None for all the same.
    """

    x: Tensor
    y: Tensor
    sigma: float
    tau: float
    rider: str | None = None

    players: ClassVar[tuple[str, ...]] = ("regressor",)
    conditioned: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def make(cls, n: int = 40, dims: int = 3, sigma: float = 0.5, tau: float = 1.5) -> LinearRegression:
        rng = torch.Generator().manual_seed(1)
        x = torch.randn(n, dims, generator=rng) @ torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 0.7]])
        w = torch.tensor([[1.0], [-2.0], [1.5]])
        return cls(x, x @ w + sigma * torch.randn(n, 1, generator=rng), sigma, tau)

    def posterior(self, tempering: float = 1.0) -> tuple[Tensor, Tensor]:
        x, y = self.x.double(), self.y.double()
        precision = x.T @ x / self.sigma**2 + torch.eye(x.shape[1]).double() / self.tau**2
        covariance = torch.linalg.inv(precision)
        return (covariance @ x.T @ y / self.sigma**2)[:, 0], tempering * covariance

    def pull(self, output: Tensor, y: Tensor) -> Tensor:
        """Derivative of the log-likelihood of y by the network's output."""
        return (y - output) / self.sigma**2

    def curvature(self) -> Tensor:
        """Second derivatives (D, D) of the energy per datum."""
        return torch.linalg.inv(self.posterior()[1]) / len(self.x)

    def fields(self, player: str) -> Fields:
        return {"x": self.rider, "y": self.rider}

    def outputs(self, player: str, latent: int, classes: int) -> int:
        return 1

    def regressor(self, net: Nets, batch: Batch) -> Tensor:
        residual = (batch.y - net.regressor(batch.x)) / self.sigma
        return -residual.square().mean() / 2 - math.log(self.sigma) - math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class LogisticRegression:
    """``P(y = 1) = s(w x)`` in two dimensions with ``w ~ N(0, tau^2 I)``; few data, so that the posterior is skewed.

    ``reference``: draws by Metropolis-adjusted Langevin chains (Besag 1994), which leave the posterior exactly
    invariant; ``quadrature``: its mean and covariance on a grid, which is exact to eight digits.
    """

    x: Tensor
    y: Tensor
    tau: float
    rider: str | None = None

    players: ClassVar[tuple[str, ...]] = ("regressor",)
    conditioned: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def make(cls, n: int = 12, tau: float = 2.0) -> LogisticRegression:
        rng = torch.Generator().manual_seed(5)
        x = torch.randn(n, 2, generator=rng) @ torch.tensor([[1.0, 0.4], [0.0, 0.8]])
        p = torch.sigmoid(x @ torch.tensor([[2.0], [1.0]]))
        return cls(x, torch.bernoulli(p, generator=rng), tau)

    def log_density(self, w: Tensor) -> Tensor:
        """Log posterior of weights (K, 2) up to a constant, ``(K,)``, in float64."""
        sign, x = 2 * self.y.double() - 1, self.x.double()
        return -torch.nn.functional.softplus(-(x @ w.T) * sign).sum(0) - w.square().sum(1) / (2 * self.tau**2)

    def pull(self, output: Tensor, y: Tensor) -> Tensor:
        """Derivative of the log-likelihood of y by the network's output."""
        return y - torch.sigmoid(output)

    def slope(self, w: Tensor) -> Tensor:
        """Gradient of :meth:`log_density`, ``(K, 2)``."""
        return len(self.x) * slope(self, w, self.x.double(), self.y.double())

    def quadrature(self) -> tuple[Tensor, Tensor]:
        """Mean (2,) and covariance (2, 2)."""
        axis = torch.linspace(-7, 11, 500, dtype=torch.float64)
        w = torch.cartesian_prod(axis, axis)
        mass = self.log_density(w).softmax(0)
        mean = mass @ w
        return mean, ((w - mean) * mass[:, None]).T @ (w - mean)

    def reference(self, chains: int = 400, steps: int = 3000, h: float = 0.8) -> Tensor:
        """Draws ``(S, 2)`` of long chains: every tenth step of the later nine tenths."""
        rng = torch.Generator().manual_seed(0)
        w, draws = torch.zeros(chains, 2, dtype=torch.float64), []
        for step in range(steps):
            w = self.metropolis(w, h, rng)
            if step >= steps // 10 and step % 10 == 0:
                draws.append(w)
        return torch.cat(draws)

    def metropolis(self, w: Tensor, h: float, rng: torch.Generator) -> Tensor:
        """One Langevin proposal of every chain, accepted with the probability that keeps the balance detailed."""
        proposed = w + h * self.slope(w) + math.sqrt(2 * h) * torch.randn(w.shape, dtype=w.dtype, generator=rng)
        there = (proposed - w - h * self.slope(w)).square().sum(1)
        back = (w - proposed - h * self.slope(proposed)).square().sum(1)
        ratio = self.log_density(proposed) - self.log_density(w) + (there - back) / (4 * h)
        accepted = torch.rand(len(w), dtype=w.dtype, generator=rng).log() < ratio
        return torch.where(accepted[:, None], proposed, w)

    def fields(self, player: str) -> Fields:
        return {"x": self.rider, "y": self.rider}

    def outputs(self, player: str, latent: int, classes: int) -> int:
        return 1

    def regressor(self, net: Nets, batch: Batch) -> Tensor:
        return -torch.nn.functional.binary_cross_entropy_with_logits(net.regressor(batch.x), batch.y)


@dataclass(frozen=True)
class TwoGaussians:
    """Data N(mean_p, sd_p^2) and model N(mean_q, sd_q^2) on the line: log ratio and Jensen-Shannon divergence."""

    mean_p: float = 0.5
    sd_p: float = 1.0
    mean_q: float = -0.5
    sd_q: float = 1.4

    def log_ratio(self, x: Tensor) -> Tensor:
        """``log p(x) / q(x)``, written out."""
        p, q = (x - self.mean_p) / self.sd_p, (x - self.mean_q) / self.sd_q
        return (q.square() - p.square()) / 2 + math.log(self.sd_q / self.sd_p)

    def divergence(self) -> float:
        """JSD(p, q) in nats, by quadrature on a grid of 40 standard deviations."""
        p, q, width = self.densities()
        m = torch.logaddexp(p, q) - math.log(2)
        return float((p.exp() * (p - m) + q.exp() * (q - m)).sum() * width / 2)

    def total_variation(self) -> float:
        """Half the integral of ``|p - q|``, on the same grid."""
        p, q, width = self.densities()
        return float((p.exp() - q.exp()).abs().sum() * width / 2)

    def densities(self) -> tuple[Tensor, Tensor, float]:
        """Log densities of p and of q on a grid, and its spacing."""
        x = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
        return log_normal(x, self.mean_p, self.sd_p), log_normal(x, self.mean_q, self.sd_q), float(x[1] - x[0])

    def quantiles(self, n: int) -> tuple[Tensor, Tensor]:
        """Midpoints of n equally probable pieces of p and of q, ``(n, 1)``: means over them are quadratures."""
        u = normal_quantiles(n)
        return self.mean_p + self.sd_p * u, self.mean_q + self.sd_q * u


@dataclass(frozen=True)
class LinearDecoder:
    """Probabilistic PCA (Tipping and Bishop 1999): ``z ~ N(0, I)``, ``x = W z + mean + N(0, std^2 I)``.

    ``weight`` is ``(D, Z)`` with orthogonal columns, so that the posterior of z is a diagonal Gaussian.
    """

    weight: Tensor
    mean: Tensor
    std: float

    @classmethod
    def make(cls, dims: int = 6, latent: int = 2, std: float = 0.4) -> LinearDecoder:
        rng = torch.Generator().manual_seed(3)
        columns = torch.linalg.qr(torch.randn(dims, latent, dtype=torch.float64, generator=rng))[0]
        scales = torch.linspace(0.7, 1.6, latent, dtype=torch.float64)
        return cls(columns * scales, torch.randn(dims, dtype=torch.float64, generator=rng), std)

    def evidence(self, x: Tensor) -> Tensor:
        """``log N(x; mean, W W^T + std^2 I)`` of points ``(B, D)``: ``(B,)``."""
        covariance = self.weight @ self.weight.T + self.std**2 * torch.eye(len(self.mean), dtype=x.dtype)
        return torch.distributions.MultivariateNormal(self.mean, covariance).log_prob(x)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variances of z given x, ``(B, Z)`` each."""
        precision = self.weight.square().sum(0) + self.std**2
        return (x - self.mean) @ self.weight / precision, (self.std**2 / precision).expand(len(x), -1)


def slope(problem: LinearRegression | LogisticRegression, w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Gradient of the log posterior per datum at weights (K, D), on data (B, D) and (B, 1), or (K, B, ...)."""
    x, y = (t.expand(len(w), *t.shape[-2:]) for t in (x, y))
    pull = problem.pull(torch.einsum("kbd,kd->kb", x, w), y[..., 0])
    return torch.einsum("kbd,kb->kd", x, pull) / x.shape[1] - w / (problem.tau**2 * len(problem.x))


def normal_quantiles(n: int) -> Tensor:
    """Midpoints of n equally probable pieces of N(0, 1), ``(n, 1)``."""
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]


def log_normal(x: Tensor, mean: float, sd: float) -> Tensor:
    return torch.distributions.Normal(mean, sd).log_prob(x)
