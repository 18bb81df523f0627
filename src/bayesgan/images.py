"""Pictures: grids of samples, as PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bayesgan.bank import stand_in
from bayesgan.config import Run
from bayesgan.data.codes import draw_codes
from bayesgan.data.toy import SYNTHETIC, principal
from bayesgan.files import atomic
from bayesgan.particles import Ensemble
from bayesgan.seeds import generator

SHORTEST_SIDE = 480


def to_uint8(images: Tensor) -> np.ndarray:
    """Return images ``(..., C, H, W)`` in [-1, 1] as uint8 ``(..., H, W, C)``."""
    scaled = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return scaled.movedim(-3, -1).cpu().numpy()


def grid(images: Tensor, columns: int) -> np.ndarray:
    """Return images ``(N, C, H, W)`` as one uint8 picture, row by row, one pixel apart."""
    rows = -(-len(images) // columns)
    tiles = to_uint8(images)
    _, h, w, c = tiles.shape
    picture = np.full((rows * (h + 1) + 1, columns * (w + 1) + 1, c), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = divmod(i, columns)
        picture[y * (h + 1) + 1 : (y + 1) * (h + 1), x * (w + 1) + 1 : (x + 1) * (w + 1)] = tile
    return picture


def stacked(rows: Sequence[Tensor], columns: int) -> np.ndarray:
    """Return rows of equally many images ``(N, C, H, W)`` below each other, as one uint8 picture.

    Rows longer than ``columns`` go on below, all of them together, with white tiles at the end.
    """
    blank = torch.ones(-len(rows[0]) % columns, *rows[0].shape[1:])
    parts = [torch.split(torch.cat([row, blank]), columns) for row in rows]
    return grid(torch.cat([part for band in zip(*parts, strict=True) for part in band]), columns)


def scatter(points: Tensor, side: int = 512, limit: float = 3.0) -> np.ndarray:
    """Return points ``(N, 2)`` as a grey uint8 picture of ``[-limit, limit]^2``."""
    xy = points.cpu().numpy()
    edges = np.linspace(-limit, limit, side // 2 + 1)
    count, _, _ = np.histogram2d(-xy[:, 1], xy[:, 0], bins=(edges, edges))
    shade = np.where(count > 0, 200 * np.exp(-count / 2), 255).astype(np.uint8)
    return shade.repeat(2, 0).repeat(2, 1)[..., None]


def plane(points: Tensor, data: str | None = None) -> Tensor:
    """Return points ``(N, D)`` as points of the plane ``(N, 2)``, to be seen within [-3, 3]^2.

    Two dimensions stay as they are. Of more, the first two principal components are seen, over the first's standard
    deviation: of the true covariance where ``data`` names a synthetic set, else of the points themselves.
    """
    if points.shape[1] == 2:
        return points
    if data in SYNTHETIC:
        return points @ torch.from_numpy(principal(data)).to(points)
    centred = points - points.mean(0)
    _, spread, axes = torch.linalg.svd(centred, full_matrices=False)
    seen: Tensor = centred @ axes[:2].T * (len(points) ** 0.5 / spread[0].clamp_min(1e-12))
    return seen


def save_png(path: Path, picture: np.ndarray) -> None:
    """Write a uint8 picture ``(H, W, C)``, enlarged by whole factors to a readable size."""
    factor = max(1, SHORTEST_SIDE // min(picture.shape[:2]))
    big = picture.repeat(factor, 0).repeat(factor, 1)
    with atomic(path) as temporary:
        Image.fromarray(big.squeeze(-1) if big.shape[-1] == 1 else big).save(temporary, format="PNG")


def save_images(path: Path, samples: Tensor, data: str | None = None) -> None:
    """Write samples as a picture (``.png``: a grid, or a scatter plot of points) or as numbers (``.npz``).

    ``data``: the set that they imitate, on whose axes points of many dimensions are shown.
    """
    if path.suffix == ".npz":
        save_arrays(path, images=to_uint8(samples) if samples.ndim == 4 else samples.numpy())
    elif samples.ndim == 4:
        save_png(path, grid(samples, math.isqrt(len(samples) - 1) + 1))
    else:
        save_png(path, scatter(plane(samples, data)))


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays by name as an ``.npz``."""
    with atomic(path) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]


def save_samples(path: Path, run: Run, shape: tuple[int, ...], ensembles: Mapping[str, Ensemble]) -> None:
    """Write what the generators make of the same codes at every step: one row per particle, or a scatter plot.

    Running averages draw where there are any; the columns of a conditional run take the classes in turn.
    """
    if "generator" not in ensembles:
        return
    ensemble = ensembles[stand_in(ensembles, "generator")]
    count = 10 if len(shape) == 3 else 2000 // len(ensemble)
    inputs = [draw_codes(count, run.latent, run.codes, generator(run.seed, "pictures"))]
    if "generator" in run.objective.conditioned:
        classes = ensemble.params["classes"].shape[1]  # a conditional generator has embeddings (K, Y, E)
        inputs.append(torch.eye(classes)[torch.arange(count) % classes])
    device = next(iter(ensemble.params.values())).device
    with torch.no_grad():
        samples = torch.cat([ensemble.particle(k)(*(t.to(device) for t in inputs)) for k in range(len(ensemble))])
    save_png(path, grid(samples, count) if len(shape) == 3 else scatter(plane(samples, run.data)))
