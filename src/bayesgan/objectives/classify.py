"""What the classifying objectives share: the likelihood of labels, and consistency under augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.errors import require
from bayesgan.objectives.penalties import mixtures
from bayesgan.types import Batch, Nets


@dataclass(frozen=True)
class Consistency:
    """A term of the likelihood: the class of an image does not change under a small distortion.

    ``weight * E_x sum_y t_y log p(y | strong view)`` with ``t`` the teacher's probabilities on a weaker view,
    divided by their batch mean (so that no class starves) and sharpened: ``t ~ (p / mean p)^(1 / temperature)``.
    The teacher is a player of its own, an average of the discriminator's weights (Tarvainen and Valpola 2017,
    arXiv 1703.01780); the sharpened targets follow MixMatch (arXiv 1905.02249). Targets that move make the
    posterior a generalised one: each unlabelled image counts as one soft label.

    ``interpolation``: the share of the weight that the same term has at mixtures of the strong views of two images,
    in proportions that are uniform, with the same mixtures of their targets: after Verma et al. 2019 (arXiv
    1903.03825), who mix images as they are and targets that are not sharpened.
    """

    weight: float = 1.0
    temperature: float = 0.5
    balance: float = 0.02
    interpolation: float = 0.0

    def __post_init__(self) -> None:
        require(self, "weight", self.weight, self.weight >= 0, "0 or more")
        require(self, "temperature", self.temperature, self.temperature > 0, "above 0")
        require(self, "balance", self.balance, self.balance >= 0, "0 or more")
        require(self, "interpolation", self.interpolation, 0 <= self.interpolation <= 1, "0 to 1")

    @property
    def reads(self) -> tuple[str, ...]:
        """The batch fields that the likelihood reads."""
        return ("x_weak", "x_strong", *(("views_mix",) if self.interpolation else ()))

    def log_likelihood(self, net: Nets, batch: Batch) -> Tensor:
        """Return the weighted log-likelihood of ``x_strong (B, ...)`` and mixtures of it; targets from ``x_weak``."""
        target_BY = self.target(net.teacher(batch.x_weak))
        value = soft_log_likelihood(net, batch.x_strong, target_BY)
        if self.interpolation:
            # Rows are drawn independently, so that the one before is any other.
            mixed = (mixtures(rows, rows.roll(1, 0), batch.views_mix) for rows in (batch.x_strong, target_BY))
            value = torch.lerp(value, soft_log_likelihood(net, *mixed), self.interpolation)
        return self.weight * value

    def target(self, logits_BY: Tensor) -> Tensor:
        """Return balanced, sharpened probabilities ``(B, Y)``; ``balance`` keeps rare classes from exploding."""
        p_BY = logits_BY.softmax(-1)
        logt_BY = p_BY.clamp_min(1e-8).log() - (p_BY.mean(0) + self.balance).log()
        return (logt_BY / self.temperature).softmax(-1)


def soft_log_likelihood(net: Nets, x: Tensor, target_BY: Tensor) -> Tensor:
    """Return the mean log-probability of the classes of ``x (B, ...)`` as the targets weigh them."""
    return (target_BY * net.discriminator(x).log_softmax(-1)).sum(-1).mean()


def label_log_likelihood(net: Nets, batch: Batch) -> Tensor:
    """Return the mean log-probability of the labels ``y (B,)`` given ``x_labelled`` among the real classes."""
    return -F.cross_entropy(net.discriminator(batch.x_labelled), batch.y)
