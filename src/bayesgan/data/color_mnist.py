"""ColorMNIST: every digit of MNIST in one random colour that has nothing to do with its class."""

from __future__ import annotations

import numpy as np

from bayesgan.data.readers import Part
from bayesgan.seeds import derive

SATURATION, VALUE = (0.5, 1.0), (0.75, 1.0)  # from pastel to pure, never so dark that a digit fades
CHUNK = 1000


def colours(count: int, part: str) -> np.ndarray:
    """Return ``count`` colours (N, 3) uint8, always the same; colour i of a part depends on i alone.

    Hue is uniform on the circle, saturation from 0.5 to 1, value from 0.75 to 1.
    """
    u = np.random.default_rng(derive("color-mnist", part)).random((count, 3))
    hue, saturation, value = 6 * u[:, 0], _between(SATURATION, u[:, 1]), _between(VALUE, u[:, 2])
    sector = (np.array([[5], [3], [1]]) + hue) % 6
    rgb: np.ndarray = value - value * saturation * np.clip(np.minimum(sector, 4 - sector), 0, 1)
    rounded: np.ndarray = np.rint(255 * rgb.T).astype(np.uint8)
    return rounded


def coloured(grey: Part, part: str) -> Part:
    """Return grey images uint8 (N, 1, H, W) in the colours of ``part``, (N, 3, H, W); black stays black."""
    images = np.empty((len(grey.images), 3, *grey.images.shape[2:]), np.uint8)
    # 255 * (c + 1) >> 8 is c: white becomes exactly the colour. In pieces, as the products take two bytes.
    scale = colours(len(images), part).astype(np.uint16)[:, :, None, None] + 1
    for start in range(0, len(images), CHUNK):
        piece = slice(start, start + CHUNK)
        images[piece] = grey.images[piece] * scale[piece] >> 8
    return Part(images, grey.labels)


def _between(limits: tuple[float, float], u: np.ndarray) -> np.ndarray:
    return limits[0] + (limits[1] - limits[0]) * u
