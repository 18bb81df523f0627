"""Toy sets of points in the plane whose modes are known: eight on a ring, twenty-five on a grid."""

from __future__ import annotations

import numpy as np

from bayesgan.data.readers import Part
from bayesgan.seeds import derive

STD = 0.05  # of every mode, in both coordinates
TRAIN, TEST = 10_000, 2_000


def ring_centres() -> np.ndarray:
    """Return eight centres on a circle of radius 2, (8, 2) float32."""
    angle = np.arange(8) * np.pi / 4
    return (2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)


def grid_centres() -> np.ndarray:
    """Return the centres of a 5 by 5 grid that spans [-2, 2], (25, 2) float32."""
    line = np.linspace(-2, 2, 5, dtype=np.float32)
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


CENTRES = {"ring": ring_centres, "grid": grid_centres}


def centres(name: str) -> np.ndarray:
    """Return the centres of the modes of ``"ring"`` or ``"grid"``, (M, 2) float32."""
    return CENTRES[name]()


def points(name: str) -> tuple[Part, Part]:
    """Return the 10,000 training and 2,000 test points, always the same; a label is the index of a mode."""
    return _draw(name, "train", TRAIN), _draw(name, "test", TEST)


def _draw(name: str, part: str, count: int) -> Part:
    """Draw ``count`` points, equally many from each mode, in random order."""
    rng = np.random.default_rng(derive(name, part))
    modes = centres(name)
    labels = rng.permutation(np.arange(count, dtype=np.int64) % len(modes))
    noise = STD * rng.standard_normal((count, 2), dtype=np.float32)
    return Part(modes[labels] + noise, labels)
