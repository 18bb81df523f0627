"""Variational auto-encoder: the evidence lower bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from bayesgan.data.codes import Codes
from bayesgan.objectives.adversary import given, log_sigmoid
from bayesgan.objectives.likelihoods import Gaussian, Likelihood
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class Elbo:
    """Kingma and Welling 2013 (arXiv 1312.6114): ``E_q log p(x | z) - KL(q(z | x), N(0, I))``, per image.

    G (the decoder) maximises the first term, E both, ``q = N(mu, diag sigma^2)``; the divergence is exact. The bound
    is tight where q is the posterior of z. conditional: both players are given the class of x.
    """

    likelihood: Likelihood = field(default_factory=Gaussian)
    conditional: bool = False

    players: ClassVar[tuple[str, ...]] = ("generator", "encoder")
    code_prior: ClassVar[Codes] = "normal"

    @property
    def conditioned(self) -> tuple[str, ...]:
        """Return both players where the model is conditional."""
        return self.players if self.conditional else ()

    def fields(self, player: str) -> Fields:
        """Return the batch fields that both players' methods read."""
        fields: Fields = {"x": player, "eps": player}
        return {**fields, "label": player} if self.conditional else fields

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return two numbers per dimension of the code: mean and logit of the variance."""
        return 2 * latent

    def code(self, out: Tensor, eps: Tensor | None = None) -> Tensor:
        """Return codes ``(B, Z)`` from the encoder's output ``(B, 2 Z)``: the mean, or with ``eps`` a draw."""
        return gaussian_code(out, eps)

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of ``x (B, ...)`` given codes drawn from q."""
        return self.expected_log_likelihood(net, batch, given(net.encoder, batch.x, batch.label))

    def encoder(self, net: Nets, batch: Batch) -> Tensor:
        """Mean evidence lower bound of ``x (B, ...)``."""
        out_B2Z = given(net.encoder, batch.x, batch.label)
        return self.expected_log_likelihood(net, batch, out_B2Z) - divergence(out_B2Z).mean()

    def expected_log_likelihood(self, net: Nets, batch: Batch, out: Tensor) -> Tensor:
        """Return the mean of ``log p(x | z)`` with one draw of z per image."""
        image = given(net.generator, self.code(out, batch.eps), batch.label)
        return self.likelihood.log_prob(batch.x, image).mean()


def gaussian_code(out: Tensor, eps: Tensor | None) -> Tensor:
    """Return the mean half of ``out (B, 2 Z)``, plus ``sigma eps`` where eps is given."""
    mean, log_variance = gaussian(out)
    return mean if eps is None else mean + (log_variance / 2).exp() * eps


def divergence(out: Tensor) -> Tensor:
    """Return ``KL(N(mu, diag sigma^2), N(0, I))`` per image, ``(B,)``, from ``out (B, 2 Z)``."""
    mean, log_variance = gaussian(out)
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(-1)


def gaussian(out: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of q, each ``(B, Z)``, from ``out (B, 2 Z)``.

    The second half is the logit of the variance, which stays below 1: no posterior of z is wider than its prior
    N(0, I) under a likelihood that is log-concave in z, and an encoder that strays there throws training back.
    """
    mean, logit = out.chunk(2, -1)
    return mean, log_sigmoid(logit)
