"""Data sets by name or by path: every one becomes the same checked :class:`DataSet`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from bayesgan.data import color_mnist, toy
from bayesgan.data.folders import Raw, check_size
from bayesgan.data.readers import Part, read, read_idx
from bayesgan.errors import DataError, nearest

DIGITS = tuple("0123456789")
GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
MNIST_FOLDERS = ("MNIST/raw", "mnist", ".")
IDX_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


@dataclass(frozen=True)
class DataSet:
    """A data set in memory.

    ``name`` is the spec it was loaded by; ``test`` is None where the set brings no test part of its own;
    ``classes`` holds the names of the classes, () without labels; ``centres`` (M, 2) the modes of a toy set.
    """

    name: str
    train: Part
    test: Part | None
    classes: tuple[str, ...]
    centres: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item: (C, H, W), or (D,) for points."""
        return self.train.images.shape[1:]


def load(spec: str, data_dir: str | Path | None = None, *, stream: bool = False) -> DataSet:
    """Load a named set (see ``SETS``), or a folder, zip, npz or image by its path.

    Decoded folders and zips are kept in a cache, see :mod:`~bayesgan.data.cache`, and are mapped from there;
    with ``stream`` the images of an npz are too.

    The files of a named set are looked for under ``data_dir``, else ``$BAYESGAN_DATA``, else ``data``. A name
    comes before a path: write ``./mnist`` for a folder so named. Raises DataError for what cannot be used.
    """
    try:
        if spec in SETS:
            return SETS[spec](Path(data_dir or os.environ.get("BAYESGAN_DATA") or "data"))
        path = Path(spec).expanduser()
        if not spec or not path.exists():
            raise _missing(spec)
        return from_arrays(spec, read(path, stream=stream))
    except OSError as error:
        raise DataError(f"cannot read {error.filename or spec}: {error.strerror or error}") from error


def from_arrays(name: str, parts: Sequence[Raw], classes: Sequence[str] | None = None) -> DataSet:
    """Check the arrays of a training part and perhaps a test part, and number their classes.

    ``parts`` holds (images, labels): uint8 (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3; integers or
    strings (N,), or None. Values are numbered in sorted order and -1 stays unknown; with ``classes``, labels
    are numbers already. Raises DataError for what does not fit, also for a class that only the test part has.
    """
    train_labels = parts[0][1]
    if classes is not None:
        known: list[Any] = [*range(len(classes))]
    else:
        known = [] if train_labels is None else [v for v in np.unique(train_labels).tolist() if v != -1]
    train, *others = (
        _part(f"{name} ({kind} part)", images, labels, known)
        for kind, (images, labels) in zip(("train", "test"), parts, strict=False)
    )
    names = () if train.labels is None else tuple(map(str, classes or known))
    data = DataSet(name, train, others[0] if others else None, names)
    if data.test and data.test.images.shape[1:] != data.shape:
        shape = data.test.images.shape[1:]
        raise DataError(f"{name}: test images have the shape {shape}; expected {data.shape} as in training")
    return data


def _part(where: str, images: np.ndarray, labels: np.ndarray | None, known: list[Any]) -> Part:
    """Check one part and number its labels by their place in ``known``; all unknown is the same as none."""
    images = _as_images(where, images)
    if labels is None:
        return Part(images, None)
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        found = f"{labels.dtype} {labels.shape}"
        raise DataError(f"{where}: labels are {found}; expected integers or strings of shape (N,)")
    if len(labels) != len(images):
        raise DataError(f"{where}: {len(labels)} labels for {len(images)} images")
    number = {-1: -1} | {value: index for index, value in enumerate(known)}
    if strangers := set(labels.tolist()) - number.keys():
        names = shorten(", ".join(map(str, known)), 80) or "no labels"
        raise DataError(f"{where}: unknown class {min(strangers)}; the training part has {names}")
    numbers = np.array([number[value] for value in labels.tolist()], np.int64)
    return Part(images, numbers if (numbers >= 0).any() else None)


def _as_images(where: str, array: np.ndarray) -> np.ndarray:
    """Return images as uint8 (N, C, H, W)."""
    if array.dtype != np.uint8:
        raise DataError(f"{where}: images are {array.dtype}; expected uint8 from 0 to 255")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or not len(array):
        expected = "(N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3"
        raise DataError(f"{where}: images have the shape {array.shape}; expected {expected}")
    check_size(where, *array.shape[2:])
    # What is mapped from a file stays there, whichever way its axes lie.
    return array if isinstance(array, np.memmap) else np.ascontiguousarray(array)


def _digits(root: Path) -> DataSet:
    """The 1,797 digits of 8 by 8 pixels that ship with scikit-learn; no file needed."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return from_arrays("digits", [(images, digits.target)], DIGITS)


def _idx(root: Path, *, name: str, folders: Sequence[str], classes: Sequence[str]) -> DataSet:
    """A set in the four files of MNIST, from the first of ``folders`` under ``root`` that holds them all."""
    for folder in folders:
        files = [_idx_file(root / folder, stem) for stem in IDX_FILES]
        arrays = [read_idx(file) for file in files if file]
        if len(arrays) == len(IDX_FILES):
            return from_arrays(name, [(arrays[0], arrays[1]), (arrays[2], arrays[3])], classes)
    wanted = ", ".join(f"{stem}-ubyte.gz" for stem in IDX_FILES)
    raise DataError(
        f"{name} is not under {root}: put {wanted} into {root / folders[0]}, "
        "or name the folder that has them with --data-dir or $BAYESGAN_DATA"
    )


def _idx_file(folder: Path, stem: str) -> Path | None:
    """Find one file, unpacked or not, also with the dot that some unpackers put before idx."""
    stems = (stem, stem.replace("-idx", ".idx"))
    files = [folder / f"{stem}-ubyte{ending}" for ending in ("", ".gz") for stem in stems]
    return next((file for file in files if file.is_file()), None)


def _color_mnist(root: Path) -> DataSet:
    """MNIST's digits, each in a random colour; made from the same four files."""
    grey = _idx(root, name="color-mnist", folders=MNIST_FOLDERS, classes=DIGITS)
    assert grey.test is not None
    train, test = color_mnist.coloured(grey.train, "train"), color_mnist.coloured(grey.test, "test")
    return DataSet("color-mnist", train, test, grey.classes)


def _toy(root: Path, *, name: str) -> DataSet:
    """A toy set of points with its centres."""
    train, test = toy.points(name)
    centres = toy.centres(name)
    return DataSet(name, train, test, tuple(map(str, range(len(centres)))), centres)


def _missing(spec: str) -> DataError:
    path = Path(spec)
    if path.suffix or spec.startswith(".") or "/" in spec or os.sep in spec:
        return DataError(f"no such file or folder: {spec}")
    hint = f"{nearest(spec, SETS)} (the path of a folder, zip or npz works too)"
    return DataError(f"unknown data set {spec!r}: {hint}")


SETS: dict[str, Callable[[Path], DataSet]] = {
    "digits": _digits,
    "mnist": partial(_idx, name="mnist", folders=MNIST_FOLDERS, classes=DIGITS),
    "fashion-mnist": partial(
        _idx, name="fashion-mnist", folders=("FashionMNIST/raw", "fashion-mnist", "."), classes=GARMENTS
    ),
    "color-mnist": _color_mnist,
    "ring": partial(_toy, name="ring"),
    "grid": partial(_toy, name="grid"),
}
