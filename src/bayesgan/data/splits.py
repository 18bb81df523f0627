"""Splits: which images keep their labels, which are tested and validated on; as arrays, and as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from bayesgan.data.sets import DataSet
from bayesgan.errors import DataError

LISTS = ("labelled", "test", "validation")
IGNORED = ("seed",)  # what a run's own split.json says besides


def none() -> np.ndarray:
    """Return no index at all, (0,) int64."""
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Split:
    """Which images of ``data.train`` keep their labels, and which are held out to test and to validate.

    ``labelled`` (L,), ``test`` (T,) and ``validation`` (V,) are sorted, disjoint int64 indices into the images as
    loaded; ``test`` is None where the set brings its own. ``hash`` covers all of them and the kept labels.
    """

    labelled: np.ndarray
    test: np.ndarray | None
    seed: int
    hash: str
    validation: np.ndarray = field(default_factory=none)

    @classmethod
    def of(
        cls, labelled: np.ndarray, kept: np.ndarray, test: np.ndarray | None, validation: np.ndarray, seed: int
    ) -> Split:
        """Return the split of these indices, whose labelled images have the classes ``kept`` (L,)."""
        # Without a validation part the hash is the one that runs had before there were any.
        more = [validation] if len(validation) else []
        return cls(labelled, test, seed, _hash(labelled, kept, test, *more), validation)

    def to_json(self) -> dict[str, Any]:
        """Return what ``split.json`` holds: labelled, test, seed and hash, and validation where there is any."""
        test = None if self.test is None else self.test.tolist()
        content = {"labelled": self.labelled.tolist(), "test": test, "seed": self.seed, "hash": self.hash}
        return content | ({"validation": self.validation.tolist()} if len(self.validation) else {})

    def check(self, saved: Mapping[str, Any]) -> None:
        """Raise DataError unless ``saved``, the split.json of a run, is this split."""
        if saved != self.to_json():
            hashes = f"its split was {saved.get('hash')}, now it is {self.hash}"
            raise DataError(f"data, labels or seed have changed since the run: {hashes}")


def check_data(saved: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise DataError unless data have the classes and the shape that they had, as env.json of a run says."""
    there = saved["data"]
    if list(there["shape"]) != list(here["shape"]):
        raise DataError(f"the data have changed since the run: items were {there['shape']}, now {here['shape']}")
    for one, other in zip_longest(there["classes"], here["classes"], fillvalue="none"):
        if one != other:
            raise DataError(f"the classes of the data have changed since the run: {one!r} there, {other!r} here")


@dataclass(frozen=True)
class SplitFile:
    """A split as somebody wrote it: sorted indices without repetition, not yet held against data."""

    path: Path
    labelled: np.ndarray
    test: np.ndarray | None
    validation: np.ndarray
    hash: str | None

    def fit(self, data: DataSet) -> None:
        """Raise DataError where the lists cannot be of these data: out of range, overlapping, of unknown class."""
        lists = {name: part for name in LISTS if (part := getattr(self, name)) is not None}
        for name, part in lists.items():
            if len(part) and part[-1] >= (count := len(data.train.images)):
                raise DataError(f"{self.path}: {name} has {part[-1]}; {data.name} has the images 0 to {count - 1}")
        for one, other in combinations(lists, 2):
            if len(both := np.intersect1d(lists[one], lists[other])):
                raise DataError(f"{self.path}: image {both[0]} is in {one} and in {other}; leave it in one of them")
        self._fit_test(data)
        labels = np.full(len(data.train.images), -1) if data.train.labels is None else data.train.labels
        for name, part in lists.items():  # without any labels there is nothing to test classes by
            if (name == "labelled" or data.train.labels is not None) and len(unknown := part[labels[part] < 0]):
                place = "labelled" if name == "labelled" else f"in {name}"
                raise DataError(f"{self.path}: image {unknown[0]} is {place}, but {data.name} does not know its class")

    def _fit_test(self, data: DataSet) -> None:
        if data.test is None and (self.test is None or not len(self.test)):
            raise DataError(f"{self.path}: test is empty, and {data.name} has no test part of its own: list its images")
        if data.test is not None and self.test is not None:
            raise DataError(f"{self.path}: test is a list, but {data.name} has a test part of its own: write null")

    def check(self, split: Split) -> None:
        """Raise DataError where the file says a hash and data or labels are not those it was written for."""
        if self.hash is not None and self.hash != split.hash:
            hashes = f"its hash is {self.hash}, here it is {split.hash}"
            raise DataError(f"{self.path} is of other data, labels or lists: {hashes}; without the key it is not held")


def read_split(path: Path) -> SplitFile:
    """Read a JSON file ``{"labelled": [...], "test": [...] or null, "validation": [...]}``, the last two optional.

    A run's own split.json is one. Raises DataError for a file that is not.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the split {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not valid JSON; expected {_example()}") from None
    if not isinstance(content, dict) or "labelled" not in content:
        raise DataError(f"{path} has no list 'labelled'; expected {_example()}")
    if strangers := sorted(content.keys() - {*LISTS, *IGNORED, "hash"}):
        raise DataError(f"{path} has the key {strangers[0]!r}; accepted are {', '.join(LISTS)}")
    test = None if content.get("test") is None else _indices(path, "test", content["test"])
    labelled, validation = (_indices(path, name, content.get(name, [])) for name in ("labelled", "validation"))
    return SplitFile(path, labelled, test, validation, content.get("hash"))


def _indices(path: Path, name: str, values: Any) -> np.ndarray:
    if not isinstance(values, list) or not all(type(value) is int and 0 <= value < 2**62 for value in values):
        raise DataError(f"{path}: {name} is not a list of whole numbers from 0")
    indices, counts = np.unique(np.array(values, np.int64), return_counts=True)
    if len(indices) < len(values):
        raise DataError(f"{path}: {name} has {indices[counts > 1][0]} more than once")
    return indices


def _example() -> str:
    return '{"labelled": [...], "test": [...] or null, "validation": [...]}'


def _hash(*arrays: np.ndarray | None) -> str:
    """Return 16 hex digits over arrays of indices and labels, the same on every machine."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        numbers = [] if array is None else array.tolist()
        digest.update(f"{numbers};".encode())
    return digest.hexdigest()
