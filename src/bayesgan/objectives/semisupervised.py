"""Semi-supervised learning with a GAN: the discriminator is a classifier with one more, fake, class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from bayesgan.data.diffaugment import DiffAugment
from bayesgan.errors import require
from bayesgan.objectives.adversary import log_sigmoid
from bayesgan.objectives.classify import Consistency, label_log_likelihood
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class SemiSupervised:
    """Salimans et al. 2016 (arXiv 1606.03498), section 5; the likelihoods of Saatchi and Wilson 2017, section 3.

    D has Y logits, the fake class has the fixed logit 0: with ``l(x)`` their logsumexp, ``P(real) = s(l)`` and
    ``P(y | x, real)`` is their softmax.
    D: ``gan_weight (E_x log s(l(x)) + E_z log s(-l(G(z)))) + w E_lab log softmax_y`` (+ consistency).
    G: ``E_z log s(l(G(z)))``; with feature matching ``-||E_x phi(x) - E_z phi(G(z))||^2`` (section 3.1), phi the
    discriminator's last hidden layer.

    ``labelled_weight``: ``w``; ``"counts"`` is N_s / N, the literal posterior over all data; 1 is common practice.
    ``augment``: what the discriminator sees of real and generated images, in the adversarial terms.
    """

    labelled_weight: float | Literal["counts"] = 1.0
    gan_weight: float = 1.0
    consistency: Consistency | None = None
    feature_matching: bool = False
    augment: DiffAugment | None = None

    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")
    conditioned: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        require(self, "gan_weight", self.gan_weight, self.gan_weight >= 0, "0 or more")
        if not isinstance(self.labelled_weight, str):
            require(self, "labelled_weight", self.labelled_weight, self.labelled_weight >= 0, "0 or more")

    def fields(self, player: str) -> Fields:
        """Return the batch fields that the player's method reads."""
        fields: dict[str, str | None] = {"z": "generator"}
        if player == "discriminator" or self.feature_matching:
            fields["x"] = player
        if self.augment:
            fields["jitter"] = player
        if player == "generator":
            return fields
        views = self.consistency.reads if self.consistency else ()
        fields |= dict.fromkeys(("x_labelled", "y", *views), player)
        return {**fields, "labelled_fraction": None} if self.labelled_weight == "counts" else fields

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return one logit per class; the fake class has none of its own."""
        return classes

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of real and fake images, of the labels, and of consistency where it is on."""
        real_B = net.discriminator(self.seen(batch.x, batch)).logsumexp(-1)
        fake_B = net.discriminator(self.seen(net.generator(batch.z), batch)).logsumexp(-1)
        assert real_B.ndim == fake_B.ndim == 1
        value = self.gan_weight * (log_sigmoid(real_B).mean() + log_sigmoid(-fake_B).mean())
        weight = batch.labelled_fraction if self.labelled_weight == "counts" else self.labelled_weight
        value = value + weight * label_log_likelihood(net, batch)
        return value + self.consistency.log_likelihood(net, batch) if self.consistency else value

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that ``G(z)`` is real, of whatever class; or how well its features match."""
        fake = self.seen(net.generator(batch.z), batch)
        if not self.feature_matching:
            return log_sigmoid(net.discriminator(fake).logsumexp(-1)).mean()
        real_BF = net.discriminator(self.seen(batch.x, batch), features=True)
        fake_BF = net.discriminator(fake, features=True)
        return -(real_BF.mean(0) - fake_BF.mean(0)).square().sum()

    def realness(self, out: Tensor) -> Tensor:
        """Return ``P(real) = s(l)``, ``(B,)``, from the logits ``(B, Y)``."""
        return out.logsumexp(-1).sigmoid()

    def seen(self, x: Tensor, batch: Batch) -> Tensor:
        """Return images as the discriminator sees them."""
        return self.augment(x, batch.jitter) if self.augment else x
