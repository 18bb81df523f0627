"""Stacked MNIST: three digits as the red, green and blue of one image, a thousand classes (arXiv 1611.02163)."""

from __future__ import annotations

import numpy as np

from bayesgan.data.readers import Part
from bayesgan.seeds import derive

CLASSES = tuple(f"{number:03d}" for number in range(1000))


def triples(count: int, part: str) -> np.ndarray:
    """Return the rows of the red, green and blue digit of ``count`` images, (N, 3); always the same."""
    return np.random.default_rng(derive("stacked-mnist", part)).integers(count, size=(count, 3))


def stacked(grey: Part, part: str) -> Part:
    """Return as many images (N, 3, H, W) as there are grey ones (N, 1, H, W), each of three digits drawn at random.

    The class of an image is the number that red, green and blue make, in that order.
    """
    assert grey.labels is not None
    rows = triples(len(grey.images), part)
    images = np.empty((len(rows), 3, *grey.images.shape[2:]), np.uint8)
    for channel in range(3):
        images[:, channel] = grey.images[rows[:, channel], 0]
    return Part(images, grey.labels[rows] @ np.array([100, 10, 1]))
