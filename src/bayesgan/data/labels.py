"""Few labels, honestly: a view of the training images without the other labels, and parts that it does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bayesgan.config import Run
from bayesgan.data.draws import Labels as Labels
from bayesgan.data.draws import carve, choose, hold_out
from bayesgan.data.readers import Part
from bayesgan.data.rows import Rows
from bayesgan.data.sets import DataSet, load
from bayesgan.data.splits import Split, SplitFile, read_split
from bayesgan.errors import DataError, UsageError


@dataclass(frozen=True)
class Training:
    """What training code may see: every training image, and no label outside the split.

    ``images`` is uint8 (N, C, H, W) or float32 (N, D), of a streamed run rows that stay on disk; ``labelled`` (L,)
    are sorted int64 indices into it, and ``labels`` (L,) int64 the classes of ``images[labelled]``.
    """

    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    images: np.ndarray | Rows
    labelled: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Held:
    """A part that training does not look at: nothing of ``source`` is gathered before :meth:`open`.

    ``indices`` (M,) are those of its images that belong to the part; where None, all whose label is known, or all
    where none is.
    """

    source: Part
    indices: np.ndarray | None = None

    @cached_property
    def rows(self) -> np.ndarray:
        """The indices of the part's images, (M,)."""
        if self.indices is not None:
            return self.indices
        labels = self.source.labels
        return np.arange(len(self.source.images)) if labels is None else np.flatnonzero(labels >= 0)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def listed(self) -> int:
        """How many images the part has, those whose label is unknown included; looks at none."""
        return len(self.source.images if self.indices is None else self.indices)

    def open(self) -> Part:
        """Return images and labels."""
        images, labels = self.source.images, self.source.labels
        if len(self) == len(images):
            return self.source
        return Part(images[self.rows], None if labels is None else labels[self.rows])


@dataclass(frozen=True)
class Prepared:
    """A data set, split: what training sees, what it does not, and which images are which.

    ``validation`` is None where a run has no such part. ``known``: the training images whose class the data set knows,
    also where training must not: measures alone may open it.
    """

    training: Training
    validation: Held | None
    test: Held
    split: Split
    known: Held


def open_data(run: Run, folder: Path | None = None) -> Prepared:
    """Load a run's data and split them; of a run that has a ``folder``, by the split.json there if by a file at all.

    Raises DataError and UsageError as :func:`~bayesgan.data.sets.load` and :func:`prepare` do.
    """
    if folder and Path(run.data).is_absolute() and not Path(run.data).exists():
        cure = f"where they have moved, bayesgan train {run.system} --out {folder} --resume --data PLACE"
        raise DataError(f"the data of {folder} are no longer at {run.data}; {cure}")
    # The folder's own copy, because the file may have moved or changed since.
    given = None if run.split is None else read_split(folder / "split.json" if folder else Path(run.split))
    data = load(run.data, run.data_dir, stream=run.stream)
    return prepare(data, run.labels, run.label_seed, run.validation, given, stream=run.stream)


def prepare(
    data: DataSet,
    labels: Labels,
    seed: int,
    validation: int = 0,
    given: SplitFile | None = None,
    *,
    stream: bool = False,
) -> Prepared:
    """Return a training view with ``labels`` labels, equally many of each class, the other parts and the split.

    A set without a test part of its own has one held out by ``seed``: 500 of the digits, else a fifth, in the
    proportions of the classes. Images whose label is unknown are never labelled, nor tested or validated on where
    others are known. With one seed, fewer labels are a subset of more. ``validation`` images leave the training images,
    after the labelled ones were chosen (before, where all are). ``given``: a file that says which images are which;
    no label outside of it has any influence then. ``stream``: leave the images where they are.

    Raises UsageError for a number of labels that the classes cannot share, or of validation images that is not there,
    or that the file contradicts; DataError where there are too few images, no labels at all, or the file does not fit.
    """
    if given is None:
        chosen, held_out, valid = _drawn(data, labels, seed, validation)
    else:
        chosen, held_out, valid = _given(data, labels, seed, validation, given)
    rest = _without(np.arange(len(data.train.images)), held_out, valid)
    kept = np.zeros(0, np.int64) if data.train.labels is None else data.train.labels[chosen]
    images = _images(data.train.images, rest, stream)
    training = Training(data.name, data.shape, data.classes, images, np.searchsorted(rest, chosen), kept)
    split = Split.of(chosen, kept, held_out, valid, seed)
    if given is not None:
        given.check(Split.of(chosen, kept, held_out, given.validation, seed))
    test = Held(data.train, held_out) if data.test is None else Held(data.test)
    return Prepared(training, Held(data.train, valid) if len(valid) else None, test, split, _known(data, rest))


def _known(data: DataSet, rest: np.ndarray) -> Held:
    """Return those of the training images ``rest`` whose class is known."""
    labels = data.train.labels
    return Held(data.train, rest[:0] if labels is None else rest[labels[rest] >= 0])


Indices = tuple[np.ndarray, np.ndarray | None, np.ndarray]  # labelled, test, validation


def _drawn(data: DataSet, labels: Labels, seed: int, validation: int) -> Indices:
    """Draw the split by seed."""
    held_out = hold_out(data, seed) if data.test is None else None
    rest = _without(np.arange(len(data.train.images)), held_out)
    chosen = choose(data, rest, labels, seed)
    valid = carve(data, rest if labels == "all" else _without(rest, chosen), validation, seed)
    return _without(chosen, valid), held_out, valid


def _given(data: DataSet, labels: Labels, seed: int, validation: int, given: SplitFile) -> Indices:
    """Take the split of a file, which must agree with the run; a validation part that it lacks is drawn by seed."""
    given.fit(data)
    counts = len(given.labelled), len(given.validation)
    if labels != "all" and (labels or 0) != counts[0]:
        raise UsageError(f"labels = {labels or 0}, but {given.path} keeps {counts[0]} labels: make them equal")
    if counts[1] and validation not in (0, counts[1]):
        raise UsageError(f"--validation {validation}: {given.path} has {counts[1]} images to validate on; leave it out")
    rest = _without(np.arange(len(data.train.images)), given.labelled, given.test, given.validation)
    valid = given.validation if counts[1] else carve(data, rest, validation, seed)
    return given.labelled, given.test, valid


def _without(indices: np.ndarray, *others: np.ndarray | None) -> np.ndarray:
    """Return sorted indices without the others."""
    for other in others:
        indices = indices if other is None else np.setdiff1d(indices, other, assume_unique=True)
    return indices


def _images(images: np.ndarray, rest: np.ndarray, stream: bool) -> np.ndarray | Rows:
    """Return the training images, copied only where some are missing and they are not streamed."""
    if len(rest) == len(images):
        return images
    return Rows(images, rest) if stream else images[rest]
