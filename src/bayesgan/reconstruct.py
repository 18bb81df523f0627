"""A user's own images through an auto-encoder, into a picture or into numbers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bayesgan.data.batches import to_float
from bayesgan.data.sets import load as load_data
from bayesgan.errors import DataError, UsageError
from bayesgan.images import grid, save_arrays, save_png, stacked
from bayesgan.predict import Posterior, moments

COLUMNS, STEPS = 16, 8

Named = tuple[Tensor, list[str] | None]  # float images (B, C, H, W), and in a conditional run their classes


def reconstruct_files(path: Path, images: str, n: int, out: Path) -> str:
    """Write images, their reconstructions and how far the networks of the bank disagree; return a line that says so.

    Args:
        path: a run folder. images: an image, a folder, a zip or an npz, of which the first ``n`` are taken.
        out: a ``.png`` with these rows, or an ``.npz`` with ``originals``, ``reconstructions``, ``std``
            ``(B, C, H, W)`` float32, for images in [-1, 1], ``codes`` and ``codes_std (B, Z)``.
    """
    posterior = auto_encoder(path)
    x, classes = open_images(posterior, images, n)
    mean, std = moments(posterior.reconstruct_each(x, classes))
    done = f"{len(x)} reconstructions: {out}"
    if out.suffix == ".npz":
        codes, spread = (moment.numpy() for moment in moments(posterior.encode_each(x, classes)))
        made = {"reconstructions": mean.numpy(), "std": std.numpy(), "codes": codes, "codes_std": spread}
        save_arrays(out, originals=x.numpy(), **made)
        return done
    if len(posterior.bank) * posterior.chains("encoder") == 1:
        save_png(out, stacked([x, mean], min(len(x), COLUMNS)))
        return f"{done} (rows: originals, reconstructions)"
    most = max(std.max().item(), 1e-12)
    save_png(out, stacked([x, mean, std * (2 / most) - 1], min(len(x), COLUMNS)))
    return f"{done} (rows: originals, reconstructions, standard deviations from 0, black, to {most:.2g}, white)"


def interpolate_files(path: Path, images: str, n: int, out: Path) -> str:
    """Write what lies between each image and the next; return a line that says so.

    Args:
        path: a run folder. images: an image, a folder, a zip or an npz, of which the first ``n`` are taken.
        out: a ``.png`` with a row per pair of neighbours, image, 8 steps of the path, image; or an ``.npz`` with
            ``originals (B, C, H, W)`` and ``interpolations (B - 1, 8, C, H, W)``, float32 in [-1, 1].
    """
    if n < 2:
        raise UsageError(f"-n {n}: --interpolate needs at least 2 images")
    posterior = auto_encoder(path)
    x, classes = open_images(posterior, images, n)
    if len(x) < 2:
        raise DataError(f"{images} holds 1 image; --interpolate needs at least 2")
    starts, ends = (None, None) if classes is None else (classes[:-1], classes[1:])
    between = posterior.interpolate(x[:-1], x[1:], STEPS, starts, ends)
    if out.suffix == ".npz":
        save_arrays(out, originals=x.numpy(), interpolations=between.numpy())
    else:
        rows = [torch.stack([a, *row, b]) for (a, b), row in zip(pairwise(x), between, strict=True)]
        save_png(out, grid(torch.cat(rows), STEPS + 2))
    return f"{len(between)} interpolations: {out}"


def auto_encoder(path: Path) -> Posterior:
    """Return the posterior of a run folder; raises a UsageError for a run without an encoder of images."""
    posterior = Posterior.load(path)
    posterior.chains("encoder")
    if len(posterior.shape) != 3:
        raise UsageError(f"{path} was trained on points; for these there is Posterior.reconstruct in Python")
    return posterior


def open_images(posterior: Posterior, path: str, n: int) -> Named:
    """Return the first n images of a file, a folder or a named set; raises a DataError for what cannot be used."""
    data = load_data(path, posterior.run.data_dir)
    if len(data.shape) != 3:
        raise DataError(f"{path} holds points, and the run was trained on images")
    parts = [part for part in (data.train, data.test) if part]
    x = to_float(torch.from_numpy(np.concatenate([part.images[:n] for part in parts])[:n]))
    if not posterior.conditional:
        return x, None
    labels = [np.full(len(part.images), -1) if part.labels is None else part.labels for part in parts]
    numbers = np.concatenate(labels)[:n].tolist()
    if -1 in numbers:
        cure = "use class folders, or an npz with labels"
        raise DataError(f"{path} lacks classes, which a conditional run needs of every image: {cure}")
    return x, [data.classes[number] for number in numbers]
