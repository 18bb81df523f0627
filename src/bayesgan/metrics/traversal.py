"""Smoothness of paths through code space: does an image change evenly, or jump?"""

from __future__ import annotations

import torch
from torch import Tensor


def largest_step(paths: Tensor) -> float:
    """Return the largest step of a path over its mean step, the mean over ``paths (P, S, ...)``, S at least 2.

    A step is the Euclidean distance of neighbouring images: 1 where all are equal, S - 1 for one jump between still
    images. A path on which nothing changes counts as even.
    """
    ratios = []
    for path in paths:
        steps = torch.linalg.vector_norm(path.flatten(1).double().diff(dim=0), dim=1)
        ratios.append(steps.max() / steps.mean() if steps.any() else torch.ones_like(steps[0]))
    return torch.stack(ratios).mean().item()
