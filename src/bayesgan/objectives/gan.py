"""Generative adversarial networks without labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from bayesgan.types import Batch, Nets


@dataclass(frozen=True)
class NonSaturating:
    """Goodfellow et al. 2014 (arXiv 1406.2661) with the non-saturating generator.

    D: ``E_x log s(d(x)) + E_z log s(-d(G(z)))``. At its optimum d is the log density ratio ``log p*/p_theta`` and
    the value is ``2 JSD(p*, p_theta) - log 4``. G: ``E_z log s(d(G(z)))``.
    """

    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")
    rides: ClassVar[Mapping[str, str]] = {"z": "generator", "x": "discriminator"}

    def fields(self, player: str) -> tuple[str, ...]:
        """Return the batch fields that the player's method reads."""
        return ("x", "z") if player == "discriminator" else ("z",)

    def outputs(self, classes: int) -> int:
        """Return 1: a single logit, whatever the number of classes."""
        return 1

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of telling ``x (B, ...)`` from ``G(z)``."""
        real_B1, fake_B1 = net.discriminator(batch.x), net.discriminator(net.generator(batch.z))
        assert real_B1.shape[1:] == fake_B1.shape[1:] == (1,)
        return F.logsigmoid(real_B1).mean() + F.logsigmoid(-fake_B1).mean()

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that ``G(z)`` is real."""
        return F.logsigmoid(net.discriminator(net.generator(batch.z))).mean()
