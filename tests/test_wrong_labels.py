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
from test_docs import benchmarks_in


@pytest.fixture
def noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the benchmark, whose results go to ``tmp_path``."""
    benchmarks_in(tmp_path, monkeypatch)
    return importlib.import_module("noise")


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
    sampled = {m: run for m, run in runs.items() if m != "point"}
    assert {run.burn_in for run in sampled.values()} == {40}
    assert [r.players["discriminator"].inference.temperature for r in sampled.values()] == [0.1, 1.0, 0.1]
    assert [r.particles("discriminator") for r in runs.values()] == [1, 1, 1, 4]
    assert noise.Job("consistency", 0.0, "point", 20, 0, 80, tmp_path).run().objective.consistency is not None


def test_a_run_is_held_against_the_point_estimate_of_its_split(
    noise: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def main(*more: str) -> dict[str, Any]:
        flags = ("--splits", "2", "--steps", "6", "--noise", "0.4", "--methods", "point,posterior", "--jobs", "1")
        monkeypatch.setattr(sys, "argv", ["benchmarks/noise.py", *flags, "--work", str(tmp_path / "work"), *more])
        noise.main()
        return dict(json.loads((tmp_path / "results" / "noise.json").read_text()))

    result = main()
    rows = [row for row in result["rows"] if "settings" in row]
    assert len({row["settings"] for row in rows}) == len(rows) == 8 and not any(row["failed"] for row in rows)
    errors = {(r["likelihood"], r["method"], r["split"]): r["error"] for r in rows}
    for likelihood in noise.LIKELIHOODS:
        gains = [errors[likelihood, "posterior", s] - errors[likelihood, "point", s] for s in (0, 1)]
        found = result["figures"][f"100.{likelihood}.40.posterior.against_point"]
        assert found == pytest.approx(sum(gains) / 2, abs=1e-5)
    assert "## consistency: 100 labels, 40 % of them wrong" in (tmp_path / "results" / "noise.md").read_text()
    monkeypatch.setattr(noise, "train", None)
    assert main("--add", "--work", str(tmp_path / "other"))["rows"] == result["rows"]
