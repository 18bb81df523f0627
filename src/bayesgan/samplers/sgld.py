"""Stochastic-gradient Langevin dynamics (Welling and Teh 2011)."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from bayesgan.samplers.langevin import Langevin, noise_std, scaled


def langevin(p: Tensor, g: Tensor, xi: Tensor, h: float, std: float) -> Tensor:
    """Euler step of overdamped Langevin dynamics; leaves ``exp(-energy / T)`` invariant up to O(h), std = sqrt(T)."""
    return p - h * g + math.sqrt(2 * h) * std * xi


class SGLD(Langevin):
    """SGLD as an optimizer for any module; see :class:`~bayesgan.samplers.langevin.Langevin`."""

    def update_(self, w: Tensor, grad: Tensor, xi: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        """One Langevin step in the preconditioned coordinate, in place."""
        zero = w.new_zeros(())
        w.add_(scaled(langevin(zero, scaled(grad, state), xi, group["lr"], noise_std(group)), state))
