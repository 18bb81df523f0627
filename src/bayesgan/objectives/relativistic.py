"""The relativistic pairing game with zero-centred penalties: the loss of today's plain convolutional GANs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bayesgan.errors import require
from bayesgan.objectives.adversary import Adversarial, generate, given, log_sigmoid
from bayesgan.objectives.penalties import flat
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class Relativistic(Adversarial):
    """Jolicoeur-Martineau 2018 (arXiv 1807.00734) with R1 and R2, as in R3GAN (Huang et al. 2025, arXiv 2501.05441).

    D: ``E log s(d(x) - d(G(z))) - r1 E ||grad d(x)||^2 / 2 - r2 E ||grad d(G(z))||^2 / 2`` over pairs of a real and a
    generated image. G: ``E log s(d(G(z)) - d(x))``. At equal densities a constant d is the optimum, with value -log 2.
    """

    r1: float = 1.0
    r2: float = 1.0

    def __post_init__(self) -> None:
        for name in ("r1", "r2"):
            require(self, name, getattr(self, name), getattr(self, name) >= 0, "0 or more")

    def data(self, player: str) -> Fields:
        """Return real images and codes, for both players: each pair is judged together."""
        return {"x": player, "z": "generator"}

    def pairs(self, net: Nets, batch: Batch) -> tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]:
        """Return real and generated images with their classes, equally many, as the discriminator sees them."""
        n = min(len(batch.x), len(batch.z))
        real, fake = self.seen(batch.x[:n], batch), self.seen(generate(net, batch)[:n], batch)
        labels = (label if label is None else label[:n] for label in (batch.label, batch.wanted))
        return (real, next(labels)), (fake, next(labels))

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that the real image of a pair is the more real one, less the penalties."""
        (real, label), (fake, wanted) = self.pairs(net, batch)
        value = log_sigmoid(score(net, real, label) - score(net, fake, wanted)).mean()
        if self.r1:
            value = value - self.r1 * flat(lambda x: score(net, x, label), real)
        if self.r2:
            value = value - self.r2 * flat(lambda x: score(net, x, wanted), fake)
        return value

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that the generated image of a pair is the more real one."""
        (real, label), (fake, wanted) = self.pairs(net, batch)
        return log_sigmoid(score(net, fake, wanted) - score(net, real, label)).mean()


def score(net: Nets, x: Tensor, label: Tensor | None) -> Tensor:
    """Return ``d(x)``, ``(B,)``, of images as the discriminator sees them."""
    return given(net.discriminator, x, label)[:, 0]
