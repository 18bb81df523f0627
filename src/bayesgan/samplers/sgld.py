"""Stochastic-gradient Langevin dynamics (Welling and Teh 2011)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bayesgan.samplers.langevin import Langevin, move_, noise_std, scaled


def langevin(p: Tensor, g: Tensor, xi: Tensor, h: float, std: float) -> Tensor:
    """Euler step of overdamped Langevin dynamics; leaves ``exp(-energy / T)`` invariant up to O(h), std = sqrt(T)."""
    return torch.sub(p, g, alpha=h).add_(xi, alpha=math.sqrt(2 * h) * std)


class SGLD(Langevin):
    """SGLD as an optimizer for any module; see :class:`~bayesgan.samplers.langevin.Langevin`."""

    def update_(self, w: Tensor, grad: Tensor, xi: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        """One Langevin step in the preconditioned coordinate, in place."""
        origin = w.new_zeros(())
        move_(w, langevin(origin, scaled(grad, state), xi, group["lr"], noise_std(group)), state)
