"""Stochastic-gradient Hamiltonian Monte Carlo: BAOA splitting, and Euler as published.

Both leave ``exp(-energy / T)`` invariant as h -> 0. On a Gaussian BAOA's positions are exact at every stable step
size (Leimkuhler and Matthews 2013, arXiv 1203.5428); Euler (Chen, Fox and Guestrin 2014, arXiv 1402.4102;
Algorithm 1 of Saatchi and Wilson 2017, which moves the momenta first) has positions too wide by O(h^2) and momenta too
warm by O(h).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from bayesgan.errors import UsageError, nearest
from bayesgan.samplers.langevin import Langevin, move_, noise_std, scaled

Integrator = Literal["baoa", "euler"]


def baoa(p: Tensor, m: Tensor, g: Tensor, xi: Tensor, h: float, decay: float, std: float) -> tuple[Tensor, Tensor]:
    """Kick, drift, noise, drift: one step of underdamped Langevin dynamics with unit mass.

    Args:
        p: positions. m: momenta, stationary N(0, std^2). g: gradient of the energy at p. xi: standard normal.
        h: step size. decay: exp(-friction h). std: sqrt(T).

    Returns:
        new positions and momenta.
    """
    # A scale within an addition, or in place on what is nobody else's, saves a walk through memory.
    m = torch.sub(m, g, alpha=h)
    p = torch.add(p, m, alpha=h / 2)
    m = (decay * m).add_(xi, alpha=std * math.sqrt(1 - decay**2))
    return torch.add(p, m, alpha=h / 2), m


def euler(p: Tensor, m: Tensor, g: Tensor, xi: Tensor, h: float, decay: float, std: float) -> tuple[Tensor, Tensor]:
    """Algorithm 1 of Saatchi and Wilson 2017 in our scale: ``v = h m``, ``alpha = 1 - decay``, ``eta = h^2 T``."""
    m = (decay * m).sub_(g, alpha=h).add_(xi, alpha=std * math.sqrt(2 * (1 - decay)))
    return torch.add(p, m, alpha=h), m


INTEGRATORS = {"baoa": baoa, "euler": euler}


def published(eta: float, alpha: float, num_obs: int) -> tuple[float, float]:
    """Translate the papers' learning rate ``eta`` and momentum decay ``alpha`` to ``(lr, friction)``.

    Theirs is a step on the *summed* log posterior, ``v <- (1 - alpha) v + eta grad + N(0, 2 alpha eta)``. Ours is
    per datum, so ``lr = sqrt(eta num_obs)`` and ``exp(-friction lr) = 1 - alpha``.
    """
    lr = math.sqrt(eta * num_obs)
    return lr, -math.log1p(-alpha) / lr


class SGHMC(Langevin):
    """SGHMC as an optimizer for any module; see :class:`~bayesgan.samplers.langevin.Langevin`.

    Args:
        params: weights of any ``nn.Module``, or leaves stacked over particles.
        lr: step size h. friction: momenta forget at rate exp(-friction h) per step.
        eta: with ``alpha``, the papers' spelling of ``lr`` and ``friction``; give one spelling or the other.
        num_obs: how many data the per-datum energy stands for. temperature: 1 samples the posterior.
        integrator: ``baoa`` or ``euler``. seeds: of the noise, one or one for each particle.
    """

    not_negative = ("temperature", "friction")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float | None = None,
        num_obs: int | None = None,
        friction: float | None = None,
        temperature: float = 1.0,
        integrator: Integrator = "baoa",
        seeds: Sequence[int] | None = None,
        eta: float | None = None,
        alpha: float | None = None,
    ) -> None:
        if num_obs is None:
            raise UsageError("SGHMC: give num_obs, how many data the energy per datum stands for")
        lr, friction = spelling(lr, friction, eta, alpha, num_obs)
        super().__init__(params, lr, num_obs, temperature, seeds, friction=friction, integrator=integrator)

    def check(self, options: dict[str, Any]) -> None:
        """Raise a UsageError for options of a parameter group that no step could be taken with."""
        super().check(options)
        if (unknown := options["integrator"]) not in INTEGRATORS:
            raise UsageError(f"SGHMC: unknown integrator {unknown!r}; {nearest(unknown, INTEGRATORS)}")

    def prepare(self, w: Tensor, group: dict[str, Any]) -> None:
        """Draw the first momentum."""
        self.prepare_momentum(w, group)

    def update_(self, w: Tensor, grad: Tensor, xi: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        """One step of the chosen integrator in the preconditioned coordinate, in place."""
        step, h, std = INTEGRATORS[group["integrator"]], group["lr"], noise_std(group)
        decay, origin = math.exp(-group["friction"] * h), w.new_zeros(())
        shift, state["momentum"] = step(origin, state["momentum"], scaled(grad, state), xi, h, decay, std)
        move_(w, shift, state)


def spelling(
    lr: float | None, friction: float | None, eta: float | None, alpha: float | None, num_obs: int
) -> tuple[float, float]:
    """Return ``(lr, friction)`` from whichever spelling was given; friction is 1 where only ``lr`` was."""
    if eta is not None and alpha is not None and lr is None and friction is None:
        if not eta > 0 or not 0 < alpha < 1:
            raise UsageError(f"SGHMC: eta = {eta}, alpha = {alpha}: expected eta above 0, alpha between 0 and 1")
        return published(eta, alpha, num_obs)
    if lr is None or eta is not None or alpha is not None:
        raise UsageError("SGHMC: give lr (and friction), or eta and alpha as the papers do, not a mixture")
    return lr, 1.0 if friction is None else friction
