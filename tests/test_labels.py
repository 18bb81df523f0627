"""Exactly N labels, the same ones every time, and no other label anywhere that training code can look."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bayesgan.data import labels
from bayesgan.data.labels import Labels, Training
from bayesgan.data.readers import Part
from bayesgan.data.sets import DataSet, from_arrays, load
from bayesgan.data.splits import Split
from bayesgan.errors import BayesganError, DataError, UsageError


def made_up(counts: tuple[int, ...] = (30, 40, 50), unknown: int = 0, *, test: bool = False) -> DataSet:
    """A set whose image ``i`` is filled with ``i``; the last ``unknown`` have no label."""
    y = np.repeat(np.arange(-1, len(counts)), [0, *counts])
    y = np.concatenate([y, np.full(unknown, -1)])
    images = np.zeros((len(y), 8, 8), np.uint8) + np.arange(len(y), dtype=np.uint8)[:, None, None]
    return from_arrays("made-up", [(images, y), *([(images, y)] if test else [])], classes=["a", "b", "c"])


def prepare(data: DataSet, count: Labels, seed: int) -> tuple[Training, Part, Split]:
    """Return what training sees, the test part and the split."""
    prepared = labels.prepare(data, count, seed)
    assert prepared.validation is None
    return prepared.training, prepared.test.open(), prepared.split


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("count", [3, 30, 60])
def test_exactly_n_balanced_labels(test: bool, count: int) -> None:
    data = made_up(test=test)
    training, _, split = prepare(data, count, seed=0)
    assert len(training.labels) == len(np.unique(training.labelled)) == len(split.labelled) == count
    assert np.bincount(training.labels).tolist() == [count // 3] * 3
    assert data.train.labels is not None
    assert np.array_equal(data.train.labels[split.labelled], training.labels)
    assert np.array_equal(training.images[training.labelled, 0, 0, 0], split.labelled)


def test_training_holds_no_other_label() -> None:
    training, _, _ = prepare(load("digits"), 100, seed=0)
    arrays = {f.name: getattr(training, f.name) for f in dataclasses.fields(training)}
    sizes = {name: len(value) for name, value in arrays.items() if isinstance(value, np.ndarray)}
    assert sizes == {"images": 1297, "labelled": 100, "labels": 100}
    assert training.images.dtype == np.uint8 and training.shape == (1, 8, 8)


@pytest.mark.parametrize("count", [None, 0])
def test_no_labels(count: Labels) -> None:
    for data in (made_up(), load("ring")):
        training, _, split = prepare(data, count, seed=0)
        assert training.labels.shape == training.labelled.shape == split.labelled.shape == (0,)
        assert training.labels.dtype == training.labelled.dtype == split.labelled.dtype == np.int64


def test_all_labels() -> None:
    data = made_up(unknown=20)
    training, _, split = prepare(data, "all", seed=0)
    assert split.test is not None and len(training.images) == 140 - len(split.test)
    assert len(training.labels) == 120 - len(split.test) == len(split.labelled)


def test_held_out_is_stratified_disjoint_and_sized() -> None:
    data = made_up()
    training, test, split = prepare(data, 30, seed=0)
    assert split.test is not None and test.labels is not None
    assert np.bincount(test.labels).tolist() == [6, 8, 10]
    seen = {*training.images[:, 0, 0, 0].tolist()}
    assert seen | {*split.test.tolist()} == set(range(120)) and not seen & {*split.test.tolist()}
    assert not {*split.labelled.tolist()} & {*split.test.tolist()}
    assert np.array_equal(test.images[:, 0, 0, 0], split.test)
    assert [len(part.images) for part in prepare(load("digits"), 100, seed=3)[:2]] == [1297, 500]


def test_own_test_part_is_kept() -> None:
    data = made_up(test=True)
    training, test, split = prepare(data, 30, seed=0)
    assert split.test is None and test is data.test and training.images is data.train.images


def test_unknown_labels_are_never_test_and_never_labelled() -> None:
    counts: tuple[Labels, ...] = (60, "all")
    for count in counts:
        _, test, split = prepare(made_up(unknown=20), count, seed=0)
        assert split.test is not None and max(split.labelled.max(), split.test.max()) < 120
        assert test.labels is not None and test.labels.min() == 0
    training, test, _ = prepare(made_up(unknown=20, test=True), 60, seed=0)
    assert len(training.images) == 140 and len(test.images) == 120


def test_the_seed_decides_and_nothing_else() -> None:
    first, again, other = (prepare(made_up(), 30, seed)[2] for seed in (0, 0, 1))
    assert first.to_json() == again.to_json() and first.hash != other.hash
    assert first.test is not None and other.test is not None
    assert not np.array_equal(first.labelled, other.labelled) and not np.array_equal(first.test, other.test)


def test_split_survives_its_file_and_notices_change() -> None:
    split = prepare(made_up(), 30, seed=0)[2]
    saved = json.loads(json.dumps(Split.to_json(split)))
    assert list(saved) == ["labelled", "test", "seed", "hash"] and len(split.hash) == 16
    split.check(saved)
    relabelled = made_up()
    assert relabelled.train.labels is not None
    relabelled.train.labels[:] = (relabelled.train.labels + 1) % 3
    for changed in (prepare(made_up((31, 40, 50)), 30, 0), prepare(relabelled, 30, 0)):
        with pytest.raises(DataError, match=f"{split.hash}, now it is {changed[2].hash}"):
            changed[2].check(saved)


UNLABELLED = DataSet("faces", Part(np.zeros((20, 1, 8, 8), np.uint8), None), None, ())


@pytest.mark.parametrize(
    "data, count, error, message",
    [
        (made_up(), 31, UsageError, r"--labels 31: made-up has 3 classes.* nearest multiples are 30 and 33"),
        (made_up(), -3, UsageError, r"--labels -3: expected a whole number"),
        (made_up(), "some", UsageError, r"--labels some: expected a whole number"),
        (made_up(), 90, DataError, r"class 'a' of made-up has 24 training images; --labels 90 needs 30 of each"),
        (UNLABELLED, 10, DataError, r"faces has no labels"),
        (UNLABELLED, "all", DataError, r"faces has no labels: .*other than supervised, without --conditional"),
        (made_up((1, 9, 9)), 3, DataError, r"made-up has too few images to hold some .* train and test"),
    ],
)
def test_what_cannot_be_split(data: DataSet, count: Labels, error: type[BayesganError], message: str) -> None:
    with pytest.raises(error, match=message) as err:
        prepare(data, count, seed=0)
    assert err.value.code == (2 if error is UsageError else 3)


def test_unlabelled_images_are_held_out_too() -> None:
    training, test, split = prepare(UNLABELLED, 0, seed=0)
    assert len(training.images) == 16 and len(test.images) == 4 and test.labels is None and split.test is not None
