"""Images that stay where they are: some rows of an array, on disk or in memory, gathered when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

CHUNK = 1024  # images that are in memory at once where all are gone through


class Rows:
    """Rows ``index`` (N,) of ``source`` (M, ...): what is needed of an array, without a copy of it."""

    def __init__(self, source: np.ndarray, index: np.ndarray) -> None:
        self.source = source
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a number."""
        return self.source.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return (len(self), *self.source.shape[1:])

    def __getitem__(self, rows: Any) -> np.ndarray:
        return gather(self.source, self.index[rows]) if np.ndim(rows) else self.source[self.index[rows]]

    def mean(self, axis: int, dtype: Any) -> np.ndarray:
        """Return the mean image, as of an array along axis 0, in pieces."""
        assert axis == 0
        total = np.zeros(self.source.shape[1:], dtype)
        for piece in self.pieces():
            total += piece.sum(0, dtype=dtype)
        mean: np.ndarray = total / len(self)
        return mean

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all rows, at most 1,024 at once."""
        for start in range(0, len(self), CHUNK):
            yield gather(self.source, self.index[start : start + CHUNK])


def gather(source: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of an array ``(B, ...)`` in the order asked for, read in the order in which they lie on disk."""
    order = np.argsort(rows, kind="stable")
    found = np.empty((len(rows), *source.shape[1:]), source.dtype)
    found[order] = source[rows[order]]
    return found


class Resident:
    """Images on the device: ``images(rows)`` is ``(B, ...)`` there."""

    def __init__(self, images: np.ndarray | Rows, device: torch.device) -> None:
        whole = images[np.arange(len(images))] if isinstance(images, Rows) else np.ascontiguousarray(images)
        self.images = torch.from_numpy(whole).to(device)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the images of row numbers ``(B,)``, which are on the CPU."""
        return self.images[rows]


class Streamed:
    """Images on disk or in the host's memory: ``images(rows)`` brings ``(B, ...)`` to the device as they are stored."""

    def __init__(self, images: np.ndarray | Rows, device: torch.device) -> None:
        self.images = images
        self.device = device

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the images of row numbers ``(B,)``, which are on the CPU."""
        number, source = rows.numpy(), self.images
        batch = torch.from_numpy(source[number] if isinstance(source, Rows) else gather(source, number))
        # Pinned, so that the copy overlaps with what the device is still computing.
        return batch.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else batch
