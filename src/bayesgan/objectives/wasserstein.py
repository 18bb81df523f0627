"""Wasserstein GAN: a critic instead of a discriminator."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bayesgan.errors import require
from bayesgan.objectives.adversary import Adversarial, against, generate, given
from bayesgan.objectives.penalties import mixtures, one_lipschitz
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class Wasserstein(Adversarial):
    """Arjovsky et al. 2017 (arXiv 1701.07875), equation 2, and Gulrajani et al. 2017 (arXiv 1704.00028).

    Critic: ``E f(x) - E f(G(z)) - penalty E (||grad f|| - 1)^2`` at random mixtures; over 1-Lipschitz f the optimum is
    the Wasserstein-1 distance. G: ``E f(G(z))``. A mixture has the class of its real image. Weight clipping is no
    option here: it is a ``Box`` prior of the discriminator, whose projection follows every step.
    """

    penalty: float = 0.0

    def __post_init__(self) -> None:
        require(self, "penalty", self.penalty, self.penalty >= 0, "0 or more")

    def data(self, player: str) -> Fields:
        """Return real images and codes for the critic, with mixing weights for the penalty; codes for the generator."""
        mix = {"mix": player} if self.penalty and player == "discriminator" else {}
        return {**against(player), **mix}

    def realness(self, out: Tensor) -> Tensor:
        """Return the score ``(B,)``: a critic gives no probability."""
        return out[:, 0]

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean score of ``x (B, ...)`` less that of ``G(z)``, less the penalty."""
        fake, label = generate(net, batch), batch.label
        distance = self.real(net, batch).mean() - self.judge(net, batch, fake, batch.wanted).mean()
        if not self.penalty:
            return distance
        between = mixtures(self.seen(batch.x, batch), self.seen(fake, batch), batch.mix)
        seen_label = label if label is None else label[: len(between)]
        return distance - self.penalty * one_lipschitz(lambda x: given(net.discriminator, x, seen_label)[:, 0], between)

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean score of ``G(z)``."""
        return self.fake(net, batch).mean()
