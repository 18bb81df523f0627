"""Splits as files and validation parts: what they say is what happens, and what they cannot say is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesgan.data.draws import shares
from bayesgan.data.labels import open_data, prepare
from bayesgan.data.splits import Split, read_split
from bayesgan.errors import BayesganError, DataError, UsageError
from bayesgan.evaluate import evaluate
from bayesgan.objectives import NonSaturating
from bayesgan.report import report
from bayesgan.resolve import resolve
from bayesgan.store import Store
from bayesgan.subject import open_subject
from bayesgan.training import train
from test_labels import UNLABELLED, made_up
from test_training import assert_same, numbers, tiny

GOOD: dict[str, Any] = {"labelled": [0, 40, 80], "test": [1, 41, 81], "validation": [2, 42]}


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_file_says_which_images_are_which(tmp_path: Path) -> None:
    given = read_split(written(tmp_path / "s.json", GOOD | {"labelled": [80, 0, 40]}))
    p = prepare(made_up(), 3, 5, given=given)
    assert p.training.labels.tolist() == [0, 1, 2] and len(p.training.images) == 120 - 3 - 2
    assert p.training.images[p.training.labelled, 0, 0, 0].tolist() == [0, 40, 80]
    assert p.validation is not None and p.validation.open().images[:, 0, 0, 0].tolist() == [2, 42]
    assert p.test.open().images[:, 0, 0, 0].tolist() == [1, 41, 81]
    assert not {1, 41, 81, 2, 42} & {*p.training.images[:, 0, 0, 0].tolist()}
    again = read_split(written(tmp_path / "t.json", p.split.to_json()))
    assert prepare(made_up(), 3, 5, given=again).split.to_json() == p.split.to_json()


def test_a_drawn_split_given_as_a_file_is_the_same_split(tmp_path: Path) -> None:
    for labels, validation in ((30, 0), (30, 12), ("all", 12)):
        drawn = prepare(made_up(), labels, 0, validation)  # type: ignore[arg-type]
        given = read_split(written(tmp_path / "s.json", drawn.split.to_json()))
        same = prepare(made_up(), labels, 0, validation, given)  # type: ignore[arg-type]
        assert same.split.to_json() == drawn.split.to_json()
        assert np.array_equal(same.training.images, drawn.training.images)


def test_validation_is_stratified_and_leaves_the_rest_as_it_was() -> None:
    without, with_it = (prepare(made_up(), 30, 0, n) for n in (0, 12))
    assert "validation" not in without.split.to_json() and without.validation is None
    assert np.array_equal(without.split.labelled, with_it.split.labelled)
    assert np.array_equal(without.split.test, with_it.split.test)  # type: ignore[arg-type]
    assert with_it.validation is not None
    # Left of the classes after test and labels: 14, 22 and 30 images.
    assert np.bincount(with_it.validation.open().labels).tolist() == [3, 4, 5]  # type: ignore[arg-type]
    assert len(with_it.training.images) == len(without.training.images) - 12
    assert with_it.split.hash != without.split.hash
    assert not np.array_equal(prepare(made_up(), 30, 1, 12).split.validation, with_it.split.validation)


def test_validation_without_labels_and_with_unknown_ones() -> None:
    plain = prepare(UNLABELLED, None, 0, 5)
    assert plain.validation is not None and plain.validation.open().labels is None and len(plain.validation) == 5
    some = prepare(made_up(unknown=20), 30, 0, 12)
    assert some.validation is not None and some.validation.open().labels.min() >= 0  # type: ignore[union-attr]
    assert some.split.validation.max() < 120


def test_shares_are_whole_and_add_up() -> None:
    for count in range(13):
        found = shares(np.array([5, 0, 7, 1]), count)
        assert found.sum() == count and (found <= [5, 0, 7, 1]).all()


def test_old_run_folders_still_open(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run")
    saved = Store(tmp_path / "run").json("split.json")
    assert list(saved) == ["labelled", "test", "seed", "hash"]
    config = tmp_path / "run" / "config.toml"
    kept = [line for line in config.read_text().splitlines() if not line.startswith(("split", "validation", "stream"))]
    config.write_text("\n".join(kept))
    open_subject(tmp_path / "run", 4, 0)
    run = resolve("bayesgan", {}, config=config)
    assert run.labels == 20 and run.validation == 0 and [*run.players] == [*tiny().resolved(1).players]


def test_a_whole_configuration_counts_the_images_of_other_data_anew(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run")
    train(tiny("gan", objective=NonSaturating(conditional=True)), tmp_path / "classes")

    def counts(folder: str, flags: dict[str, Any], *settings: str) -> dict[str, int | None]:
        system, config = ("bayesgan" if folder == "run" else "gan"), tmp_path / folder / "config.toml"
        run = resolve(system, flags, config=config, steps=24, settings=settings)
        return {name: p.num_obs for name, p in run.players.items()}

    assert {*counts("run", {"seed": 3, "labels": 50}).values()} == {1297}  # unlabelled images are seen too
    assert {*counts("classes", {"seed": 3}).values()} == {20}
    assert {*counts("classes", {"labels": 50}).values()} == {None}
    for flags, *settings in (({"data": "mnist"},), ({"validation": 100},), ({}, "validation=100"), ({}, "subset=0.5")):
        assert {*counts("run", flags, *settings).values()} == {None}
        assert counts("run", flags, *settings, "players.generator.num_obs=7")["generator"] == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text", r"s\.json is not valid JSON; expected \{\"labelled\""),
        ("[" * 100_000, r"s\.json is not valid JSON"),
        ([1], r"has no list 'labelled'"),
        ({"test": [1]}, r"has no list 'labelled'"),
        (GOOD | {"train": [3]}, r"has the key 'train'; accepted are labelled, test, validation"),
        (GOOD | {"labelled": [0, "1"]}, r"labelled is not a list of whole numbers from 0"),
        (GOOD | {"labelled": [0, -1]}, r"labelled is not a list of whole numbers"),
        (GOOD | {"labelled": [0, True]}, r"labelled is not a list of whole numbers"),
        (GOOD | {"labelled": 3}, r"labelled is not a list"),
        (GOOD | {"validation": None}, r"validation is not a list"),
        (GOOD | {"labelled": [0, 40, 40]}, r"labelled has 40 more than once"),
        (GOOD | {"labelled": [0, 40, 140]}, r"labelled has 140; made-up has the images 0 to 139"),
        (GOOD | {"labelled": [0, 40, 41]}, r"image 41 is in labelled and in test; leave it in one of them"),
        (GOOD | {"validation": [1]}, r"image 1 is in test and in validation"),
        (GOOD | {"labelled": [0, 40, 130]}, r"image 130 is labelled, but made-up does not know its class"),
        (GOOD | {"test": [1, 131]}, r"image 131 is in test, but made-up does not know its class"),
        (GOOD | {"validation": [139]}, r"image 139 is in validation, but made-up does not know its class"),
        (GOOD | {"test": None}, r"test is empty, and made-up has no test part of its own"),
        (GOOD | {"hash": "0"}, r"is of other data, labels or lists: its hash is 0, here it is"),
    ],
)
def test_files_that_are_wrong(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as error:
        prepare(made_up(unknown=20), 3, 0, given=read_split(written(tmp_path / "s.json", content)))
    assert "\n" not in str(error.value) and error.value.code == 3


def test_a_file_and_the_run_must_agree(tmp_path: Path) -> None:
    given = read_split(written(tmp_path / "s.json", GOOD))
    calls: list[tuple[Callable[[], Any], type[BayesganError], str]] = [
        (lambda: prepare(made_up(), 30, 0, given=given), UsageError, r"labels = 30, but .*s\.json keeps 3 labels"),
        (lambda: prepare(made_up(), 3, 0, 7, given), UsageError, r"--validation 7: .*s\.json has 2 images to validate"),
        (lambda: prepare(made_up(test=True), 3, 0, given=given), DataError, r"test is a list, .*: write null"),
        (lambda: prepare(UNLABELLED, 3, 0, given=given), DataError, r"labelled has 80; faces has the images 0 to 19"),
        (
            lambda: prepare(made_up(), 30, 0, 66),
            UsageError,
            r"--validation 66: made-up has 65 training images",
        ),
        (lambda: prepare(made_up(), 30, 0, -1), UsageError, r"--validation -1: made-up has 65"),
        (lambda: prepare(UNLABELLED, None, 0, 16), UsageError, r"--validation 16: faces has 15 training images"),
        (lambda: read_split(tmp_path / "none.json"), DataError, r"cannot read the split .*none\.json: No such file"),
        (lambda: open_data(tiny(validation=5000)), UsageError, r"--validation 5000: digits has 1276 training images"),
    ]
    for call, error, message in calls:
        with pytest.raises(error, match=message):
            call()


def test_a_hash_is_held_also_where_validation_images_are_drawn_beside_the_file(tmp_path: Path) -> None:
    content = prepare(made_up(), 30, 0).split.to_json()
    beside = prepare(made_up(), 30, 0, 12, read_split(written(tmp_path / "s.json", content)))
    assert beside.validation is not None and len(beside.validation) == 12
    given = read_split(written(tmp_path / "s.json", content | {"hash": "0"}))
    with pytest.raises(DataError, match="is of other data, labels or lists"):
        prepare(made_up(), 30, 0, 12, given)


def test_command_line_takes_the_counts_from_the_file(tmp_path: Path) -> None:
    train(tiny(validation=30), tmp_path / "run")
    path = str(tmp_path / "run" / "split.json")
    run = resolve("bayesgan", {"data": "digits", "split": path})
    assert (run.labels, run.validation, run.split) == (20, 30, path)
    assert type(run.objective).__name__ == "SemiSupervised"
    with pytest.raises(UsageError, match="--split and --labels exclude each other"):
        resolve("bayesgan", {"data": "digits", "split": path, "labels": 20})
    with pytest.raises(UsageError, match=r"--set split=\.\.\.: the preset depends on it; give --split"):
        resolve("bayesgan", {"data": "digits"}, settings=["split=a.json"])
    none = written(tmp_path / "none.json", {"labelled": [], "test": [1, 2]})
    assert resolve("gan", {"data": "digits", "split": str(none)}).labels is None


def test_a_run_by_file_is_resumed_and_measured_when_the_file_is_gone(tmp_path: Path) -> None:
    train(tiny(validation=30), tmp_path / "first")
    path = tmp_path / "split.json"
    path.write_text((tmp_path / "first" / "split.json").read_text())
    run = replace(tiny(), split=str(path))
    train(run, tmp_path / "second")
    path.unlink()
    train(run, tmp_path / "second", resume=True)
    assert_same(numbers(tmp_path / "first"), numbers(tmp_path / "second"))
    result = evaluate(tmp_path / "second", ["error", "baselines"], part="validation", n=4)
    protocol = result["metrics"]["error"]["protocol"]
    assert protocol["n_real"] == 30 and protocol["part"] == "validation" and protocol["split"] == str(path)
    assert not (tmp_path / "second" / "evaluation.json").exists()
    assert Split.to_json(open_data(run, tmp_path / "second").split) == Store(tmp_path / "first").json("split.json")


def test_a_run_without_validation_images_says_so(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run")
    with pytest.raises(UsageError, match=r"--part validation: .*run has no validation images; train with --validation"):
        evaluate(tmp_path / "run", ["error"], part="validation")
    assert report([tmp_path / "run"]).exists()
