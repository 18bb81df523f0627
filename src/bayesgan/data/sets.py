"""Data sets by name, by path or from a hub: every one becomes the same checked :class:`DataSet`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from bayesgan.data import hub, idx, toy
from bayesgan.data.arrays import DataSet, from_arrays
from bayesgan.data.celeba import celeba
from bayesgan.data.cifar import cifar10
from bayesgan.data.readers import read
from bayesgan.data.svhn import svhn
from bayesgan.errors import DataError, nearest

__all__ = ["SETS", "DataSet", "from_arrays", "load"]


def load(spec: str, data_dir: str | Path | None = None, *, stream: bool = False) -> DataSet:
    """Load a named set (see ``SETS``), a set of the Hugging Face hub, or a folder, zip, npz or image by its path.

    The files of a named set are looked for under ``data_dir``, else ``$BAYESGAN_DATA``, else ``data``, and
    downloaded there where they are not. A name comes before a path: write ``./mnist`` for a folder so named.
    ``hf:OWNER/NAME`` and ``hf:OWNER/NAME:CONFIG`` need the extra ``datasets``. Decoded folders, zips and CelebA are
    kept in a cache, see :mod:`~bayesgan.data.cache`, and are mapped from there; with ``stream`` the images of an npz
    are too. Raises DataError for what cannot be used.
    """
    with readable(spec):
        if spec in SETS:
            return SETS[spec](Path(data_dir or os.environ.get("BAYESGAN_DATA") or "data").expanduser())
        if spec.startswith(hub.PREFIX):
            return hub.load(spec)
        path = Path(spec).expanduser()
        if not spec or not path.exists():
            raise _missing(spec)
        return from_arrays(spec, read(path, stream=stream))


def located(spec: str) -> str:
    """Return a spec that means the same from every folder: paths in full, names as they are."""
    if spec in {"", hub.PREFIX, *SETS}:
        return spec
    prefix = hub.PREFIX if spec.startswith(hub.PREFIX) else ""
    path = Path(spec.removeprefix(prefix)).expanduser()
    return prefix + str(path.resolve()) if path.exists() else spec


@contextmanager
def readable(spec: str) -> Iterator[None]:
    """Turn what the system says of files that cannot be read into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read {error.filename or spec}: {error.strerror or error}") from error


def _digits(root: Path) -> DataSet:
    """The 1,797 digits of 8 by 8 pixels that ship with scikit-learn; no file needed."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return from_arrays("digits", [(images, digits.target)], idx.DIGITS)


def _toy(root: Path, *, name: str) -> DataSet:
    """A toy set of points, with its centres where it has any; no file needed."""
    train, test = toy.points(name)
    centres = toy.centres(name) if name in toy.CENTRES else None
    classes = () if centres is None else tuple(map(str, range(len(centres))))
    return DataSet(name, train, test, classes, centres)


def _missing(spec: str) -> DataError:
    path = Path(spec)
    if path.suffix or spec.startswith(".") or "/" in spec or os.sep in spec:
        return DataError(f"no such file or folder: {spec}")
    hint = f"{nearest(spec, SETS)} (the path of a folder, zip or npz works too, and hf:OWNER/NAME)"
    return DataError(f"unknown data set {spec!r}: {hint}")


SETS: dict[str, Callable[[Path], DataSet]] = {
    "digits": _digits,
    "mnist": idx.mnist,
    "fashion-mnist": idx.fashion_mnist,
    "color-mnist": idx.coloured,
    "stacked-mnist": idx.stacked,
    "cifar10": cifar10,
    "svhn": svhn,
    "celeba": partial(celeba, name="celeba", side=64),
    **{f"celeba-{side}": partial(celeba, name=f"celeba-{side}", side=side) for side in (32, 50, 64)},
    **{name: partial(_toy, name=name) for name in toy.POINTS},
}
