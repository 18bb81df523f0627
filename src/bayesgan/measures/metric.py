"""What a metric is: a measurement of a subject, when it applies, and what it needs in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bayesgan.data.batches import to_float
from bayesgan.subject import Subject

Measure = Callable[[Subject], dict[str, Any]]
Applies = Callable[[Subject], bool]


@dataclass(frozen=True)
class Metric:
    """A measurement, whether it applies to a subject, and what it needs in words.

    ``measure`` returns ``value``, a number or numbers by name; what to hold it against, such as ``real``, the same of
    real images against real ones; and ``protocol``: how many images of which part, in which space, by which seed.
    """

    measure: Measure
    applies: Applies
    needs: str


def generates_images(s: Subject) -> bool:
    """Return whether there are samples that are images."""
    return s.generates and s.pictorial


def training_images(s: Subject, count: int) -> Tensor:
    """Return at most ``count`` random training images ``(N, ...)`` in [-1, 1]."""
    order = torch.randperm(len(s.data.images), generator=torch.Generator().manual_seed(s.seed))[:count]
    return to_float(torch.from_numpy(s.data.images[order.numpy()]))


def protocol(s: Subject, n_real: int, n_fake: int, split: str, space: str = "", **more: Any) -> dict[str, Any]:
    """Return how samples were measured: Euclidean and not resized, unless a space says otherwise."""
    space = space or f"{'pixels' if s.pictorial else 'points'}, Euclidean"
    how = {"n_real": n_real, "n_fake": n_fake, "split": split, "space": space, "resize": "none", "seed": s.seed}
    return how | more
