"""Semi-supervised learning with a GAN: the discriminator is a classifier with one more, fake, class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from bayesgan.objectives.classify import Consistency, label_log_likelihood
from bayesgan.types import Batch, Nets

FIELDS = ("x", "x_weak", "x_strong", "x_labelled", "y")


@dataclass(frozen=True)
class SemiSupervised:
    """Salimans et al. 2016 (arXiv 1606.03498), section 5; the likelihoods of Saatchi and Wilson 2017, section 3.

    D has Y logits, the fake class has the fixed logit 0: with ``l(x)`` their logsumexp, ``P(real) = s(l)`` and
    ``P(y | x, real)`` is their softmax.
    D: ``gan_weight (E_x log s(l(x)) + E_z log s(-l(G(z)))) + w E_lab log softmax_y`` (+ consistency).
    G: ``E_z log s(l(G(z)))``.

    ``labelled_weight``: ``w``; ``"counts"`` is N_s / N, the literal posterior over all data; 1 is common practice.
    """

    labelled_weight: float | Literal["counts"] = 1.0
    gan_weight: float = 1.0
    consistency: Consistency | None = None

    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")
    rides: ClassVar[Mapping[str, str]] = {"z": "generator", **dict.fromkeys(FIELDS, "discriminator")}

    def fields(self, player: str) -> tuple[str, ...]:
        """Return the batch fields that the player's method reads."""
        if player == "generator":
            return ("z",)
        views = ("x_weak", "x_strong") if self.consistency else ()
        counts = ("labelled_fraction",) if self.labelled_weight == "counts" else ()
        return ("x", "z", "x_labelled", "y", *views, *counts)

    def outputs(self, classes: int) -> int:
        """Return one logit per class; the fake class has none of its own."""
        return classes

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of real and fake images, of the labels, and of consistency where it is on."""
        real_B = net.discriminator(batch.x).logsumexp(-1)
        fake_B = net.discriminator(net.generator(batch.z)).logsumexp(-1)
        assert real_B.ndim == fake_B.ndim == 1
        value = self.gan_weight * (F.logsigmoid(real_B).mean() + F.logsigmoid(-fake_B).mean())
        weight = batch.labelled_fraction if self.labelled_weight == "counts" else self.labelled_weight
        value = value + weight * label_log_likelihood(net, batch)
        return value + self.consistency.log_likelihood(net, batch) if self.consistency else value

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-probability that ``G(z)`` is real, of whatever class."""
        return F.logsigmoid(net.discriminator(net.generator(batch.z)).logsumexp(-1)).mean()
