"""Which images are held out, keep their labels or validate: drawn by seed, in the proportions of the classes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bayesgan.data.sets import DataSet
from bayesgan.errors import DataError, UsageError
from bayesgan.seeds import derive

HELD_OUT = {"digits": 500}  # images; of any other set without a test part of its own:
HELD_OUT_SHARE = 0.2

Labels = int | Literal["all"] | None  # how many labels to keep; None is 0


def hold_out(data: DataSet, seed: int) -> np.ndarray:
    """Choose the images to hold out, sorted; of each class its share."""
    from sklearn.model_selection import train_test_split

    labels = data.train.labels
    pool = np.arange(len(data.train.images)) if labels is None else np.flatnonzero(labels >= 0)
    size = HELD_OUT.get(data.name, HELD_OUT_SHARE)
    classes = None if labels is None else labels[pool]
    try:
        _, test = train_test_split(pool, test_size=size, stratify=classes, random_state=derive(seed, "test") % 2**32)
    except ValueError as error:
        cure = "add images, or bring a test part of your own (folders train and test)"
        raise DataError(f"{data.name} has too few images to hold some of each class out: {cure}") from error
    return np.sort(test)


def choose(data: DataSet, rest: np.ndarray, count: Labels, seed: int) -> np.ndarray:
    """Choose the images of ``rest`` that keep their labels, sorted."""
    if count is None or count == 0:
        return np.zeros(0, np.int64)
    known = data.train.labels
    if known is None:
        without = "choose a system other than supervised, without --conditional"
        cure = without if count == "all" else "leave out --labels"
        raise DataError(f"{data.name} has no labels: {cure}, or use class folders")
    rest = rest[known[rest] >= 0]
    if count == "all":
        return rest
    share = _share(data, count)
    members = [rest[known[rest] == c] for c in range(len(data.classes))]
    for name, images in zip(data.classes, members, strict=True):
        if len(images) < share:
            needs = f"--labels {count} needs {share} of each class"
            raise DataError(f"class {name!r} of {data.name} has {len(images)} training images; {needs}")
    rngs = (np.random.default_rng(derive(seed, "labels", c)) for c in range(len(members)))
    chosen = [rng.permutation(images)[:share] for rng, images in zip(rngs, members, strict=False)]
    return np.sort(np.concatenate(chosen))


def carve(data: DataSet, free: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Choose ``count`` images of ``free`` to validate on, sorted, in the proportions of the classes.

    Images whose label is unknown do not validate where others are known. Raises UsageError where there are not enough.
    """
    known = data.train.labels
    pool = free if known is None else free[known[free] >= 0]
    most = min(len(pool), len(free) - 1)  # something must be left to train on
    if not 0 <= count <= max(0, most):
        raise UsageError(f"--validation {count}: {data.name} has {max(0, most)} training images to spare for it")
    classes = np.zeros(len(pool), np.int64) if known is None else known[pool]
    sizes = np.bincount(classes, minlength=1)
    chosen = [
        np.random.default_rng(derive(seed, "validation", c)).permutation(pool[classes == c])[:share]
        for c, share in enumerate(shares(sizes, count).tolist())
    ]
    return np.sort(np.concatenate(chosen))


def shares(sizes: np.ndarray, count: int) -> np.ndarray:
    """Divide ``count`` in the proportions of ``sizes`` (Y,), the largest remainders rounded up."""
    exact = sizes * (count / max(1, sizes.sum()))
    whole = np.floor(exact).astype(np.int64)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: count - whole.sum()]] += 1
    return np.asarray(whole)


def _share(data: DataSet, count: int | str) -> int:
    """Return the labels per class."""
    if not isinstance(count, int) or count < 0:
        raise UsageError(f"--labels {count}: expected a whole number, 0 or more")
    classes = len(data.classes)
    if count % classes:
        below = count - count % classes
        nearest = f"the nearest multiples are {below} and {below + classes}"
        raise UsageError(f"--labels {count}: {data.name} has {classes} classes to share them; {nearest}")
    return count // classes
