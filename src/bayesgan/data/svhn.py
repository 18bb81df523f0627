"""SVHN, format 2 (cropped digits), in its publisher's layout: two Matlab files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bayesgan.data import download
from bayesgan.data.arrays import DataSet, from_arrays
from bayesgan.data.folders import Raw
from bayesgan.errors import DataError

FILES = ("train_32x32.mat", "test_32x32.mat")
FOLDERS = ("svhn", ".")
FIELDS = ("X", "y")


def svhn(root: Path) -> DataSet:
    """Return 73,257 and 26,032 colour images of 32 by 32 in ten classes (Netzer et al. 2011)."""
    folder = next((root / name for name in FOLDERS if all((root / name / file).is_file() for file in FILES)), None)
    if folder is None:
        download.fetch("svhn", "svhn", root)
        folder = root / FOLDERS[0]
    return from_arrays("svhn", [read_mat(folder / file) for file in FILES], tuple("0123456789"))


def read_mat(path: Path) -> Raw:
    """Return images (N, 32, 32, 3) and labels of one file; raises DataError if broken or without ``X`` or ``y``."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=FIELDS)
    except Exception as error:  # on broken bytes loadmat may raise anything
        raise DataError(f"{path} is cut short or broken, or no Matlab file: fetch it again") from error
    if missing := [name for name in FIELDS if name not in content]:
        raise DataError(f"{path} has no variable {missing[0]}; expected X (32, 32, 3, N) and y (N, 1)")
    images, labels = content["X"], content["y"]
    if images.ndim != 4 or labels.size != images.shape[-1] or labels.dtype.kind not in "iu":
        found = f"X is {images.shape}, y {labels.dtype} {labels.shape}"
        raise DataError(f"{path}: {found}; expected X (32, 32, 3, N) and whole numbers y (N, 1)")
    # Matlab counts from 1, so the digit 0 is its class 10.
    return np.moveaxis(images, -1, 0), np.where(labels == 10, 0, labels).ravel()
