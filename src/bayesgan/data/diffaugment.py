"""DiffAugment: what the discriminator sees of an image, real or not (Zhao et al. 2020, arXiv 2006.10738)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bayesgan.errors import require

NUMBERS = 7


@dataclass(frozen=True)
class DiffAugment:
    """Random brightness, saturation, contrast, translation and cutout, differentiable in the image.

    colour: range of brightness, as a share of that in the paper (1: brightness +-0.5 of a range of 2, saturation 0 to
    2, contrast 0.5 to 1.5). shift: largest translation, as a fraction of the side. cutout: side of a grey square, as
    a fraction of the image's.
    """

    colour: float = 1.0
    shift: float = 0.125
    cutout: float = 0.5

    images_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("colour", "shift", "cutout"):
            value = getattr(self, name)
            require(self, name, value, 0 <= value <= 1, "0 to 1")

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Return images ``(B, C, H, W)``, image i changed as row i of the uniform numbers ``u (>= B, 7)`` says.

        One row is one transform: real and generated images with the same rows are transformed alike.
        """
        u = u[: len(x), :, None, None, None]
        return self.cut(self.translated(self.recoloured(x, u[:, :3]), u[:, 3:5]), u[:, 5:])

    def recoloured(self, x: Tensor, u: Tensor) -> Tensor:
        """Return images with another brightness, saturation and contrast."""
        x = x + self.colour * (u[:, 0] - 0.5)
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * (1 + self.colour * (2 * u[:, 1] - 1))
        middle = x.mean((1, 2, 3), keepdim=True)
        return middle + (x - middle) * (1 + self.colour * (u[:, 2] - 0.5))

    def translated(self, x: Tensor, u: Tensor) -> Tensor:
        """Return images moved by whole pixels, grey where they came from."""
        for dim in (2, 3):
            side = x.shape[dim]
            reach = round(self.shift * side)
            offset = ((2 * reach + 1) * u[:, dim - 2]).floor().clamp_max(2 * reach) - reach
            place = torch.arange(side, device=x.device).view([-1 if d == dim else 1 for d in range(4)]) - offset
            index = place.clamp(0, side - 1).long().expand(x.shape)
            x = x.gather(dim, index) * ((place >= 0) & (place < side))
        return x

    def cut(self, x: Tensor, u: Tensor) -> Tensor:
        """Return images with a grey square each."""
        inside = torch.ones_like(u[:, 0], dtype=torch.bool)
        for dim in (2, 3):
            side = x.shape[dim]
            line = torch.arange(side, device=x.device).view([-1 if d == dim else 1 for d in range(4)]) + 0.5
            inside = inside & ((line - side * u[:, dim - 2]).abs() < self.cutout * side / 2)
        return x * ~inside
