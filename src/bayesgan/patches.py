"""Convolutions as matrix products of patches: they batch over particles, which dense convolutions do not.

:class:`Patches` and :class:`Fold` are each other's adjoint, hence each other's derivative, to any order. All tensors
keep the channels last in memory: products then read and write whole rows, and nothing is transposed.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
Geometry = tuple[Size, Size, Size, Size]
"""Size of the image, kernel, stride and padding, each (vertical, horizontal)."""


class Adjoint(torch.autograd.Function):
    """Abstract linear map of images that knows its transpose, and for which the images of all particles are images."""

    transpose: type[Adjoint]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Geometry], output: Tensor) -> None:
        """Keep the geometry."""
        ctx.geometry = inputs[1]

    @classmethod
    def backward(cls, ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Return the transpose applied to ``grad``."""
        return apply(cls.transpose, grad, ctx.geometry), None

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int, None], x: Tensor, geometry: Geometry) -> tuple[Tensor, int]:
        """Apply the map to the images of all particles at once."""
        x_KN = x.movedim(in_dims[0], 0)
        out = apply(cls, x_KN.flatten(0, 1), geometry)
        return out.view(*x_KN.shape[:2], *out.shape[1:]), 0


class Patches(Adjoint):
    """``(N, H, W, C) -> (N, H', W', k k C)``: what a kernel sees at each of its places."""

    @staticmethod
    def forward(x: Tensor, geometry: Geometry) -> Tensor:
        """Copy all patches out of the padded images."""
        (height, width), (a, b), (s, t), (p, q) = geometry
        x = F.pad(x, (0, 0, q, q, p, p)).contiguous()
        places = (len(x), (height + 2 * p - a) // s + 1, (width + 2 * q - b) // t + 1)
        image, row, column, channel = x.stride()
        strides = (image, row * s, column * t, row, column, channel)
        return x.as_strided((*places, a, b, x.shape[-1]), strides).reshape(*places, -1)


class Fold(Adjoint):
    """``(N, H', W', k k C) -> (N, H, W, C)``: every patch added where it came from."""

    @staticmethod
    def forward(patches: Tensor, geometry: Geometry) -> Tensor:
        """Add up the patches; those that do not overlap, a stride apart within a kernel, all at once."""
        (height, width), (a, b), (s, t), (p, q) = geometry
        n, rows, columns, _ = patches.shape
        x = patches.reshape(n, rows, columns, a, b, -1)
        down, across = -(-a // s), -(-b // t)
        tall, wide = (
            max(rows + down - 1, -(-(height + 2 * p) // s)),
            max(columns + across - 1, -(-(width + 2 * q) // t)),
        )
        out = x.new_zeros(n, tall, s, wide, t, x.shape[-1])
        for i in range(down):
            for j in range(across):
                part = x[:, :, :, s * i : s * i + s, t * j : t * j + t].transpose(2, 3)
                out[:, i : i + rows, : part.shape[2], j : j + columns, : part.shape[4]] += part
        return out.view(n, tall * s, wide * t, -1)[:, p : p + height, q : q + width].contiguous()


Patches.transpose, Fold.transpose = Fold, Patches


def apply(linear: type[Adjoint], x: Tensor, geometry: Geometry) -> Tensor:
    """Return the image of x under a linear map, differentiable."""
    out: Tensor = linear.apply(x, geometry)  # type: ignore[no-untyped-call]
    return out


def conv2d(x: Tensor, weight: Tensor, stride: Size, padding: Size) -> Tensor:
    """Return the convolution ``(N, C, H, W) -> (N, C', H', W')`` with kernels ``(C', C, k, k)``."""
    geometry = ((x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3]), stride, padding)
    patches = apply(Patches, x.permute(0, 2, 3, 1), geometry)
    product = patches.flatten(0, 2) @ weight.permute(2, 3, 1, 0).flatten(0, 2)
    out: Tensor = product.view(*patches.shape[:3], -1)
    return out.permute(0, 3, 1, 2)


def conv_transpose2d(x: Tensor, weight: Tensor, stride: Size, padding: Size) -> Tensor:
    """Return the transposed convolution ``(N, C, H, W) -> (N, C', H', W')`` with kernels ``(C, C', k, k)``."""
    kernel = (weight.shape[2], weight.shape[3])
    places = (x.shape[2], x.shape[3])
    size = tuple((m - 1) * s + k - 2 * p for m, s, k, p in zip(places, stride, kernel, padding, strict=True))
    x_rows = x.permute(0, 2, 3, 1)
    product = x_rows.flatten(0, 2) @ weight.permute(0, 2, 3, 1).flatten(1)
    return apply(Fold, product.view(*x_rows.shape[:3], -1), ((size[0], size[1]), kernel, stride, padding)).permute(
        0, 3, 1, 2
    )
