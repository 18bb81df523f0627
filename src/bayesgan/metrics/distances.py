"""Euclidean distances between two sets of vectors, a block at a time, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

ENTRIES = 2**22  # of one block of distances or of vectors: 32 MiB


def vectors(x: Tensor) -> Tensor:
    """Return images ``(N, C, H, W)`` or points ``(N, D)`` as rows of float64, ``(N, D)``."""
    return x.flatten(1).double()


def blocks(x: Tensor, other: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows of the distances ``(N, M)`` between ``x (N, ...)`` and ``other (M, ...)``, with the slice they fill.

    They come of a matrix product: a distance of 0 is known to 1e-7 of the vectors' lengths, larger ones far better.
    """
    columns = max(1, ENTRIES // max(1, other[0].numel()))
    rows, row = min(columns, max(1, ENTRIES // len(other))), 0
    for some in torch.split(x, rows):
        parts = [torch.cdist(vectors(some), vectors(these)) for these in torch.split(other, columns)]
        yield slice(row, row + len(some)), torch.cat(parts, 1)
        row += len(some)


def between(x: Tensor, other: Tensor) -> Tensor:
    """Return the distance of each row of ``x`` from the same row of ``other``, ``(N,)``, exactly 0 for copies."""
    pairs = zip(torch.split(x, 256), torch.split(other, 256), strict=True)
    return torch.cat([torch.linalg.vector_norm(vectors(a) - vectors(b), dim=1) for a, b in pairs])
