"""The baseline of every few-label table: the same network without a generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bayesgan.objectives.classify import Consistency, label_log_likelihood
from bayesgan.types import Batch, Fields, Nets


@dataclass(frozen=True)
class Supervised:
    """Softmax classification, ``E_lab log softmax_y``, optionally with consistency on all training images."""

    consistency: Consistency | None = None

    players: ClassVar[tuple[str, ...]] = ("discriminator",)
    conditioned: ClassVar[tuple[str, ...]] = ()

    def fields(self, player: str) -> Fields:
        """Return the batch fields that the player's method reads."""
        return dict.fromkeys(("x_labelled", "y", *(self.consistency.reads if self.consistency else ())), player)

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return one logit per class."""
        return classes

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """Mean log-likelihood of the labels, and of consistency where it is on."""
        value = label_log_likelihood(net, batch)
        return value + self.consistency.log_likelihood(net, batch) if self.consistency else value
