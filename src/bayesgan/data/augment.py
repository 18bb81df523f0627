"""Augmentation on the device: random warps of whole batches, their randomness drawn with the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.errors import require

CONTROL_POINTS = 4


@dataclass(frozen=True)
class Warp:
    """Ranges of a random affine map with a weak elastic field, relative to the image.

    rotation: degrees. scale: relative, each side on its own. shear: horizontal, as a slope. shift: fraction of the
    image's side. elastic: standard deviation of the shift at 4 x 4 control points, as a fraction of the side.
    cutout: largest side of a black square, as a fraction, in the strong view of unlabelled images. weak: factor on
    all ranges for the teacher's weaker view. side: of the images for which ``shift`` and ``elastic`` are meant; larger
    ones move by more pixels, but only with the root of their side. None: by these fractions at every size.
    mirror: left and right change places in every second image.
    """

    rotation: float = 11.0
    scale: float = 0.1
    shear: float = 0.15
    shift: float = 0.08
    elastic: float = 0.05
    cutout: float = 0.0
    weak: float = 0.5
    side: int | None = None
    mirror: bool = False

    def __post_init__(self) -> None:
        side = 1 if self.side is None else self.side
        require(self, "side", side, side > 0, "above 0, or none")

    def __call__(self, x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
        """Return images ``(B, C, H, W)`` in [-1, 1], each under a map of its own; ``rng`` lives on the CPU."""
        u, size = (torch.rand(6, len(x), generator=rng) * 2 - 1) * strength, self.size(x)
        u[4:] *= size
        field = torch.randn(len(x), 2, CONTROL_POINTS, CONTROL_POINTS, generator=rng) * strength
        # affine_grid measures in half sides, hence the factors of 2.
        matrices = self.matrices(u, x.shape[-2] / x.shape[-1]).to(x.device)
        grid = F.affine_grid(matrices, list(x.shape), align_corners=False)
        down, across = (between_points(side, x.device) for side in x.shape[-2:])
        bend = 2 * self.elastic * size * (down @ field.to(x.device) @ across.T)
        # Bicubic keeps the strokes of small images; it overshoots, hence the clamp.
        x = self.mirrored(x, rng) if self.mirror else x
        view = F.grid_sample(x, grid + bend.movedim(1, -1), mode="bicubic", padding_mode="border", align_corners=False)
        return view.clamp(-1, 1)

    def mirrored(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Return images ``(B, C, H, W)``, about half of them seen in a mirror."""
        turned = torch.rand(len(x), 1, 1, 1, generator=rng).to(x.device) < 0.5
        return torch.where(turned, x.flip(-1), x)

    def size(self, x: Tensor) -> float:
        """Return the factor on shifts, as fractions, of images ``(B, C, H, W)``."""
        return 1.0 if self.side is None else math.sqrt(self.side / min(x.shape[-2:]))

    def matrices(self, u: Tensor, aspect: float) -> Tensor:
        """Return affine matrices ``(B, 2, 3)`` from numbers ``u (6, B)`` in [-1, 1], for images of ``aspect`` H / W."""
        angle = u[0] * math.radians(self.rotation)
        cos, sin, shear = angle.cos(), angle.sin(), u[1] * self.shear
        wide, high = 1 + u[2] * self.scale, 1 + u[3] * self.scale
        across, down = 2 * self.shift * u[4], 2 * self.shift * u[5]
        # Both sides are 2 long to the grid, whatever they are in pixels.
        skew, turn = aspect * wide * (shear * cos - sin), high * sin / aspect
        rows = [wide * cos, skew, across, turn, high * (shear * sin + cos), down]
        return torch.stack(rows, dim=1).view(-1, 2, 3)

    def cut(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Return images ``(B, C, H, W)`` with a black square each, of random place and size."""
        u = torch.rand(3, len(x), 1, 1, 1, generator=rng).to(x.device)
        if not self.cutout:
            return x  # having drawn: what is drawn next is the same with squares and without
        half = u[2] * self.cutout / 2
        down, across = ((torch.arange(side, device=x.device) + 0.5) / side for side in x.shape[-2:])
        inside = ((across - u[0]).abs() < half) & ((down[:, None] - u[1]).abs() < half)
        return x.masked_fill(inside, -1.0)


@lru_cache
def between_points(side: int, device: torch.device) -> Tensor:
    """Return the weights ``(side, 4)`` of control points in a line of pixels: bicubic, the first and last on its ends.

    As a matrix they cost two small products for a batch, less than interpolating every field.
    """
    line = torch.eye(CONTROL_POINTS).view(1, CONTROL_POINTS, CONTROL_POINTS, 1)
    return F.interpolate(line, (side, 1), mode="bicubic", align_corners=True)[0, :, :, 0].T.to(device)
