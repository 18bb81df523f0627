"""Augmentation on the device: random affine maps of whole batches, their randomness drawn with the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Affine:
    """Ranges of a random affine map, all symmetric about the identity; the same for every image size.

    rotation: degrees. scale: relative, each side on its own. shear: horizontal, as a slope.
    shift: fraction of the image's side. weak: factor on all ranges for the teacher's weaker view.
    """

    rotation: float = 10.0
    scale: float = 0.1
    shear: float = 0.15
    shift: float = 0.06
    weak: float = 0.5

    def __call__(self, x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
        """Return images ``(B, C, H, W)``, each under a map of its own; ``rng`` lives on the CPU."""
        u = (torch.rand(6, len(x), generator=rng) * 2 - 1) * strength
        theta = self.matrices(u).to(x.device, x.dtype)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        # Bicubic costs little and keeps the strokes of small images; it overshoots, hence the clamp.
        view = F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return view.clamp(-1, 1)

    def matrices(self, u: Tensor) -> Tensor:
        """Return affine matrices ``(B, 2, 3)`` from numbers ``u (6, B)`` in [-1, 1]."""
        angle = u[0] * math.radians(self.rotation)
        cos, sin, shear = angle.cos(), angle.sin(), u[1] * self.shear
        wide, high = 1 + u[2] * self.scale, 1 + u[3] * self.scale
        # affine_grid measures shifts in half sides.
        across, down = 2 * self.shift * u[4], 2 * self.shift * u[5]
        rows = [wide * cos, wide * (shear * cos - sin), across, high * sin, high * (shear * sin + cos), down]
        return torch.stack(rows, dim=1).view(-1, 2, 3)
