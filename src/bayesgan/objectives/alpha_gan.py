"""alpha-GAN: a variational auto-encoder and a GAN merged, with density ratios estimated by two discriminators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from bayesgan.errors import require
from bayesgan.objectives.adversary import Adversarial, given, log_sigmoid
from bayesgan.objectives.vae import gaussian_code
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class AlphaGAN(Adversarial):
    """Rosca et al. 2017 (arXiv 1706.04987), Algorithm 1; z_q is a code of x, z_p one from the prior.

    G: ``E_q[-weight |x - G(z_q)| + d(G(z_q))] + E_p d(G(z_p))``. E: ``E_q[-weight |x - G(z_q)| + c(z_q)]``.
    D: ``2 E_x log s(d(x)) + E_q log s(-d(G(z_q))) + E_p log s(-d(G(z_p)))``.
    C: ``E_p log s(c(z_p)) + E_q log s(-c(z_q))``.

    d estimates ``log p*/p_theta`` against the equal mixture of reconstructions and samples, c ``log p(z)/q(z)``. C sees
    no image, so q is the *aggregate* of all codes: the bound holds on average, not image by image.

    weight: of the mean absolute error per pixel; with n pixels it is a Laplace likelihood of scale n / weight.
    likelihood: ``explicit`` drops d from G and E (VAE-like), ``implicit`` drops the error, and d(G(z_q)) takes its
    place in E (GAN-like); the talk's choices 1 and 2. noise: a Gaussian encoder instead of a deterministic one.
    """

    weight: float = 20.0
    likelihood: Literal["both", "explicit", "implicit"] = "both"
    noise: bool = False

    players: ClassVar[tuple[str, ...]] = ("generator", "encoder", "discriminator", "code_discriminator")

    def __post_init__(self) -> None:
        require(self, "weight", self.weight, self.weight >= 0, "0 or more")

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return 1 for a discriminator, a number per dimension of the code for E, two with noise."""
        return (1 + self.noise) * latent if player == "encoder" else 1

    def judged(self, player: str) -> bool:
        """Return whether the player's method asks the discriminator of images."""
        asks = {"generator": self.likelihood != "explicit", "encoder": self.likelihood == "implicit"}
        return asks.get(player, player == "discriminator")

    def data(self, player: str) -> Fields:
        """Return images for all; codes for all but E, and for G where it is judged; noise where E is Gaussian."""
        fields: dict[str, str | None] = {"x": player}
        if player.endswith("discriminator") or (player == "generator" and self.judged(player)):
            fields["z"] = "generator"
        return {**fields, "eps": "encoder"} if self.noise else fields

    def code(self, out: Tensor, eps: Tensor | None = None) -> Tensor:
        """Return codes ``(B, Z)`` from the encoder's output; with noise, ``eps`` draws around the mean."""
        return gaussian_code(out, eps) if self.noise else out

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of ``x`` given its code, and log ratios of reconstructions and samples."""
        image = self.reconstruction(net, batch)
        value = self.closeness(batch, image)
        if self.judged("generator"):
            value = value + self.judge(net, batch, image, batch.label).mean() + self.fake(net, batch).mean()
        return value

    def encoder(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of ``x`` given its code, and the log ratio of the code."""
        codes = self.codes(net, batch)
        image = given(net.generator, codes, batch.label)
        value = self.closeness(batch, image) + given(net.code_discriminator, codes, batch.label).mean()
        return value + self.judge(net, batch, image, batch.label).mean() if self.judged("encoder") else value

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of telling ``x`` from reconstructions and from samples."""
        again = self.judge(net, batch, self.reconstruction(net, batch), batch.label)
        fake = log_sigmoid(-again).mean() + log_sigmoid(-self.fake(net, batch)).mean()
        return 2 * log_sigmoid(self.real(net, batch)).mean() + fake

    def code_discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of telling codes of the prior from codes of images."""
        prior = given(net.code_discriminator, batch.z, batch.wanted)
        return (
            log_sigmoid(prior).mean()
            + log_sigmoid(-given(net.code_discriminator, self.codes(net, batch), batch.label)).mean()
        )

    def codes(self, net: Nets, batch: Batch) -> Tensor:
        """Return ``z_q (B, Z)``."""
        return self.code(given(net.encoder, batch.x, batch.label), batch.eps if self.noise else None)

    def reconstruction(self, net: Nets, batch: Batch) -> Tensor:
        """Return ``G(z_q)``, ``(B, ...)``."""
        return given(net.generator, self.codes(net, batch), batch.label)

    def closeness(self, batch: Batch, image: Tensor) -> Tensor:
        """Return ``-weight |x - G(z_q)|``, the mean over pixels and images; 0 where the likelihood is implicit."""
        if self.likelihood == "implicit":
            return image.new_zeros(())
        return -self.weight * (batch.x - image).abs().mean()
