"""What turns a trunk into a player: a linear head, and the class where the game is conditional."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

EMBEDDING = 16


class Headed(nn.Module):
    """A trunk that finds features phi, and a linear head; given a class y, ``head(phi) + V_y phi``.

    For a discriminator with one logit, V_y is the projection of Miyato and Koyama 2018 (arXiv 1802.05637, equation 4).
    """

    def __init__(self, trunk: nn.Module, head: nn.Linear, classes: int = 0) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head
        if classes:
            self.classes = nn.Parameter(torch.zeros(classes, head.out_features, head.in_features))

    def forward(self, x: Tensor, label: Tensor | None = None, *, features: bool = False) -> Tensor:
        """Return ``(B, outputs)``, or phi ``(B, F)`` with ``features``; ``label``: one-hot classes ``(B, Y)``."""
        phi: Tensor = self.trunk(x)
        if features:
            return phi
        out: Tensor = self.head(phi)
        return out if label is None else out + torch.einsum("by,yof,bf->bo", label, self.classes, phi)


class Embedded(nn.Module):
    """A generator that is given the code and an embedding of the class, side by side."""

    def __init__(self, body: nn.Module, classes: int) -> None:
        super().__init__()
        self.body = body
        self.classes = nn.Parameter(torch.randn(classes, EMBEDDING))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Return images of ``label``: one-hot classes ``(B, Y)``."""
        out: Tensor = self.body(torch.cat([z, label @ self.classes], -1))
        return out


def embedded(body: Callable[[int], nn.Module], latent: int, classes: int) -> nn.Module:
    """Return ``body(latent)``, or with classes a conditional generator around a body of a longer code."""
    return Embedded(body(latent + EMBEDDING), classes) if classes else body(latent)
