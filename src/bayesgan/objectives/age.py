"""AGE: adversarial generator-encoder networks, a game without a discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bayesgan.data.codes import Codes, on_sphere
from bayesgan.errors import require
from bayesgan.objectives.adversary import generate, given
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class AGE:
    """Ulyanov et al. 2017 (arXiv 1704.02304), equations 5 to 9; codes live on the unit sphere.

    E: ``KL(e(G(z))) - KL(e(x)) - image_weight |x - G(e(x))|``. G: ``-KL(e(G(z))) - code_weight ||e(G(z)) - z||^2``,
    where ``KL`` is the divergence of a batch of codes, taken as a diagonal Gaussian of its moments, from N(0, I), a
    mean over dimensions. A batch is judged as a whole, so this is no likelihood of single images. The authors' code
    weights a cosine by 1,000 over all elements and passes a variance for the standard deviation; this is the paper.
    """

    image_weight: float = 10.0
    code_weight: float = 10.0
    conditional: bool = False

    players: ClassVar[tuple[str, ...]] = ("encoder", "generator")
    code_prior: ClassVar[Codes] = "sphere"

    def __post_init__(self) -> None:
        for name in ("image_weight", "code_weight"):
            require(self, name, getattr(self, name), getattr(self, name) >= 0, "0 or more")

    @property
    def conditioned(self) -> tuple[str, ...]:
        """Return both players where the game is conditional."""
        return self.players if self.conditional else ()

    def fields(self, player: str) -> Fields:
        """Return the batch fields that the player's method reads."""
        real = {"x": player, "label": player} if player == "encoder" else {}
        fields = {"z": "generator", "wanted": "generator", **real}
        return {f: rider for f, rider in fields.items() if self.conditional or f in ("x", "z")}

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return a number per dimension of the code."""
        return latent

    def code(self, out: Tensor, eps: Tensor | None = None) -> Tensor:
        """Return codes ``(B, Z)`` on the unit sphere from the encoder's output."""
        return on_sphere(out)

    def encoder(self, net: Nets, batch: Batch) -> Tensor:
        """Divergence of generated images less that of real ones, less the error of reconstructions."""
        codes = self.code(given(net.encoder, batch.x, batch.label))
        error = (batch.x - given(net.generator, codes, batch.label)).abs().mean()
        return divergence(self.codes_of_fakes(net, batch)) - divergence(codes) - self.image_weight * error

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Minus the divergence of generated images, less the error of recovered codes."""
        codes = self.codes_of_fakes(net, batch)
        return -divergence(codes) - self.code_weight * (codes - on_sphere(batch.z)).square().sum(-1).mean()

    def codes_of_fakes(self, net: Nets, batch: Batch) -> Tensor:
        """Return ``e(G(z))``, ``(B, Z)``."""
        return self.code(given(net.encoder, generate(net, batch), batch.wanted))


def divergence(codes: Tensor) -> Tensor:
    """Return ``KL(N(m, s^2), N(0, 1)) = (s^2 + m^2) / 2 - log s - 1/2`` of a batch's m and s, mean over dimensions."""
    variance, mean = codes.var(0, correction=0), codes.mean(0)
    return ((variance + mean.square()) / 2 - (variance + 1e-8).log() / 2 - 0.5).mean()
