"""Codes: their prior, and paths between them."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Codes = Literal["normal", "sphere"]
"""The prior of z: N(0, I), or uniform on the unit sphere."""

ALMOST = 1e-4


def draw_codes(count: int, latent: int, codes: Codes, rng: torch.Generator) -> Tensor:
    """Return ``count`` codes from their prior, ``(count, latent)``, on the CPU."""
    z = torch.randn(count, latent, generator=rng)
    return on_sphere(z) if codes == "sphere" else z


def on_sphere(z: Tensor) -> Tensor:
    """Return codes ``(..., Z)`` scaled to length 1."""
    return F.normalize(z, dim=-1)


def path(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return ``steps`` codes from a to b ``(B, Z)`` along great circles, lengths changing evenly: ``(B, steps, Z)``.

    A straight line would pass through the middle, where a prior of many dimensions has no mass. Opposite codes, whose
    great circle is any, are joined by a jump.
    """
    t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device)[:, None]
    angle = torch.acos((on_sphere(a) * on_sphere(b)).sum(-1).clamp(-1, 1))[:, None, None]
    # Where the sine vanishes, rounding would decide which way a path points, at its ends too.
    angle = angle.clamp(ALMOST, math.pi - ALMOST)
    direction = ((1 - t) * angle).sin() * on_sphere(a)[:, None] + (t * angle).sin() * on_sphere(b)[:, None]
    length_BT1 = (1 - t) * lengths(a) + t * lengths(b)
    return length_BT1 * on_sphere(direction)


def lengths(z: Tensor) -> Tensor:
    """Return the lengths of codes ``(B, Z)`` as ``(B, 1, 1)``."""
    length: Tensor = torch.linalg.vector_norm(z, dim=-1)
    return length[:, None, None]
