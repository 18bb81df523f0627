"""The benchmark of the recipe: every change is one, trains, is not measured twice, and is held against no change."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bayesgan.machine import machine
from test_docs import benchmarks_in


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the benchmark for a few steps on the digits, into ``tmp_path``."""
    benchmarks_in(tmp_path, monkeypatch)
    module = importlib.import_module("recipe")

    def main(*arguments: str) -> dict[str, Any]:
        flags = ["--sets", "digits", "--steps", "6", "--jobs", "1", "--work", str(tmp_path / "work"), *arguments]
        monkeypatch.setattr(sys, "argv", ["benchmarks/recipe.py", *flags])
        module.main()
        return dict(json.loads((tmp_path / "results" / "recipe.json").read_text()))

    return main


def test_every_change_is_one_and_trains(recipe: Any, tmp_path: Path) -> None:
    module = importlib.import_module("recipe")
    result = recipe("--subsets", "1")
    rows = [row for row in result["rows"] if "settings" in row]
    idle = {"digits": {"consistency weight 5", "targets sharpened", "no cut-outs", "teacher's decay 0.95"}}
    idle["mnist"] = idle["fashion-mnist"] = idle["digits"]
    idle["cifar10"] = {
        "teacher's decay 0.995",
        "consistency weight 2",
        "targets not sharpened",
        "half the step size",
        "two convolutions a stage",
        "twice the labelled images a step",
        "warps the same at every size",
        "warps without scale and shear",
    }
    assert [row["change"] for row in rows] == [c for c in module.CHANGES if c not in idle["digits"]]
    assert not any(row["failed"] for row in rows)
    # Warps that depend on the size are meant for the digits' size, and an average's first steps have no decay.
    same = {"warps the same at every size", *(row["change"] for row in rows if "decay 0.9" in row["change"])}
    assert len({row["settings"] for row in rows}) == len(rows)
    assert len({row["nll"] for row in rows}) == len(rows) - len(same)
    for data in module.ASIDE:
        jobs = [module.Job(data, 100, 800, "shipped", change, 0, tmp_path) for change in module.CHANGES]
        shipped, *others = (job.settings for job in jobs)
        same = {job.change for job, settings in zip(jobs[1:], others, strict=True) if settings == shipped}
        assert same == idle[data] and len({shipped, *others}) == len(jobs) - len(same)


def test_gains_are_against_the_same_subset_and_runs_are_not_repeated(
    recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--changes", "none,no warps", "--subsets", "2", "--labels", "20,100")
    result = recipe(*flags)
    rows = [row for row in result["rows"] if "settings" in row]
    assert {row["labels"] for row in rows} == {20, 100} and len(rows) == 8
    errors = {(row["labels"], row["change"], row["subset"]): row["error"] for row in rows}
    gains = [errors[20, "no warps", subset] - errors[20, "none", subset] for subset in (0, 1)]
    figures = result["figures"]
    assert figures["digits.20.6.shipped.no_warps.against_none"] == pytest.approx(sum(gains) / 2, abs=1e-5)
    assert figures["digits.20.6.shipped.none.against_none"] == 0
    table = (tmp_path / "results" / "recipe.md").read_text()
    assert "## digits, 20 labels, 6 iterations: shipped" in table and "| no warps | 2 |" in table
    here = machine()
    assert {row["device"] for row in rows} == {here["gpu"] or here["cpu"]}
    path = tmp_path / "results" / "recipe.json"
    path.write_text(json.dumps(result | {"rows": [row | {"device": "another"} for row in rows]}))
    recipe(*flags, "--collect", "--add", "--work", str(tmp_path / "elsewhere"))
    assert "\nanother; errors on" in (tmp_path / "results" / "recipe.md").read_text()  # not where it was collected
    path.write_text(json.dumps(result))

    def again(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(importlib.import_module("recipe"), "train", again)
    assert recipe(*flags)["rows"] == result["rows"]
    assert recipe(*flags, "--add", "--work", str(tmp_path / "other"))["rows"] == result["rows"]
    # What the command does not name stays in the result.
    narrow = ("--changes", "none", "--subsets", "1", "--labels", "20")
    assert recipe(*narrow, "--add", "--work", str(tmp_path / "third"))["rows"] == result["rows"]
    changed = ("--changes", "no warps,no cut-outs", *narrow[2:])
    assert recipe(*changed, "--add", "--work", str(tmp_path / "fourth"))["rows"] == result["rows"]
    assert len(recipe(*narrow, "--work", str(tmp_path / "other"))["rows"]) == 2


def test_bases_are_what_the_recipe_was_and_equal_runs_run_once(
    recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change to one base can be another base as it is: each table holds it, and it is measured once."""
    module, ran = importlib.import_module("recipe"), []
    train = module.train
    monkeypatch.setattr(module, "train", lambda run, *a, **k: (ran.append(run), train(run, *a, **k)))
    bases, changes = ",".join(module.BASES), "none,no cut-outs,cut-outs,teacher's decay 0.95"
    rows = recipe("--bases", bases, "--changes", changes, "--subsets", "1")["rows"]
    settings = {(row["base"], row["change"]): row["settings"] for row in rows if "settings" in row}
    slow, cut = "cut-outs and a slow teacher", "cut-outs"
    assert settings[slow, "teacher's decay 0.95"] == settings[cut, "none"] == settings["shipped", "cut-outs"]
    assert settings[cut, "no cut-outs"] == settings["shipped", "none"] != settings[cut, "none"]
    assert [*settings] == sorted(settings, key=lambda k: ([*module.BASES].index(k[0]), [*module.CHANGES].index(k[1])))
    assert len(settings) == 7 and len(ran) == len(set(settings.values())) == 4
    # A row that today's settings would not repeat is named, and leaves the table.
    path = tmp_path / "results" / "recipe.json"
    path.write_text(path.read_text().replace(settings[slow, "none"], "0" * 16))
    capsys.readouterr()
    rest = recipe("--changes", "none", "--subsets", "1", "--add")["rows"]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("not kept")]
    assert len([row for row in rest if "settings" in row]) == 6 and len(said) == 1 and slow in said[0]
