"""The benchmark of wrong labels: which labels are wrong, and that the rows are held against the same splits."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesgan.data.labels import prepare
from bayesgan.data.sets import load
from bayesgan.samplers import SGHMCSpec
from test_docs import benchmarks_in


@pytest.fixture
def noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the benchmark, whose results go to ``tmp_path``."""
    benchmarks_in(tmp_path, monkeypatch)
    return importlib.import_module("wrong_labels")


def test_the_share_of_labels_is_wrong_and_nothing_else_is(noise: Any, tmp_path: Path) -> None:
    data, wrong = load("digits"), {}
    prepared = prepare(data, 100, 3)
    for share in (0.0, 0.2, 0.4):
        noise.noisy(noise.Job("labels", share, "point", 100, 3, 4, tmp_path), tmp_path / "digits.npz")
        with np.load(tmp_path / "digits.npz") as written:
            labelled = np.flatnonzero(written["y_train"] >= 0)
            assert (labelled == prepared.training.labelled).all()
            wrong[share] = written["y_train"][labelled] != prepared.training.labels
            assert (written["x_test"] == prepared.test.open().images).all()
            assert (written["y_test"] == prepared.test.open().labels).all()
    assert [mask.sum() for mask in wrong.values()] == [0, 20, 40]
    assert wrong[0.4][wrong[0.2]].all()


def test_labels_alone_are_all_data_and_chains_sample_the_second_half(noise: Any, tmp_path: Path) -> None:
    runs = {m: noise.Job("labels", 0.0, m, 20, 0, 80, tmp_path).run() for m in noise.METHODS}
    assert {run.players["discriminator"].num_obs for run in runs.values()} == {20}
    assert all(run.objective.consistency is None for run in runs.values())
    sampled = [run for run in runs.values() if isinstance(run.players["discriminator"].inference, SGHMCSpec)]
    assert {run.burn_in for run in sampled} == {40}
    assert [r.players["discriminator"].inference.temperature for r in sampled] == [0.0, 0.1, 1.0, 0.1]
    assert [r.particles("discriminator") for r in runs.values()] == [1, 1, 1, 1, 4, 4]
    assert noise.Job("consistency", 0.0, "point", 20, 0, 80, tmp_path).run().objective.consistency is not None


def test_a_run_is_held_against_descent_on_its_split(
    noise: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def main(*more: str) -> dict[str, Any]:
        flags = ("--splits", "2", "--steps", "6", "--noise", "0.4", "--methods", "point,temperature 0,temperature 1")
        flags = (*flags, "--jobs", "1", "--work", str(tmp_path / "work"))
        monkeypatch.setattr(sys, "argv", ["benchmarks/wrong_labels.py", *flags, *more])
        noise.main()
        return dict(json.loads((tmp_path / "results" / "wrong_labels.json").read_text()))

    result = main()
    rows = [row for row in result["rows"] if "settings" in row]
    assert len({row["settings"] for row in rows}) == len(rows) == 12 and not any(row["failed"] for row in rows)
    assert [[*row["mixing"]] for row in rows[:3]] == [[], ["discriminator"], ["discriminator"]]
    cold, warm = (row["mixing"]["discriminator"] for row in rows[1:3])
    assert cold["draws"] == warm["draws"] == 3 and cold["moved"] < warm["moved"]
    errors = {(r["likelihood"], r["method"], r["split"]): r["error"] for r in rows}
    for likelihood in noise.LIKELIHOODS:
        gains = [errors[likelihood, "temperature 1", s] - errors[likelihood, "temperature 0", s] for s in (0, 1)]
        found = result["figures"][f"100.{likelihood}.40.temperature_1.against_descent"]
        assert found == pytest.approx(sum(gains) / 2, abs=1e-5)
    assert "## consistency: 100 labels, 40 % of them wrong" in (tmp_path / "results" / "wrong_labels.md").read_text()
    monkeypatch.setattr(noise, "train", None)
    assert main("--add", "--work", str(tmp_path / "other"))["rows"] == result["rows"]


def test_runs_that_diverged_are_in_no_mean(noise: Any) -> None:
    table = importlib.import_module("wrong_labels_table")
    place = {"labels": 20, "likelihood": "labels", "noise": 0.4}
    broken = {**place, "method": "temperature 0", "split": 0, "failed": "diverged"}
    measured = {
        "failed": None,
        "mixing": {},
        "error": 12.5,
        "nll": 1.0,
        "ece": 0.1,
        "last_error": 13.0,
        "last_nll": 1.1,
    }
    lone = {**place, "method": "point", "split": 0, **measured}
    found = table.summaries([broken, lone])
    assert [row["splits"] for row in found] == [0, 1] and found[1]["against_descent"] is None
    assert "| temperature 0 | 0 | - |" in table.markdown(found, "command", {"cpu": "a CPU"})
