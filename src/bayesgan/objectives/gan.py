"""Generative adversarial networks whose discriminator tells real from generated, three ways."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from bayesgan.errors import require
from bayesgan.objectives.adversary import Adversarial, against, given, log_sigmoid
from bayesgan.objectives.penalties import flat
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class NonSaturating(Adversarial):
    """Goodfellow et al. 2014 (arXiv 1406.2661) with the non-saturating generator.

    D: ``E_x log s(d(x)) + E_z log s(-d(G(z))) - r1 E ||grad d(x)||^2 / 2``. Without penalty d is the log density ratio
    ``log p*/p_theta`` at the optimum and the value is ``2 JSD(p*, p_theta) - log 4``. G: ``E_z log s(d(G(z)))``. The
    penalty at real images makes the game converge (Mescheder et al. 2018, arXiv 1801.04406, equation 9).
    """

    r1: float = 0.0

    def __post_init__(self) -> None:
        require(self, "r1", self.r1, self.r1 >= 0, "0 or more")

    def data(self, player: str) -> Fields:
        """Return real images and codes for the discriminator, codes for the generator."""
        return against(player)

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of telling ``x (B, ...)`` from ``G(z)``, less the penalty."""
        value = log_sigmoid(self.real(net, batch)).mean() + log_sigmoid(-self.fake(net, batch)).mean()
        if not self.r1:
            return value
        slope = flat(lambda x: given(net.discriminator, x, batch.label)[:, 0], self.seen(batch.x, batch))
        return value - self.r1 * slope

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that ``G(z)`` is real."""
        return log_sigmoid(self.fake(net, batch)).mean()


@dataclass(frozen=True)
class Minimax(Adversarial):
    """The zero-sum game of Goodfellow et al. 2014, equation 1: the generator minimises the divergence itself.

    D: as :class:`NonSaturating`. G: ``-E_z log s(-d(G(z)))``, whose gradient vanishes where D is sure.
    """

    def data(self, player: str) -> Fields:
        """Return real images and codes for the discriminator, codes for the generator."""
        return against(player)

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of telling ``x (B, ...)`` from ``G(z)``."""
        return log_sigmoid(self.real(net, batch)).mean() + log_sigmoid(-self.fake(net, batch)).mean()

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Minus the mean log-probability that ``G(z)`` is generated."""
        return -log_sigmoid(-self.fake(net, batch)).mean()


@dataclass(frozen=True)
class Hinge(Adversarial):
    """The hinge game (Lim and Ye 2017, arXiv 1705.02894).

    D: ``-E_x (1 - d(x))_+ - E_z (1 + d(G(z)))_+``; at its optimum d is the sign of ``p* - p_theta`` and the value
    is ``2 TV(p*, p_theta) - 2``. G: ``E_z d(G(z))``.
    """

    def data(self, player: str) -> Fields:
        """Return real images and codes for the discriminator, codes for the generator."""
        return against(player)

    def realness(self, out: Tensor) -> Tensor:
        """Return the score ``(B,)``: it tells of which side of the margin, not with what probability."""
        return out[:, 0]

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Minus the mean margin errors of ``x (B, ...)`` and of ``G(z)``."""
        return -F.relu(1 - self.real(net, batch)).mean() - F.relu(1 + self.fake(net, batch)).mean()

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean score of ``G(z)``."""
        return self.fake(net, batch).mean()
