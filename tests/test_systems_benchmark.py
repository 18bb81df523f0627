"""The comparison of systems: a small one runs, is not run twice, and counts what its rules say."""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bayesgan.errors import Diverged
from test_docs import ROOT, benchmarks_in


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the benchmark in a few seconds, on made-up images, into ``tmp_path``."""
    benchmarks_in(tmp_path, monkeypatch)
    systems, run = importlib.import_module("systems"), importlib.import_module("systems_run")
    monkeypatch.setattr(systems, "PICTURE", tmp_path / "systems.png")
    monkeypatch.setattr(run, "SAMPLES", 100)

    def main(*arguments: str) -> dict[str, Any]:
        flags = ["--seeds", "1", "--steps", "3", "--jobs", "1", "--work", str(tmp_path / "work"), *arguments]
        monkeypatch.setattr(sys, "argv", ["benchmarks/systems.py", *flags])
        systems.main()
        result: dict[str, Any] = json.loads((tmp_path / "results" / "systems.json").read_text())
        return result

    return main


def test_a_small_comparison_runs_once(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ("--systems", "vae", "--sets", "ring,mnist")
    result = benchmark(*flags)
    wanted = {"modes", "critic_distance", "reconstruction_error", "seconds_per_1000_steps", "failed_seeds"}
    assert {f"vae.{data}.{key}" for data in ("ring", "mnist") for key in wanted} <= result["figures"].keys()
    assert {"vae.mnist.diversity", "real.mnist.diversity", "real.ring.critic_distance"} <= result["figures"].keys()
    assert all(math.isfinite(value) for value in result["figures"].values())
    runs = [row for row in result["rows"] if "seed" in row]
    assert {(row["data"], row["modes_of"]) for row in runs} == {("ring", 8), ("mnist", 10)}
    assert all(row["modes_real"] <= 10 for row in runs if row["data"] == "mnist")
    timed = [row for row in result["rows"] if "seed" not in row]
    assert all(row["mean"]["seconds_per_1000_steps"] > 0 for row in timed) and len(timed) == 2
    table = (tmp_path / "results" / "systems.md").read_text()
    assert "## mnist, 3 iterations" in table and "| vae |" in table
    assert Image.open(tmp_path / "systems.png").size[0] > 600
    assert not list((tmp_path / "work").glob("*/vae-10/run")) and list((tmp_path / "work").glob("*/vae-10/samples.png"))

    def again(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(sys.modules["systems_run"], "train", again)
    assert [row for row in benchmark(*flags)["rows"] if "seed" in row] == runs
    assert benchmark("--collect", "--systems", "vae,gan", "--sets", "ring")["figures"].keys() < result["figures"].keys()
    with pytest.raises(AssertionError, match="trained again"):
        benchmark("--systems", "vae", "--sets", "ring", "--steps", "4")
    benchmark(*flags)
    kept = benchmark(*flags, "--add", "--work", str(tmp_path / "elsewhere"))["rows"]
    assert [row for row in kept if "seed" in row] == runs
    with pytest.raises(AssertionError, match="trained again"):
        benchmark(*flags, "--work", str(tmp_path / "nowhere"))


def test_a_run_that_diverges_is_a_failed_seed(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise Diverged("diverged: the energy is nan")

    monkeypatch.setattr(importlib.import_module("systems_run"), "train", diverge)
    result = benchmark("--systems", "gan", "--sets", "ring")
    assert result["figures"].pop("gan.ring.seconds_per_1000_steps") > 0
    assert result["figures"] == {"gan.ring.modes": 0, "gan.ring.failed_seeds": 1}
    assert result["rows"][0]["failed"] == "diverged: the energy is nan"


def test_rules_of_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    run = importlib.import_module("systems_run")
    assert run.failure({"modes": 4, "modes_of": 8, "diversity": 0.5}) is None
    assert run.failure({"modes": 3, "modes_of": 8}) == "found 3 of 8 modes"
    row = {"modes": 8, "modes_of": 8, "diversity": math.nan}
    assert run.failure(row) == "not finite: diversity" and row["diversity"] is None
