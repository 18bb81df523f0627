"""The audit: training depends on the training images and the kept labels, and on nothing else that a set holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesgan.config import Run
from bayesgan.data.labels import Held, open_data
from bayesgan.data.sets import load
from bayesgan.errors import DataError
from bayesgan.evaluate import evaluate
from bayesgan.store import Store
from bayesgan.training import train
from test_training import assert_same, numbers, tiny

Change = Callable[[dict[str, np.ndarray], dict[str, Any]], None]


def write(path: Path, own_test: bool) -> dict[str, np.ndarray]:
    """Write the digits as an npz, with a test part of its own where wanted, and return its arrays."""
    digits = load("digits").train
    assert digits.labels is not None
    arrays = {"x_train": digits.images, "y_train": digits.labels}
    if own_test:
        whole = [*zip("xy", arrays.values(), strict=True)]
        arrays = {f"{key}_{part}": array[rows] for part, rows in PARTS for key, array in whole}
    np.savez(path, **arrays)
    return {key: array.copy() for key, array in arrays.items()}


PARTS = (("train", slice(0, 1400)), ("test", slice(1400, None)))


def outside(split: dict[str, Any], count: int) -> np.ndarray:
    """Return the images whose labels training must not see."""
    return np.setdiff1d(np.arange(count), split["labelled"])


def shuffle_other_labels(arrays: dict[str, np.ndarray], split: dict[str, Any]) -> None:
    rows = outside(split, len(arrays["y_train"]))
    arrays["y_train"][rows] = np.random.default_rng(1).permutation(arrays["y_train"][rows])


def replace_held_out(arrays: dict[str, np.ndarray], split: dict[str, Any]) -> None:
    """Replace every test and validation image by noise, and the labels of them all by others."""
    rng, rows = np.random.default_rng(2), np.array((split["test"] or []) + split["validation"])
    arrays["x_train"][rows] = rng.integers(0, 256, arrays["x_train"][rows].shape, np.uint8)
    arrays["y_train"][rows] = (arrays["y_train"][rows] + 1) % 10
    if "x_test" in arrays:
        arrays["x_test"] = rng.integers(0, 256, (77, *arrays["x_test"].shape[1:]), np.uint8)
        arrays["y_test"] = np.arange(77) % 10


def audited(folder: Path, own_test: bool, run: Run, *changes: Change) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the numbers of a run, of one by its split file, and of that one on changed data."""
    path = folder / "digits.npz"
    arrays = write(path, own_test)
    run = replace(run, data=str(path), validation=60)
    train(run, folder / "first")
    train(replace(run, split=str(folder / "first" / "split.json")), folder / "second")
    split = Store(folder / "first").json("split.json")
    for change in changes:
        change(arrays, split)
    np.savez(path, **arrays)
    train(replace(run, split=str(folder / "first" / "split.json")), folder / "third")
    first, second, third = (numbers(folder / name) for name in ("first", "second", "third"))
    return first, second, third


@pytest.mark.parametrize("own_test", [False, True])
@pytest.mark.parametrize("system", ["bayesgan", "supervised", "wgan"])
def test_no_other_label_and_no_held_out_image_reaches_training(system: str, own_test: bool, tmp_path: Path) -> None:
    first, second, third = audited(tmp_path, own_test, tiny(system), shuffle_other_labels, replace_held_out)
    assert_same(first, second)
    assert_same(first, third)


def test_without_labels_none_matters(tmp_path: Path) -> None:
    first, _, third = audited(tmp_path, False, tiny("gan", labels=None), shuffle_other_labels, replace_held_out)
    assert_same(first, third)


def test_the_audit_finds_a_kept_label_and_a_training_image(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    arrays = write(path, False)
    run = replace(tiny(), data=str(path), validation=60)
    train(run, tmp_path / "first")
    split = Store(tmp_path / "first").json("split.json")
    seen = np.setdiff1d(outside(split, 1797), [*split["test"], *split["validation"]])
    hashless = {key: split[key] for key in ("labelled", "test", "validation")}
    (tmp_path / "split.json").write_text(json.dumps(hashless))
    for key, row in (("y_train", split["labelled"][0]), ("x_train", seen)):
        changed = {name: array.copy() for name, array in arrays.items()}
        changed[key][row] = 9 - changed[key][row] if key == "y_train" else 255 - changed[key][row]
        np.savez(path, **changed)
        train(replace(run, split=str(tmp_path / "split.json")), tmp_path / key)
        with pytest.raises(AssertionError):
            assert_same(numbers(tmp_path / "first"), numbers(tmp_path / key))
    with pytest.raises(DataError, match=r"first/split\.json is of other data, labels or lists"):
        changed = {name: array.copy() for name, array in arrays.items()}
        changed["y_train"][split["labelled"][0]] += 1
        changed["y_train"] %= 10
        np.savez(path, **changed)
        train(replace(run, split=str(tmp_path / "first" / "split.json")), tmp_path / "refused")


def test_held_out_parts_are_gathered_only_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    gather = Held.open
    monkeypatch.setattr(Held, "open", lambda self: (opened.append(len(self)), gather(self))[1])
    train(tiny(validation=100), tmp_path / "run")
    assert not opened
    evaluate(tmp_path / "run", ["error"], n=4, part="validation")
    assert opened == [100]
    evaluate(tmp_path / "run", ["error"], n=4)
    assert opened == [100, 500]
    files = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"evaluation.json", "evaluation-validation.json"} <= files


@pytest.mark.parametrize("own_test", [False, True])
def test_training_does_not_ask_which_images_are_tested(
    own_test: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_: Held) -> Any:
        raise AssertionError("training looked at a part that is held out")

    for name in ("rows", "open"):
        monkeypatch.setattr(Held, name, property(asked))
    write(tmp_path / "digits.npz", own_test)
    train(tiny(data=str(tmp_path / "digits.npz"), validation=100), tmp_path / "run")


def test_the_parts_share_no_image() -> None:
    for labels in (20, "all", None):
        run = tiny("supervised" if labels else "gan", labels=20, validation=100)
        prepared = open_data(replace(run, labels=labels))
        split = prepared.split
        assert split.test is not None and prepared.validation is not None
        parts = [split.labelled, split.test, split.validation]
        together = np.concatenate(parts)
        assert len(together) == len(np.unique(together))
        assert len(prepared.training.images) == 1797 - 500 - 100
        assert np.bincount(prepared.validation.open().labels).min() >= 8  # type: ignore[arg-type]
