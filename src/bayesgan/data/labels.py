"""Few labels, honestly: which images keep theirs, what is held out, and a view without the other labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bayesgan.data.readers import Part
from bayesgan.data.sets import DataSet
from bayesgan.errors import DataError, UsageError
from bayesgan.seeds import derive

HELD_OUT = {"digits": 500}  # images; of any other set without a test part of its own:
HELD_OUT_SHARE = 0.2

Labels = int | Literal["all"] | None  # how many labels to keep; None is 0


@dataclass(frozen=True)
class Split:
    """Which images of ``data.train`` keep their labels and which are held out as the test part.

    ``labelled`` (L,) and ``test`` (T,) are sorted int64 indices into the images as loaded, so they
    are disjoint; ``test`` is None where the set brings its own. ``hash`` covers both and the kept labels.
    """

    labelled: np.ndarray
    test: np.ndarray | None
    seed: int
    hash: str

    def to_json(self) -> dict[str, Any]:
        """Return what ``split.json`` holds: labelled, test, seed and hash."""
        test = None if self.test is None else self.test.tolist()
        return {"labelled": self.labelled.tolist(), "test": test, "seed": self.seed, "hash": self.hash}

    def check(self, saved: Mapping[str, Any]) -> None:
        """Raise DataError unless ``saved``, the split.json of a run, is this split."""
        if saved != self.to_json():
            hashes = f"its split was {saved.get('hash')}, now it is {self.hash}"
            raise DataError(f"data, labels or seed have changed since the run: {hashes}")


@dataclass(frozen=True)
class Training:
    """What training code may see: every training image, and no label outside the split.

    ``images`` is uint8 (N, C, H, W) or float32 (N, D); ``labelled`` (L,) are sorted int64 indices into it,
    and ``labels`` (L,) int64 the classes of ``images[labelled]``.
    """

    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    images: np.ndarray
    labelled: np.ndarray
    labels: np.ndarray


def prepare(data: DataSet, labels: Labels, seed: int) -> tuple[Training, Part, Split]:
    """Return a training view with ``labels`` labels, equally many of each class, the test part and the split.

    A set without a test part of its own has one held out by ``seed``: 500 of the digits, else a fifth, in the
    proportions of the classes. Images whose label is unknown are never labelled, nor tested where others are
    known. With one seed, fewer labels are a subset of more. Raises UsageError for a number of labels that the
    classes cannot share, DataError where there are too few images or no labels at all.
    """
    train, (test, held_out) = data.train, _test_part(data, seed)
    rest = np.setdiff1d(np.arange(len(train.images)), [] if held_out is None else held_out)
    chosen = _choose(data, rest, labels, seed)
    kept = np.zeros(0, np.int64) if train.labels is None else train.labels[chosen]
    images = train.images if held_out is None else train.images[rest]
    training = Training(data.name, data.shape, data.classes, images, np.searchsorted(rest, chosen), kept)
    return training, test, Split(chosen, held_out, seed, _hash(chosen, kept, held_out))


def _test_part(data: DataSet, seed: int) -> tuple[Part, np.ndarray | None]:
    """Return the test part, and the indices of its images where it had to be held out."""
    if data.test is None:
        held_out = _hold_out(data, seed)
        return _take(data.train, held_out), held_out
    if data.test.labels is None or (data.test.labels >= 0).all():
        return data.test, None
    return _take(data.test, np.flatnonzero(data.test.labels >= 0)), None


def _take(part: Part, indices: np.ndarray) -> Part:
    return Part(part.images[indices], None if part.labels is None else part.labels[indices])


def _hold_out(data: DataSet, seed: int) -> np.ndarray:
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


def _choose(data: DataSet, rest: np.ndarray, count: Labels, seed: int) -> np.ndarray:
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


def _hash(*arrays: np.ndarray | None) -> str:
    """Return 16 hex digits over arrays of indices and labels, the same on every machine."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        numbers = [] if array is None else array.tolist()
        digest.update(f"{numbers};".encode())
    return digest.hexdigest()
