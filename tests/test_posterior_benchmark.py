"""The comparison of posteriors: every part runs in a few steps, is not run twice, and costs equal compute."""

from __future__ import annotations

import importlib
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bayesgan import presets
from bayesgan.errors import Diverged, Interrupted
from bayesgan.networks import MLP
from test_docs import ROOT, benchmarks_in

METHODS = ("point", "ema", "ensemble", "bayesgan-t0", "bayesgan-t1", "bayesgan-cold")


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the benchmark in a few seconds, on made-up images, into ``tmp_path``."""
    benchmarks_in(tmp_path, monkeypatch)
    posterior, run = importlib.import_module("posterior"), importlib.import_module("posterior_run")
    monkeypatch.setattr(posterior, "PICTURE", tmp_path / "posterior.png")
    small = {name: replace(part, samples=60, sets=part.sets[:1]) for name, part in run.PARTS.items()}
    monkeypatch.setattr(posterior, "PARTS", small)
    monkeypatch.setattr(run, "PARTS", small)

    def main(*arguments: str) -> dict[str, Any]:
        flags = ["--seeds", "1", "--steps", "2", "--work", str(tmp_path / "work"), *arguments]
        monkeypatch.setattr(sys, "argv", ["benchmarks/posterior.py", *flags])
        posterior.main()
        path = tmp_path / "results" / "posterior.json"
        return json.loads(path.read_text()) if path.exists() else {}

    return main


def forbid(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let nothing be trained any more."""

    def again(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(importlib.import_module("posterior_run"), "train", again)


@pytest.mark.parametrize(
    ("part", "name", "keys"),
    [
        ("stacked", "stacked_mnist", {"modes", "reverse_kl"}),
        ("calibration", "calibration", {"errors", "nll", "ece", "auroc", "auroc_fake"}),
    ],
)
def test_a_part_of_images_runs_once(
    part: str, name: str, keys: set[str], benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--parts", part, "--methods", "ema,bayesgan-cold")
    result = benchmark(*flags)
    figures = result["figures"]
    wanted = {f"{name}.{method}.{key}" for method in ("ema", "bayesgan-cold") for key in keys}
    assert wanted <= figures.keys() and all(math.isfinite(value) for value in figures.values())
    table = (tmp_path / "results" / "posterior.md").read_text()
    assert f"## {name}, budget 2" in table and "| ema |" in table and f"- {min(keys)}: best" in table
    assert not list((tmp_path / "work").glob("*/*/run"))
    forbid(monkeypatch, AssertionError("trained again"))
    assert benchmark(*flags)["rows"] == result["rows"]
    assert benchmark(*flags, "--add", "--work", str(tmp_path / "other"))["rows"] == result["rows"]
    with pytest.raises(AssertionError, match="trained again"):
        benchmark(*flags, "--steps", "3")


def test_the_recommended_method_runs_on_by_itself(benchmark: Any, tmp_path: Path) -> None:
    result = benchmark("--parts", "stacked", "--methods", "ema,bayesgan-cold")
    runs = {(row["method"], row["budget"]): row for row in result["rows"] if "seed" in row}
    assert runs.keys() == {("ema", 2), ("bayesgan-cold", 2), ("bayesgan-cold", 8)}
    figures = result["figures"]
    assert figures["stacked_mnist.budget"] == 8
    for budget, name in ((2, "stacked_mnist.bayesgan-cold"), (8, "stacked_mnist")):
        row = runs["bayesgan-cold", budget]
        assert (figures[f"{name}.modes"], figures[f"{name}.reverse_kl"]) == (row["modes"], row["reverse_kl"])
    table = (tmp_path / "results" / "posterior.md").read_text()
    assert "| bayesgan-cold | 2 |" in table and "bayesgan-cold alone, 8 iterations, seeds 1: modes" in table


def test_what_is_compared_is_the_largest_budget_that_no_method_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    table = importlib.import_module("posterior_table")

    def summary(method: str, budget: int, modes: float | None, alone: bool = False) -> dict[str, Any]:
        mean = {"seconds": 1.0} if modes is None else {"modes": modes}
        named = {"part": "stacked", "data": "stacked-mnist", "budget": budget, "method": method}
        return {**named, "alone": alone, "mean": mean}

    short, early, other = summary("bayesgan-cold", 2, 5.0), summary("point", 1, 3.0), summary("point", 2, 4.0)
    long = summary("bayesgan-cold", 8, 9.0, alone=True)
    assert table.whole([short, early, other, long]) == [short, other]
    assert table.whole([early, other, long]) == [other] and table.whole([long]) == []
    figures = table.figures([short, other, long])
    assert figures["stacked_mnist.bayesgan-cold.modes"] == 5.0
    assert figures["stacked_mnist.modes"] == 9.0 and figures["stacked_mnist.budget"] == 8
    failed = table.figures([short, other, summary("bayesgan-cold", 8, None, alone=True)])
    assert failed["stacked_mnist.modes"] == 5.0 and failed["stacked_mnist.budget"] == 2


def test_points_are_measured_along_the_budget(benchmark: Any, tmp_path: Path) -> None:
    result = benchmark("--parts", "synthetic", "--methods", "point,bayesgan-t1", "--steps", "4")
    assert {"synthetic.100.point.jsd", "synthetic.100.bayesgan-t1.jsd"} <= result["figures"].keys()
    assert 0 < result["figures"]["synthetic.100.real.jsd"] < math.log(2)
    runs = [row for row in result["rows"] if "seed" in row]
    assert [(row["method"], row["budget"]) for row in runs if row["method"] == "point"] == [("point", 2), ("point", 4)]
    assert Image.open(tmp_path / "posterior.png").size[0] > 400


def test_validation_writes_no_result(benchmark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--parts", "stacked", "--methods", "bayesgan-cold", "--validation", "40", "--set", "noise_batch=4")
    assert benchmark(*flags) == {}
    assert len([*(tmp_path / "work").glob("*/*/row.json")]) == 1
    assert "on validation images" in capsys.readouterr().out and not (tmp_path / "results").exists()
    with pytest.raises(SystemExit):
        benchmark("--set", "noise_batch=4")


def test_failed_and_interrupted_runs(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ("--parts", "stacked", "--methods", "point")
    with monkeypatch.context() as patch:
        forbid(patch, Interrupted("stopped"))
        with pytest.raises(Interrupted):
            benchmark(*flags)
    with monkeypatch.context() as patch:
        forbid(patch, Diverged("diverged: the energy is nan"))
        result = benchmark(*flags)
    assert result["rows"][0]["failed"].startswith("diverged") and result["figures"] == {}
    assert "no run has one" in (tmp_path / "results" / "posterior.md").read_text()


def test_methods_are_the_presets_with_one_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    methods = importlib.import_module("posterior_methods").METHODS
    table = importlib.import_module("posterior_table")
    assert tuple(methods) == METHODS
    for labels in (None, 100):
        runs = {name: method.run("mnist", labels) for name, method in methods.items()}
        assert runs[table.RECOMMENDED] == presets.bayesgan("mnist", labels)
        assert runs["ensemble"] == presets.ensemble("mnist", labels)
        added = runs["ema"].players.keys() - runs["point"].players.keys()
        assert added == {"averaged_generator", "averaged_discriminator"}
        temperatures = [runs[f"bayesgan-{t}"].players["generator"].inference.temperature for t in ("t0", "t1")]
        assert temperatures == [0, 1]


def test_operations_of_a_known_network_and_equal_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    methods = importlib.import_module("posterior_methods")
    net = MLP(7, 1).discriminator((5,), 1)
    with methods.Operations() as counter:
        net(torch.zeros(3, 5)).sum().backward()
    # Forward two products; backward two for weights, one for the hidden layer: the input needs no gradient.
    assert counter.total == 2 * 3 * (5 * 7 + 7 + 5 * 7 + 7 + 7)
    assert methods.steps_for("bayesgan-t1", "synthetic", None, 100) == 100
    assert methods.steps_for("ensemble", "synthetic", None, 100) == pytest.approx(100 * 2190 / 2657, abs=1)
    single = methods.operations("dcgan", "synthetic", None)
    assert methods.operations("ensemble", "synthetic", None) == 10 * single


@pytest.mark.parametrize("transposed", [False, True])
def test_operations_of_particles_at_once_are_those_of_each(transposed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    methods = importlib.import_module("posterior_methods")
    convolve = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
    x, w = torch.ones(3, 2, 4, 8, 8, requires_grad=True), torch.ones(3, *((4, 6) if transposed else (6, 4)), 3, 3)
    w.requires_grad_()
    with methods.Operations() as counter:
        torch.vmap(lambda a, b: convolve(a, b, stride=2))(x, w).sum().backward()
    # Kernels are put on every pixel of the smaller image, forward and once for each gradient.
    assert counter.total == 3 * (3 * 2 * 2 * (8 if transposed else 3) ** 2 * 9 * 4 * 6)
