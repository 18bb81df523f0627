"""The benchmarks of speed: small ones run, and what they count is right."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from contract import close
from test_docs import benchmarks_in

CPU = torch.device("cpu")
KEYS = ("bayesgan_over_naive_bayesgan", "bayesgan_over_naive_dcgan", "dcgan_over_naive_dcgan", "peak_fraction")
MORE = ("sampler_over_backward", "peak_memory_gib", "gradient_error")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    benchmarks_in(tmp_path, monkeypatch)
    return {name: importlib.import_module(name) for name in ("speed", "speed_ours", "speed_usual", "scaling")}


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 1, 28, 28), np.uint8)


def test_a_small_comparison_says_everything(
    modules: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = modules["speed"]
    for name, value in (("IMAGES", 70), ("SIDE", 64)):
        monkeypatch.setattr(speed, name, value)
    monkeypatch.setattr(speed, "memory", len)  # of another process: of anything with a length there
    monkeypatch.setattr(speed, "ProcessPoolExecutor", lambda *_, **__: NoProcess())
    monkeypatch.setattr(sys, "argv", ["benchmarks/speed.py", "--sizes", "28", "--rounds", "1"])
    speed.main()
    (path,) = (tmp_path / "results").iterdir()
    result = json.loads(path.read_text())
    figures = result["figures"]
    assert {f"28.{key}" for key in (*KEYS, *MORE)} | {"mnist_epoch_s"} <= figures.keys()
    assert all(math.isfinite(value) and value > 0 for value in figures.values())
    assert figures["28.gradient_error"] < 0.3 and figures["28.gradient_error_32"] < 0.01
    ms = {row["way"]: row["ms"] for row in result["rows"] if "ms" in row}
    assert figures["28.dcgan_over_naive_dcgan"] == pytest.approx(ms["dcgan"] / ms["naive_dcgan"], abs=1e-3)
    assert figures["mnist_epoch_s"] == pytest.approx(ms["bayesgan_preset"] * 60 / 64, rel=0.01)


class NoProcess:
    """A pool that computes nothing elsewhere, for what another process would take seconds to start."""

    def __enter__(self) -> NoProcess:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, *_: object) -> NoProcess:
        return self

    def result(self) -> float:
        return 1.0


def test_memory_is_that_of_this_process(modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules["speed"], "IMAGES", 70)
    assert 0.1 < modules["speed"].memory(modules["speed_ours"].plain("dcgan"), 28) < 16


def test_a_childs_memory_is_not_its_parents(modules: dict[str, Any]) -> None:
    fat = np.ones(2**27, np.uint8)  # 128 MiB
    here = modules["speed"].peak_resident()
    child = "import sys; sys.path.insert(0, sys.argv[1]); from speed import peak_resident; print(peak_resident())"
    folder = str(Path(modules["speed"].__file__).parent)
    there = int(subprocess.run([sys.executable, "-c", child, folder], capture_output=True, check=True).stdout)
    assert fat.sum() == 2**27 and there < here


def test_operations_are_those_of_the_networks(modules: dict[str, Any], images: np.ndarray) -> None:
    """Products of matrices, three for each layer and two where no gradient of an image, or a weight, is asked for."""
    ours, batch = modules["speed_ours"], 64
    d = [14 * 14 * 32 * 9, 7 * 7 * 64 * 32 * 9, 4 * 4 * 128 * 64 * 9, 2048 * 128, 128]
    g = [32 * 128 * 16, 16 * 128 * 64 * 16, 49 * 64 * 32 * 16, 196 * 32 * 16]
    discriminator = sum(g) + 2 * (3 * sum(d) - d[0])  # fakes, and real images: no gradient of either
    generator = 3 * sum(g) - g[0] + 2 * sum(d)  # no gradient of codes, nor of the discriminator's weights
    counted = ours.operations(ours.plain("dcgan"), images, CPU)
    assert counted == pytest.approx(2 * batch * (discriminator + generator), rel=0.02)
    real = 3 * sum(d) - d[0]  # once, however many generators there are
    ten = ours.operations(ours.contestants()["bayesgan"], images, CPU)
    assert ten == pytest.approx(2 * batch * (10 * (discriminator + generator - real) + real), rel=0.02)


def test_the_fast_way_has_the_gradients_of_the_plain_way(modules: dict[str, Any], images: np.ndarray) -> None:
    ours = modules["speed_ours"]
    for run in ours.contestants().values():
        assert ours.gradient_error(ours.replace(run, precision="32"), images, CPU) < 5e-3
    assert ours.gradient_error(ours.contestants()["bayesgan_spread"], images, CPU) < 0.3


@pytest.mark.parametrize("name", ["dcgan", "bayesgan"])
def test_the_usual_way_trains(name: str, modules: dict[str, Any], images: np.ndarray) -> None:
    """What is compared with must do its work: a discriminator that tells, a generator that moves."""
    torch.manual_seed(0)
    usual, nets = modules["speed_usual"], list[torch.nn.Module]()
    kept = usual.DCGAN

    class Watched(kept):  # type: ignore[misc, valid-type]
        def generator(self, *args: Any) -> torch.nn.Module:
            nets.append(super().generator(*args))
            return nets[-1]

        def discriminator(self, *args: Any) -> torch.nn.Module:
            nets.append(super().discriminator(*args))
            return nets[-1]

    usual.DCGAN = Watched
    try:
        x = torch.from_numpy(images).float() / 127.5 - 1
        step = getattr(usual, name)(x, CPU)
    finally:
        usual.DCGAN = kept
    before = [[w.detach().clone() for w in net.parameters()] for net in nets]
    for _ in range(3):
        step()
    assert len(nets) == (2 if name == "dcgan" else 11)
    for net, weights in zip(nets, before, strict=True):
        assert all(not torch.equal(w, old) for w, old in zip(net.parameters(), weights, strict=True))


def test_small_growth_is_measured_and_drawn(
    modules: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaling = modules["scaling"]
    small = {"PARTICLES": (1, 2), "BATCHES": (4, 8), "SIDES": (8, 16), "SETS": (10, 20), "BANKS": (1, 2)}
    for name, value in (small | {"PICTURE": tmp_path / "scaling.png"}).items():
        monkeypatch.setattr(scaling, name, value)
    monkeypatch.setattr(sys, "argv", ["benchmarks/scaling.py", "--rounds", "1"])
    scaling.main()
    (path,) = (tmp_path / "results").iterdir()
    figures = json.loads(path.read_text())["figures"]
    assert {
        "particles_exponent",
        "batch_exponent",
        "pixels_exponent",
        "data_exponent",
        "bank_exponent",
    } <= figures.keys()
    assert all(math.isfinite(value) for value in figures.values())
    assert Image.open(tmp_path / "scaling.png").size[0] > 1000


def test_an_exponent_is_the_slope_of_logarithms(modules: dict[str, Any]) -> None:
    costs = {n: 3.0 * n**0.7 for n in (1, 2, 4, 8)} | {64: 1e6}
    assert modules["scaling"].exponent(costs, up_to=8) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("game", "measure", "other"), [("ring", "distance", "modes"), ("labelled-digits", "frechet", "error")]
)
def test_numbers_of_fakes_are_compared(
    game: str, measure: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmarks_in(tmp_path, monkeypatch)
    fakes = importlib.import_module("fakes")
    ways = fakes.GAMES[game].ways
    found = [fakes.one_run((game, way, seed, 4)) for way in ways for seed in (0, 1)]
    values = fakes.figures(found)
    for way in ways:
        mean = np.mean([row[measure] for row in found if row["way"] == way])
        assert values[f"{game}.{way}.{measure}"] == pytest.approx(mean, abs=1e-4)
        assert f"{game}.{way}.{measure}_sd" in values and f"{game}.{way}.seconds" in values
        assert f"{game}.{way}.{other}" in values
    assert found[0][measure] != found[2][measure], "the ways differ"


def test_fakes_keep_the_games_that_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks_in(tmp_path, monkeypatch)
    fakes = importlib.import_module("fakes")
    for game in ("ring", "labelled-digits"):
        argv = ["fakes.py", "--games", game, "--seeds", "1", "--steps", "4", "--jobs", "1", "--add"]
        monkeypatch.setattr(sys, "argv", argv)
        fakes.main()
    monkeypatch.setattr(sys, "argv", [*argv[:2], "rings"])
    with pytest.raises(SystemExit):
        fakes.main()
    names = {name.split(".")[0] for name in json.loads((tmp_path / "results" / "fakes.json").read_text())["figures"]}
    assert names == {"ring", "labelled-digits"}


def test_a_run_that_fails_stops_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks_in(tmp_path, monkeypatch)
    resumable = importlib.import_module("resumable")
    monkeypatch.setattr(resumable, "ProcessPoolExecutor", lambda at_once, *_, **__: ThreadPoolExecutor(at_once))
    done: list[int] = []

    def perform(number: int) -> dict[str, int]:
        if not number:
            raise ValueError("the first")
        time.sleep(0.02)
        done.append(number)
        return {"number": number}

    with pytest.raises(ValueError, match="the first"):
        list(resumable.performed(perform, range(200), 2))
    assert len(done) < 199
    assert sorted(row["number"] for row in resumable.performed(perform, [1, 2, 3], 2)) == [1, 2, 3]


def test_every_lever_is_measured_on_and_off(
    modules: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levers = importlib.import_module("levers")
    monkeypatch.setattr(modules["speed"], "IMAGES", 70)
    monkeypatch.setattr(levers, "NORMALS", (3, 50))

    def few(device: torch.device) -> Any:
        yield "group_norm", levers.group_norms(device)
        yield "standardised", levers.standardised(device)
        yield "noise", {"on": levers.noise(2, device), "off": levers.noise(1, device)}
        yield "call", {"on": levers.usual(28, device, once=True), "off": levers.usual(28, device, again=False)}

    monkeypatch.setattr(levers, "trials", few)
    monkeypatch.setattr(sys, "argv", ["benchmarks/levers.py", "--rounds", "1"])
    levers.main()
    figures = json.loads((tmp_path / "results" / "levers.json").read_text())["figures"]
    names = ("group_norm", "standardised", "noise", "call")
    assert {f"{name}.{state}" for name in names for state in ("on", "off")} <= figures.keys()
    assert all(value > 0 for value in figures.values())


def test_standardised_kernels_are_the_same_with_the_lever_and_without(modules: dict[str, Any]) -> None:
    both = importlib.import_module("levers").standardised(torch.device("cpu"))
    close(*(step.args[0]() for step in both.values()), rtol=1e-4, atol=1e-6)


def test_a_lever_that_is_off_is_off(modules: dict[str, Any]) -> None:
    levers, seen = importlib.import_module("levers"), list[bool]()
    real = levers.kernels.laid_out
    levers.without("laid_out", None, lambda: seen.append(levers.kernels.laid_out is None))()
    assert seen == [True] and levers.kernels.laid_out is real


def test_minutes_are_counted_to_where_errors_stay_near_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmarks_in(tmp_path, monkeypatch)
    minutes = importlib.import_module("minutes")
    for errors, first in (([300, 109, 150, 110, 100], 4), ([90, 100], 1), ([200, 100], 2), ([7], 1), ([0, 1, 0], 3)):
        assert minutes.near([{"minutes": float(n), "errors": e} for n, e in enumerate(errors, 1)]) == first
    argv = ["minutes.py", "--data", "digits", "--systems", "supervised,bayesgan", "--steps", "40"]
    monkeypatch.setattr(sys, "argv", argv)
    minutes.main()
    result = json.loads((tmp_path / "results" / "minutes.json").read_text())
    for system in ("supervised", "bayesgan"):
        rows = [row for row in result["rows"] if row["system"] == system]
        assert [row["steps"] for row in rows] == list(range(2, 41, 2))
        spent = [row["minutes"] for row in rows]
        assert spent == sorted(spent) and spent[-1] == result["figures"][f"{system}.minutes"]
        assert rows[-1]["errors"] == result["figures"][f"{system}.errors"] < rows[0]["errors"]
        assert result["figures"][f"{system}.near"] == minutes.near(rows)
