"""Arrays to a checked :class:`DataSet`: shapes, kinds, and classes numbered alike in both parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np

from bayesgan.data.decode import check_size
from bayesgan.data.folders import Raw
from bayesgan.data.readers import Part
from bayesgan.errors import DataError


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
