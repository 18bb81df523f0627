"""Stochastic-gradient Nose-Hoover thermostat: friction that adapts to gradient noise of unknown size.

Ding et al. 2014 (Bayesian Sampling Using Stochastic Gradient Thermostats, NIPS) make the friction z a variable that
heats and cools until the momenta have the temperature T, wherever their heat comes from:

    dp = m dt,   dm = -g dt - z m dt + sqrt(2 friction T) dW,   dz = coupling^2 (|m|^2 / (n T) - 1) dt

leaves ``exp(-energy / T) N(m; 0, T) N(z; friction, coupling^2 / n)`` invariant, n the number of weights that share z.
White noise of variance V per step on the gradients heats as much as further friction ``h V / (2 T)`` would: z settles
that much higher, and p and m keep their distribution. The noise must be alike for the weights that share a thermostat.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from bayesgan.samplers.langevin import Langevin, move_, noise_std, scaled
from bayesgan.samplers.sghmc import baoa


def badoda(
    p: Tensor, m: Tensor, z: Tensor, g: Tensor, xi: Tensor, h: float, friction: float, coupling: float, std: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Kick, drift, thermostat, noise, thermostat, drift: one step with unit mass.

    The positions are those of the symmetric BADODAB of Leimkuhler and Shang 2016 (arXiv 1505.06889), whose stationary
    averages are off by O(h^2); the two half kicks between them are one, so that a step needs one gradient.

    Args:
        p, m: positions and momenta ``(K, *shape)``, or of one chain. z: thermostats, ``(K, 1, ...)`` or ``(1, ...)``.
        g: gradient of the energy at p. xi: standard normal. h: step size. friction: of the injected noise.
        coupling: rate at which the thermostat answers. std: sqrt(T), above 0.

    Returns:
        new positions, momenta and thermostats.
    """
    m = torch.sub(m, g, alpha=h)
    p = torch.add(p, m, alpha=h / 2)
    z = z + (h / 2) * coupling**2 * excess(m, z, std)
    m = (-h * z).exp() * m + std * (2 * friction * h * fading(2 * h * z)).sqrt() * xi
    z = z + (h / 2) * coupling**2 * excess(m, z, std)
    return torch.add(p, m, alpha=h / 2), m, z


def excess(m: Tensor, z: Tensor, std: float) -> Tensor:
    """Return ``|m|^2 / (n T) - 1`` for the weights of each thermostat, in the shape of z."""
    return (m / std).square().reshape(z.numel(), -1).mean(1).reshape(z.shape) - 1


def fading(x: Tensor) -> Tensor:
    """Return the mean of ``exp(-x t)`` over t in [0, 1], ``(1 - exp(-x)) / x``."""
    return torch.where(x == 0, 1.0, -torch.expm1(-x) / x)


class SGNHT(Langevin):
    """SGNHT as an optimizer for any module; see :class:`~bayesgan.samplers.langevin.Langevin`.

    Every tensor of every particle has a thermostat of its own, so that particles stay independent. At temperature 0,
    where there is nothing to regulate, the thermostats rest and the friction is constant: momentum descent.

    Args:
        params: weights of any ``nn.Module``, or leaves stacked over particles.
        lr: step size h. num_obs: how many data the per-datum energy stands for.
        friction: of the injected noise; the thermostats start there.
        coupling: rate at which they answer; the friction where None.
        temperature: 1 samples the posterior. seeds: of the noise, one or one for each particle.
    """

    positive = ("lr", "num_obs", "friction", "coupling")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        num_obs: int,
        friction: float = 1.0,
        coupling: float | None = None,
        temperature: float = 1.0,
        seeds: Sequence[int] | None = None,
    ) -> None:
        coupling = friction if coupling is None else coupling
        super().__init__(params, lr, num_obs, temperature, seeds, friction=friction, coupling=coupling)

    def prepare(self, w: Tensor, group: dict[str, Any]) -> None:
        """Draw the first momentum, and start the thermostat at the friction."""
        self.prepare_momentum(w, group)
        if "thermostat" not in self.state[w]:
            particles = len(self.noise.generators)
            shape = [particles if particles > 1 and d == 0 else 1 for d in range(w.ndim)]
            self.state[w]["thermostat"] = w.new_full(shape, group["friction"])

    def update_(self, w: Tensor, grad: Tensor, xi: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        """One step in the preconditioned coordinate, in place."""
        h, friction, std = group["lr"], group["friction"], noise_std(group)
        p, m, g = w.new_zeros(()), state["momentum"], scaled(grad, state)
        if std > 0:
            moved = badoda(p, m, state["thermostat"], g, xi, h, friction, group["coupling"], std)
            shift, state["momentum"], state["thermostat"] = moved
        else:
            shift, state["momentum"] = baoa(p, m, g, xi, h, math.exp(-friction * h), std)
        move_(w, shift, state)
