"""Toy sets of points that are known exactly: modes in the plane, and a plane of noise in many dimensions."""

from __future__ import annotations

import numpy as np

from bayesgan.data.readers import Part
from bayesgan.seeds import derive

STD = 0.05  # of every mode, in both coordinates
TRAIN, TEST = 10_000, 2_000
CODE_STD, NOISE_STD = 10**0.5, 0.1  # of z and of eps in the synthetic sets


def ring_centres() -> np.ndarray:
    """Return eight centres on a circle of radius 2, (8, 2) float32."""
    angle = np.arange(8) * np.pi / 4
    return (2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)


def grid_centres() -> np.ndarray:
    """Return the centres of a 5 by 5 grid that spans [-2, 2], (25, 2) float32."""
    line = np.linspace(-2, 2, 5, dtype=np.float32)
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


CENTRES = {"ring": ring_centres, "grid": grid_centres}
SYNTHETIC = {"synthetic": 100, "synthetic-500": 500}
POINTS = dict.fromkeys(CENTRES, 2) | SYNTHETIC
"""Every set of points, and its dimension."""


def centres(name: str) -> np.ndarray:
    """Return the centres of the modes of ``"ring"`` or ``"grid"``, (M, 2) float32."""
    return CENTRES[name]()


def mixing(name: str) -> np.ndarray:
    """Return the matrix A (D, 2) of a synthetic set, entries from N(0, 1), always the same."""
    return np.random.default_rng(derive(name, "mixing")).standard_normal((SYNTHETIC[name], 2))


def principal(name: str) -> np.ndarray:
    """Return the first two principal axes of a synthetic set as columns (D, 2), over the first's standard deviation.

    They are those of the true covariance ``10 A A^T + 0.01 I``, so points times this have variances 1 and less.
    """
    axes, spread, _ = np.linalg.svd(mixing(name), full_matrices=False)
    axes *= np.sign(axes.sum(0))  # an axis has no sign of its own
    scaled: np.ndarray = axes / np.hypot(CODE_STD * spread[0], NOISE_STD)
    return scaled.astype(np.float32)


def points(name: str) -> tuple[Part, Part]:
    """Return the 10,000 training and 2,000 test points, always the same.

    A label is the index of a mode; synthetic sets have none.
    """
    draw = mixed if name in SYNTHETIC else _clustered
    return draw(name, "train", TRAIN), draw(name, "test", TEST)


def _clustered(name: str, part: str, count: int) -> Part:
    """Draw ``count`` points, equally many from each mode, in random order."""
    rng = np.random.default_rng(derive(name, part))
    modes = centres(name)
    labels = rng.permutation(np.arange(count, dtype=np.int64) % len(modes))
    noise = STD * rng.standard_normal((count, 2), dtype=np.float32)
    return Part(modes[labels] + noise, labels)


def mixed(name: str, part: str, count: int) -> Part:
    """Draw ``count`` points x = A z + eps, z from N(0, 10 I), eps from N(0, 0.01 I) (Saatchi and Wilson 2017, 4.1).

    The same for the same ``part``: train and test are those of the set, any other word is new points.
    """
    rng = np.random.default_rng(derive(name, part))
    z = CODE_STD * rng.standard_normal((count, 2))
    noise = NOISE_STD * rng.standard_normal((count, SYNTHETIC[name]))
    return Part((z @ mixing(name).T + noise).astype(np.float32), None)
