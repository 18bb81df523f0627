"""CIFAR-10 in its publisher's layout: six pickled batches, in a folder or still in their archive."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from bayesgan.data import download
from bayesgan.data.arrays import DataSet, from_arrays
from bayesgan.data.folders import Raw
from bayesgan.data.pickles import read_pickle
from bayesgan.errors import DataError

FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
TRAIN, TEST, META = [f"data_batch_{number}" for number in range(1, 6)], "test_batch", "batches.meta"
SHAPE = (3, 32, 32)

Batches = dict[str, dict[Any, Any]]


def cifar10(root: Path) -> DataSet:
    """Return 50,000 and 10,000 colour images of 32 by 32 in ten classes (Krizhevsky 2009)."""
    folder, archive = root / FOLDER, root / ARCHIVE
    if not folder.is_dir() and not archive.is_file():
        download.fetch("cifar10", "cifar10", root)
    batches, where = (_folder(folder), folder) if folder.is_dir() else (_archive(archive), archive)
    if missing := [name for name in (*TRAIN, TEST, META) if name not in batches]:
        raise DataError(f"{where} has no {', '.join(missing)}: fetch {ARCHIVE} again and unpack it in {root}")
    parts = [_part(where / name, batches[name]) for name in (*TRAIN, TEST)]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    names = batches[META].get("label_names")
    if not isinstance(names, list):
        raise DataError(f"{where / META} has no label_names: fetch {ARCHIVE} again")
    return from_arrays("cifar10", [(images, labels), parts[-1]], [str(name) for name in names])


def _folder(folder: Path) -> Batches:
    """Read the batches of a folder, those that there are."""
    batches: Batches = {}
    for file in (folder / name for name in (*TRAIN, TEST, META)):
        if file.is_file():
            with file.open("rb") as stream:
                batches[file.name] = read_pickle(stream, file)
    return batches


def _archive(path: Path) -> Batches:
    """Read the batches of the publisher's archive in place, in the order in which it holds them."""
    batches: Batches = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                stream = archive.extractfile(member) if member.isfile() and name in (*TRAIN, TEST, META) else None
                if stream is not None:
                    batches[name] = read_pickle(stream, path / name)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is cut short or broken: fetch it again") from error
    return batches


def _part(where: Path, batch: dict[Any, Any]) -> Raw:
    """Return images (N, 3, 32, 32) and labels of one batch."""
    images, labels = batch.get("data"), batch.get("labels")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != np.prod(SHAPE):
        found = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise DataError(f"{where}: data is {found}; expected uint8 (N, 3072)")
    if not isinstance(labels, list | np.ndarray) or len(labels) != len(images):
        count = len(labels) if isinstance(labels, list | np.ndarray) else "no"
        raise DataError(f"{where}: {count} labels for {len(images)} images")
    try:
        return images.reshape(-1, *SHAPE), np.asarray(labels)
    except ValueError as error:  # lists of unequal length
        raise DataError(f"{where}: labels are not whole numbers") from error
