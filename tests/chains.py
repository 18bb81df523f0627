"""What the tests of samplers share: exact stationary covariances, noise that is given, weights that stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov
from torch import Tensor, nn

from bayesgan.samplers.langevin import Langevin
from bayesgan.samplers.noise import Noise


def stationary(columns: Sequence[Tensor]) -> np.ndarray:
    """Return the stationary covariance of a step whose images of (p = 1), (m = 1), (xi = 1) are ``columns``."""
    a, b = (torch.stack(columns).double().numpy()[:, part] for part in (slice(0, -1), slice(-1, None)))
    assert abs(np.linalg.eigvals(a)).max() < 1, "not stable"
    return solve_discrete_lyapunov(a, b @ b.T)


def give_noise(monkeypatch: pytest.MonkeyPatch, values: Tensor) -> None:
    """Let every draw of noise be ``values``."""
    monkeypatch.setattr(Noise, "draw", lambda self, like: [values.to(w.dtype).expand_as(w).clone() for w in like])


def one_stream(sampler: Langevin, seed: int = 1) -> None:
    """Draw the noise of thousands of chains from one generator: one for each would take most of the time."""
    rng = torch.Generator().manual_seed(seed)
    sampler.noise.draw = lambda like: [torch.randn(w.shape, dtype=w.dtype, generator=rng) for w in like]


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


def still(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    """Parameters at 0 whose gradient is 0: whatever moves them is noise."""
    params = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for w in params:
        w.grad = torch.zeros_like(w)
    return params


SHAPES = ((400, 300), (100_000,), (50, 20, 10, 10))
