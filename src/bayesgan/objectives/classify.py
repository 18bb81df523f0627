"""What the classifying objectives share: the likelihood of labels, and consistency under augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from bayesgan.errors import require
from bayesgan.types import Batch, Nets


@dataclass(frozen=True)
class Consistency:
    """A term of the likelihood: the class of an image does not change under a small distortion.

    ``weight * E_x sum_y t_y log p(y | strong view)`` with ``t`` the teacher's probabilities on a weaker view,
    divided by their batch mean (so that no class starves) and sharpened: ``t ~ (p / mean p)^(1 / temperature)``.
    The teacher is a player of its own, an average of the discriminator's weights (Tarvainen and Valpola 2017,
    arXiv 1703.01780); the sharpened targets follow MixMatch (arXiv 1905.02249). Targets that move make the
    posterior a generalised one: each unlabelled image counts as one soft label.
    """

    weight: float = 1.0
    temperature: float = 0.5
    balance: float = 0.02

    def __post_init__(self) -> None:
        require(self, "weight", self.weight, self.weight >= 0, "0 or more")
        require(self, "temperature", self.temperature, self.temperature > 0, "above 0")
        require(self, "balance", self.balance, self.balance >= 0, "0 or more")

    def log_likelihood(self, net: Nets, batch: Batch) -> Tensor:
        """Return the weighted mean log-likelihood of ``x_strong (B, ...)`` under targets from ``x_weak``."""
        target_BY = self.target(net.teacher(batch.x_weak))
        logp_BY = net.discriminator(batch.x_strong).log_softmax(-1)
        return self.weight * (target_BY * logp_BY).sum(-1).mean()

    def target(self, logits_BY: Tensor) -> Tensor:
        """Return balanced, sharpened probabilities ``(B, Y)``; ``balance`` keeps rare classes from exploding."""
        p_BY = logits_BY.softmax(-1)
        logt_BY = p_BY.clamp_min(1e-8).log() - (p_BY.mean(0) + self.balance).log()
        return (logt_BY / self.temperature).softmax(-1)


def label_log_likelihood(net: Nets, batch: Batch) -> Tensor:
    """Return the mean log-probability of the labels ``y (B,)`` given ``x_labelled`` among the real classes."""
    return -F.cross_entropy(net.discriminator(batch.x_labelled), batch.y)
