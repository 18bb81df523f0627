"""What the adversarial objectives share: their two switches, how images are made and how they are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from bayesgan.data.diffaugment import DiffAugment
from bayesgan.types import Batch, Fields, Nets, Network


@dataclass(frozen=True)
class Adversarial(ABC):
    """Abstract game of a generator against a discriminator with one logit.

    augment: what the discriminator sees of an image, real or not; None for the image itself.
    conditional: give every player the class; real images are then the labelled ones.
    """

    augment: DiffAugment | None = None
    conditional: bool = False

    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")

    @property
    def conditioned(self) -> tuple[str, ...]:
        """Return all players where the game is conditional."""
        return self.players if self.conditional else ()

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return 1: a single logit, whatever the number of classes."""
        return 1

    def fields(self, player: str) -> Fields:
        """Return the batch fields that the player's method reads: the data, classes beside them, augmentation."""
        data = self.data(player)
        classes = {"label": data.get("x"), "wanted": data.get("z")} if self.conditional else {}
        augmented = {"jitter": player} if self.augment and self.judged(player) else {}
        return {**data, **{name: rider for name, rider in classes.items() if rider}, **augmented}

    def judged(self, player: str) -> bool:
        """Return whether the player's method asks the discriminator."""
        return True

    @abstractmethod
    def data(self, player: str) -> Fields:
        """Return what the player's method reads besides classes and augmentation."""

    def realness(self, out: Tensor) -> Tensor:
        """Return P(real) ``(B,)`` from the discriminator's output ``(B, 1)``."""
        return out[:, 0].sigmoid()

    def seen(self, x: Tensor, batch: Batch) -> Tensor:
        """Return images as the discriminator sees them."""
        return self.augment(x, batch.jitter) if self.augment else x

    def judge(self, net: Nets, batch: Batch, x: Tensor, label: Tensor | None) -> Tensor:
        """Return the discriminator's logits ``d(x) (B,)``."""
        logit_B1 = given(net.discriminator, self.seen(x, batch), label)
        assert logit_B1.shape == (len(x), 1)
        return logit_B1[:, 0]

    def real(self, net: Nets, batch: Batch) -> Tensor:
        """Return ``d(x)``, ``(B,)``."""
        return self.judge(net, batch, batch.x, batch.label)

    def fake(self, net: Nets, batch: Batch) -> Tensor:
        """Return ``d(G(z))``, ``(B,)``."""
        return self.judge(net, batch, generate(net, batch), batch.wanted)


def log_sigmoid(x: Tensor) -> Tensor:
    """Return ``log s(x)``; as a softplus, because on CUDA vmap over two axes fails in ``F.logsigmoid``."""
    return -F.softplus(-x)


def given(network: Network, inputs: Tensor, label: Tensor | None) -> Tensor:
    """Return ``network(inputs)``, with the class where there is one."""
    return network(inputs) if label is None else network(inputs, label)


def generate(net: Nets, batch: Batch) -> Tensor:
    """Return ``G(z)``, images ``(B, ...)``."""
    return given(net.generator, batch.z, batch.wanted)


def against(player: str) -> Fields:
    """Return what the players of a plain game read: the discriminator real images and codes, the generator codes."""
    return {"x": "discriminator", "z": "generator"} if player == "discriminator" else {"z": "generator"}
