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

    D: ``E log s(d(x) - d(G(z))) - r1 E ||grad d(x)||^2 / 2 - r2 E ||grad d(G(z))||^2 / 2``. G: ``E log s(d(G(z)) -
    d(x))``. Real and generated images are drawn independently, so the mean is over all pairs of them, for G with as
    many real images as it makes. At equal densities a constant d is the optimum, with value -log 2.
    """

    r1: float = 1.0
    r2: float = 1.0

    def __post_init__(self) -> None:
        for name in ("r1", "r2"):
            require(self, name, getattr(self, name), getattr(self, name) >= 0, "0 or more")

    def data(self, player: str) -> Fields:
        """Return real images and codes, for both players: each pair is judged together."""
        return {"x": player, "z": "generator"}

    def realness(self, out: Tensor) -> Tensor:
        """Return the score ``(B,)``: only differences of scores have a meaning, and no score is a probability."""
        return out[:, 0]

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that the real image of a pair is the more real one, less the penalties."""
        real, fake = self.seen(batch.x, batch), self.seen(generate(net, batch), batch)
        value = preferred(score(net, real, batch.label), score(net, fake, batch.wanted))
        if self.r1:
            value = value - self.r1 * flat(lambda x: score(net, x, batch.label), real)
        if self.r2:
            value = value - self.r2 * flat(lambda x: score(net, x, batch.wanted), fake)
        return value

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that the generated image of a pair is the more real one, with real images of its own."""
        n = len(batch.z)
        label = None if batch.label is None else batch.label[:n]
        fake = score(net, self.seen(generate(net, batch), batch), batch.wanted)
        return preferred(fake, score(net, self.seen(batch.x[:n], batch), label))


def preferred(over: Tensor, under: Tensor) -> Tensor:
    """Return the mean log-probability that the first is preferred, over all pairs of scores ``(B,)`` and ``(M,)``."""
    return log_sigmoid(over[:, None] - under).mean()


def score(net: Nets, x: Tensor, label: Tensor | None) -> Tensor:
    """Return ``d(x)``, ``(B,)``, of images as the discriminator sees them."""
    return given(net.discriminator, x, label)[:, 0]
