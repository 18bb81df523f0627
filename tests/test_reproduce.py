"""The reproduction command: a small table runs, continues where it stopped, and runs nothing twice."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from bayesgan import presets, training
from bayesgan.cli import app
from bayesgan.data.labels import Held
from bayesgan.errors import DataError, Diverged
from bayesgan.evaluate import evaluate
from bayesgan.figures import canvas
from bayesgan.machine import machine
from bayesgan.reproduce import cells, pool, published
from bayesgan.reproduce.ablations import ABLATIONS
from bayesgan.reproduce.cells import Cell, Terms
from bayesgan.reproduce.differences import difference_figures, differences
from bayesgan.reproduce.lines import figures, lines
from bayesgan.reproduce.options import Options, numbers
from bayesgan.reproduce.picture import picture
from bayesgan.reproduce.plan import command, planned
from bayesgan.reproduce.rows import Rows
from bayesgan.reproduce.scores import measured
from bayesgan.reproduce.semi_supervised import devices
from bayesgan.reproduce.shown import ending, minutes_of
from bayesgan.reproduce.spreading import Spreading
from bayesgan.reproduce.table import TITLES, Page, markdown
from bayesgan.reproduce.tables import REPRODUCTIONS
from bayesgan.serialise import to_config
from bayesgan.training import train
from test_cli import mistake, run
from test_docs import made_up_mnist

TABLE = ["reproduce", "semi-supervised", "--labels", "20", "--seeds", "0-1", "--steps", "4"]
QUICK = ["--systems", "supervised", "--columns", "best"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in ``tmp_path``, on made-up images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAYESGAN_DATA", str(tmp_path))
    for name in ("MNIST", "FashionMNIST"):
        made_up_mnist(tmp_path, name)


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where something is trained."""

    def again(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(cells, "train", again)


def result(out: str = "out") -> dict[str, Any]:
    """Return the result file in a folder, without the presets that it holds beside the rows of cells."""
    content: dict[str, Any] = json.loads((Path(out) / "result.json").read_text())
    return content | {"rows": [row for row in content["rows"] if "config" not in row]}


@pytest.mark.timeout(240)
def test_a_small_table_runs_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [*TABLE, "--systems", "supervised,bayesgan", "--ablations", "zero_temperature"]
    run(*flags, "--out", "out", "--result", "results/semi_supervised_mnist.json")
    printed = capsys.readouterr()
    first = result()
    assert first.keys() == {"command", "machine", "commit", "figures", "rows"}
    assert first["command"].startswith("bayesgan reproduce semi-supervised --data mnist --labels 20 --seeds 0-1")
    numbers_of = first["figures"]
    for line in ("bayesgan.best", "bayesgan.published", "supervised.published", "label_spreading.best"):
        assert {f"{line}.20.{key}" for key in ("errors", "error", "errors.sd", "seeds")} <= numbers_of.keys()
    assert {"best.20.minutes", "best.20.ece", "best.20.auroc_fashion", "last_sample.best.20.nll"} <= numbers_of.keys()
    assert {key for key in numbers_of if key.endswith("auroc_fake_fashion")} == {
        *(f"bayesgan.{column}.20.auroc_fake_fashion" for column in ("best", "published")),
        *(f"{column}.20.auroc_fake_fashion" for column in ("best", "published")),
        "zero_temperature.best.20.auroc_fake_fashion",
    }
    assert numbers_of["zero_temperature.best.20.seeds"] == numbers_of["bayesgan.best.20.seeds"] == 2
    assert all(math.isfinite(value) for value in numbers_of.values())
    spreading = [numbers_of[f"label_spreading.{column}.20.errors"] for column in ("best", "published")]
    assert spreading[0] == spreading[1]
    assert len(first["rows"]) == 2 * (1 + 2 * 2 + 1)
    assert all(row["images"] == 50 and row["minutes"] >= 0 for row in first["rows"])
    page = Path("out/result.md").read_text()
    assert page in printed.out and "| 20 | Bayesian GAN | 997 +- 348 |" in page and "zero temperature" in page
    assert "best bayesgan, 20 labels, seed 1:" in printed.err and "left" in printed.err
    assert Image.open("out/result.png").size[0] > 600
    assert {p.name for p in Path("results").iterdir()} == {
        f"semi_supervised_mnist.{end}" for end in ("json", "md", "png")
    }
    assert not list(Path("out/runs").iterdir())

    def again(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(cells, "train", again)
    run(*flags, "--out", "out")
    assert result()["rows"] == first["rows"]
    run(*flags, "--out", "other", "--add", "results/semi_supervised_mnist.json")
    assert result("other")["rows"] == first["rows"]
    with pytest.raises(AssertionError, match="trained again"):
        run(*TABLE[:-1], "5", *QUICK, "--out", "out")


def test_an_interrupted_table_continues(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps, iterate = [], training.iterate

    def stop_at_third(given: Any, state: Any, batches: Any) -> Any:
        steps.append((given.seed, state.step))
        if len(steps) == 4 + 3:
            os.kill(os.getpid(), signal.SIGINT)
        return iterate(given, state, batches)

    monkeypatch.setattr(training, "iterate", stop_at_third)
    line = mistake(capsys, *TABLE, *QUICK, "--out", "out", "--result", "results/table.json", code=130)
    assert "3 of 4 cells are finished in out; continue with the same command" in line
    assert [row["seed"] for row in result()["rows"] if row["system"] == "supervised"] == [0]
    assert not Path("results").exists()  # a table that is there may hold more
    run(*TABLE, *QUICK, "--out", "out", "--device", "cpu", "--data-dir", ".")
    assert steps == [(seed, step) for seed in (0, 1) for step in range(4)]
    run(*TABLE, *QUICK, "--out", "whole")
    scores = [[row.get("nll") for row in result(out)["rows"]] for out in ("out", "whole")]
    assert scores[0] == scores[1]
    assert ["minutes" in row for row in result()["rows"]] == [True, True, True, False]


@pytest.mark.parametrize("left", ["config.toml", "checkpoint.pt"])
def test_a_killed_run_without_all_that_it_continues_from_is_begun_anew(left: str) -> None:
    cell = Cell(Terms("mnist", 4, outside="fashion-mnist"), "supervised", "best", 20, 0)
    half = Path("out/runs") / cell.folder
    half.mkdir(parents=True)
    (half / left).write_text("cut sho")
    run(*TABLE, *QUICK, "--out", "out")
    assert len(result()["rows"]) == 4 and not half.exists()


@pytest.mark.timeout(240)
def test_processes_save_when_they_are_terminated() -> None:
    program = "from bayesgan.cli import main; main()"
    flags = [*TABLE[:4], "--seeds", "0", "--steps", "5000", *QUICK, "--jobs", "2", "--outside", "none", "--out", "out"]
    process = subprocess.Popen([sys.executable, "-c", program, *flags], stderr=subprocess.PIPE, text=True)
    while not (list(Path("out").glob("runs/*/split.json")) and list(Path("out").glob("rows/*.json"))):
        time.sleep(0.2)
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 130, errors
    assert "1 of 2 cells are finished in out" in errors and "Traceback" not in errors
    assert len(list(Path("out").glob("runs/*/checkpoint.pt"))) == 1


def test_a_process_that_dies_is_a_line() -> None:
    here, there = pool.PROCESSES.Pipe(duplex=False)
    there.close()
    dead: Any = SimpleNamespace(join=lambda: None, exitcode=-9)
    with pytest.raises(DataError, match="label_spreading 20 0 ended with -9: is there enough memory"):
        pool.received(here, dead, Spreading(Terms("mnist"), 20, 0))


def test_a_table_may_be_collected_and_says_where_seeds_are_missing(lazy: None) -> None:
    rows = [{"system": "dcgan", "column": "best", "labels": 20, "failed": None, "errors": 10.0 + s} for s in range(3)]
    few = [{"system": "bayesgan", "column": "best", "labels": 20, "failed": None, "errors": 5.0, "last_errors": 6}]
    bad = [{"system": "w_dcgan", "column": "best", "labels": 20, "failed": "diverged: nan"} for _ in range(3)]
    numbered = [row | {"seed": seed} for group in (rows, few, bad) for seed, row in enumerate(group)]
    page = markdown(lines(numbered, ["best"]), [], Page("mnist", ["best"], "command", ["a CPU"]))
    assert "| 20 | DCGAN | 1,823 +- 412 | 11 +- 2 |" in page
    assert "| 20 | Bayesian GAN | 997 +- 348 | 5 (1 seed) |" in page
    assert "| 20 | W-DCGAN | 1,687 +- 387 | - (3 of 3 diverged) |" in page
    assert "mean +- 2 sd over label subsets" in page
    assert "one label subset" in markdown(lines(numbered[3:4], ["best"]), [], Page("mnist", ["best"], "command", []))
    assert "- W-DCGAN, best, 20 labels, seed 2: diverged: nan" in page


def test_what_is_finished_when_a_cell_fails_is_in_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DataError("the disk is full")

    monkeypatch.setattr(cells, "train", fail)
    assert "the disk is full" in mistake(capsys, *TABLE, *QUICK, "--out", "out", code=3)
    assert [row["system"] for row in result()["rows"]] == ["label_spreading"]


def test_one_seed_has_no_spread() -> None:
    rows = [{"system": "dcgan", "column": "best", "labels": 20, "failed": None, "errors": 9.0 + s} for s in range(2)]
    rows[0] |= {"minutes": 3.0}
    found = lines([row | {"seed": seed} for seed, row in enumerate(rows)], ["best"])
    numbers_of, page = figures(found), markdown(found, [], Page("mnist", ["best"], "command", ["a CPU"]))
    assert numbers_of["dcgan.best.20.errors.sd"] > 0 and "dcgan.best.20.minutes.sd" not in numbers_of
    assert "| 3.0 (1 seed) |" in page and "3.0 +-" not in page


def test_a_time_that_no_seed_has_is_of_no_number_of_seeds() -> None:
    rows = [{"system": "dcgan", "column": "best", "labels": 20, "failed": None, "errors": 9.0 + s} for s in range(2)]
    rows += [{"system": "dcgan", "column": "best", "labels": 20, "failed": "diverged: nan"}]
    (line,) = lines([row | {"seed": seed} for seed, row in enumerate(rows)], ["best"])
    page = Page("mnist", ["best"], "command", ["a CPU"])
    assert page.cell(line, "minutes", "{:.1f}", 3) == "- (1 of 3 diverged)"
    assert page.cell(line, "errors", "{:.1f}", 4) == "9.5 +- 1.4 (3 seeds, 1 of 3 diverged)"


def test_the_picture_names_the_systems_of_all_panels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []

    def remembered(*size: Any) -> Any:
        figure, panes = canvas(*size)
        drawn.append(figure)
        return figure, panes

    monkeypatch.setattr("bayesgan.reproduce.picture.canvas", remembered)
    columns = {"dcgan_10": ["published"], "dcgan": ["published", "best"], "bayesgan": ["best"]}
    rows = [
        {"system": system, "column": column, "labels": 20, "seed": 0, "failed": None, "errors": 9.0}
        for system, mine in columns.items()
        for column in mine
    ]
    both = ["published", "best"]
    picture(tmp_path / "picture.png", lines(rows, both), Page("mnist", both, "command", ["a CPU"]))
    names = [text.get_text() for legend in drawn[0].legends for text in legend.get_texts()]
    assert sorted(names) == sorted(["Bayesian GAN, the paper", *(TITLES[system] for system in columns)])


def test_differences_are_those_on_the_same_subsets() -> None:
    def row(system: str, seed: int, errors: float, failed: str | None = None) -> dict[str, Any]:
        place = {"system": system, "column": "best", "labels": 20, "seed": seed, "failed": failed}
        return place if failed else place | {"errors": errors, "nll": errors / 100}

    rows = [row("supervised", seed, 10.0 * seed) for seed in range(4)]
    rows += [row("bayesgan", 1, 12.0), row("bayesgan", 3, 28.0), row("bayesgan", 5, 99.0), row("dcgan", 2, 25.0)]
    rows += [row("bayesgan", 0, 0.0, "diverged")]
    apart = differences(rows)
    assert [(line.system, line.seeds, line.mean["errors"]) for line in apart] == [
        ("bayesgan", 2, 0.0),
        ("dcgan", 1, 5.0),
    ]
    assert apart[0].sd["nll"] == pytest.approx(0.02 * math.sqrt(2)) and "errors" not in apart[1].sd
    numbers_of = difference_figures(apart)
    assert numbers_of["dcgan.best.20.against_supervised.errors"] == 5.0
    assert numbers_of["bayesgan.best.20.against_supervised.seeds"] == 2
    page = markdown(lines(rows, ["best"]), apart, Page("mnist", ["best"], "command", ["a CPU"]))
    assert "| 20 | best | Bayesian GAN | 2 | +0 +- 6 | +0.000 +- 0.057 | - |" in page
    assert "| 20 | best | DCGAN | 1 | +5 | +0.050 | - |" in page


def test_time_left_is_that_of_like_runs_or_guessed_from_what_others_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = [Cell(Terms("mnist", 4), "dcgan", "best", 20, seed) for seed in range(3)]
    rows: list[dict[str, Any]] = [{"system": "label_spreading", "minutes": 0.1}]
    costs = {("label_spreading", ""): 0, ("supervised", "best"): 4, ("dcgan", "best"): 8, ("dcgan", "published"): 8}

    def minutes_left() -> float:
        left = ending(rows, waiting, 2, costs)
        assert left is not None
        return (left - time.monotonic()) / 60

    assert ending(rows, waiting, 1, costs) is None
    rows += [{"system": "dcgan", "column": "best", "gpu_minutes": 0.5}]  # taken over: nothing of this machine
    assert ending(rows, waiting, 1, costs) is None
    rows += [{"system": "supervised", "column": "best", "minutes": 4.0}]
    assert waiting[0].cost == 8 and minutes_left() == pytest.approx(3 * 8.0 / 2, abs=0.1)
    rows += [{"system": "dcgan", "column": "published", "minutes": 12.0}]
    assert minutes_left() == pytest.approx(3 * 8 * 1.25 / 2, abs=0.1)
    rows += [{"system": "dcgan", "column": "best", "minutes": 7.0}]
    assert minutes_left() == pytest.approx(3 * 7.0 / 2, abs=0.1)
    monkeypatch.setattr(cells.Cell, "device", torch.device("cuda"))  # where they are computed, not what else there is
    assert minutes_left() == pytest.approx(3 * 0.5 / 2, abs=0.1)


def test_costs_count_the_updates_of_networks() -> None:
    def cost(system: str, column: str) -> int:
        return Cell(Terms("mnist", 4), system, column, 20, 0).cost

    assert cost("supervised", "best") == 4 and cost("dcgan", "best") == 2 * 4  # a teacher learns nothing
    assert cost("dcgan_10", "best") == 10 * 2 * 4 and cost("bayesgan", "best") == 11 * 4
    assert cost("w_dcgan", "published") == (5 + 1) * 4 and Spreading(Terms("mnist"), 20, 0).cost == 0


def test_a_run_that_diverges_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise Diverged("diverged: the energy is nan")

    monkeypatch.setattr(cells, "train", diverge)
    run(*TABLE, *QUICK, "--out", "out")
    assert result()["figures"]["supervised.best.20.failed"] == 2
    assert "diverged: the energy is nan" in Path("out/result.md").read_text()


def test_validation_never_opens_the_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, gather = [], Held.open
    monkeypatch.setattr(Held, "open", lambda part: opened.append(len(part)) or gather(part))
    run(*TABLE, *QUICK, "--validation", "40", "--out", "out")
    assert {*opened} == {40}
    assert all(row["images"] == 40 for row in result()["rows"])
    assert "40 validation images" in Path("out/result.md").read_text()


def test_every_ablation_changes_the_run_and_can_be_checked() -> None:
    run_of = presets.bayesgan("mnist", 20)
    changed = {name: to_config(change(run_of)) for name, change in ABLATIONS.items()}
    kept = [name for name, config in changed.items() if config == to_config(run_of)]
    assert kept == [f"discriminators_{run_of.particles('discriminator')}"]
    assert len({json.dumps(config) for config in changed.values()}) == len(ABLATIONS)
    assert {*ABLATIONS, *cells.PRESET} <= TITLES.keys()


@pytest.mark.timeout(240)
def test_every_ablation_trains() -> None:
    flags = ["--systems", "none", "--columns", "best", "--ablations", "all", "--outside", "none", "--out", "out"]
    run(*TABLE[:5], "0", "--steps", "2", *flags)
    trained = {row["system"] for row in result()["rows"] if row["failed"] is None}
    assert trained == {*ABLATIONS, "label_spreading"}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda config: config.pop("stream"), True),
        (lambda config: config["augment"].pop("cutout"), True),
        (lambda config: config["augment"].update(cutout=0.31), False),
        (lambda config: config.update(forgotten=1), False),
    ],
    ids=["before a field", "before a field within", "another number", "a field that is gone"],
)
def test_rows_of_another_version_count_where_they_mean_the_same(
    change: Any, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*TABLE, *QUICK, "--out", "out")
    content = json.loads(Path("out/result.json").read_text())
    for row in content["rows"]:
        if "config" in row:
            change(row["config"])
        if "preset" in row:
            row["preset"] = "as that version named it"
    Path("old.json").write_text(json.dumps(content))
    trained = []
    monkeypatch.setattr(cells.Cell, "work", lambda self, folder: trained.append(self) or {"failed": "not here"})
    run(*TABLE, *QUICK, "--out", "other", "--add", "old.json")
    assert len(trained) == (0 if kept else 2)
    if kept:
        assert result("other")["rows"] == result()["rows"]


def test_settings_are_told_apart() -> None:
    plain = Cell(Terms("mnist", 4), "dcgan", "best", 20, 0)
    moved = replace(plain, terms=Terms("mnist", 4, data_dir="elsewhere"))
    assert moved.settings == plain.settings
    others = [replace(plain, **change) for change in ({"seed": 1}, {"labels": 50}, {"column": "published"})]
    terms = [
        Terms("mnist", 5),
        Terms("fashion-mnist", 4),
        Terms("mnist", 4, validation=9),
        Terms("mnist", 4, 0, "svhn"),
    ]
    others += [replace(plain, terms=other) for other in terms]
    assert len({cell.settings for cell in (plain, *others)}) == 1 + len(others)


def test_a_row_of_a_gpu_has_the_same_settings_and_times_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Cell(Terms("mnist", 4), "dcgan", "published", 20, 0)
    settings, folder = here.settings, here.folder
    assert folder == f"{settings}-cpu"
    monkeypatch.setattr(cells, "train", lambda *_, **__: None)
    monkeypatch.setattr(cells, "measured", lambda *_: {"errors": 3})
    assert here.work(Path("nowhere"))["device"] == machine()["cpu"]
    monkeypatch.setattr(cells.Cell, "device", torch.device("cuda"))
    monkeypatch.setattr(cells, "machine", lambda: {"cpu": "a CPU", "gpu": "a GPU"})
    there = Cell(Terms("mnist", 4), "dcgan", "published", 20, 0)
    row = there.work(Path("nowhere"))
    assert there.settings == settings and there.folder == f"{settings}-cuda"
    assert row["device"] == "a GPU" and "minutes" not in row and minutes_of(row) == row["gpu_minutes"] >= 0
    assert devices([row, {}, {"device": "cpu"}], {"machine": {"cpu": "a CPU"}}) == ["a CPU", "a GPU"]


@pytest.mark.parametrize(("units", "found"), [(False, "32"), (True, "bf16")])
def test_what_a_machine_decides_about_precision_is_in_its_rows_not_in_their_settings(
    units: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Cell(Terms("mnist", 4), "dcgan", "best", 20, 0).settings
    monkeypatch.setattr("bayesgan.levers.has_units", lambda device: units)
    monkeypatch.setattr(cells, "train", lambda *_, **__: None)
    monkeypatch.setattr(cells, "measured", lambda *_: {"errors": 3})
    cell = Cell(Terms("mnist", 4), "dcgan", "best", 20, 0)
    assert cell.settings == settings and cell.work(Path("nowhere"))["precision"] == found
    published = Cell(Terms("mnist", 4), "dcgan", "published", 20, 0)
    assert published.work(Path("nowhere"))["precision"] == "32"


def test_a_run_that_goes_on_has_the_precision_in_which_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(Terms("mnist", 4), "supervised", "best", 20, 0)
    monkeypatch.setattr("bayesgan.levers.has_units", lambda device: True)
    train(cell.run, "begun")
    monkeypatch.setattr("bayesgan.levers.has_units", lambda device: False)
    assert cell.work(Path("begun"))["precision"] == "bf16"


def test_the_published_table_is_that_of_the_systems() -> None:
    assert tuple(cells.PRESET) == published.SYSTEMS
    assert all(len(row) == 5 for table in published.TABLE.values() for row in table.values())
    assert str(published.paper("mnist", 100, "bayesgan")) == "89 +- 3.4"
    assert published.paper("mnist", 20, "supervised") is published.paper("mnist", 30, "dcgan") is None
    assert [str(number) for number in published.others("cifar10", 4000).values()] == ["18.63", "14.41", "4.29"]


def test_what_is_left_out_is_that_of_the_paper() -> None:
    plan = planned(Options(systems="bayesgan"))
    assert command(Options(systems="bayesgan", jobs=3, data_dir=Path("here"), keep=True), plan) == (
        "bayesgan reproduce semi-supervised --data mnist --labels 20,50,100,200 --seeds 0-9 --systems bayesgan"
    )
    assert len(plan.jobs()) == 4 * 10 * (2 + 1)


def test_lists_of_numbers() -> None:
    assert numbers("seeds", "0-2, 7,1") == (0, 1, 2, 7)


@pytest.mark.parametrize(
    ("flags", "message", "code"),
    [
        (["--labels", "15"], "the nearest multiples are 10 and 20", 2),
        (["--labels", "0"], "--labels 0: expected at least one label of each class", 2),
        (["--labels", "many"], "--labels many: expected whole numbers such as 0-9", 2),
        (["--systems", "bayesgna"], "--systems: unknown 'bayesgna'; did you mean 'bayesgan'?", 2),
        (["--columns", "bets"], "--columns: unknown 'bets'; did you mean 'best'?", 2),
        (["--columns", "none"], "--columns none: expected published, best, or all", 2),
        (["--ablations", "without_generator"], "did you mean 'without_generators'?", 2),
        (["--seeds", "3-1"], "--seeds 3-1: 3-1 counts backwards; did you mean 1-3?", 2),
        (["--jobs", "0"], "--jobs 0: expected at least 1", 2),
        (["--steps", "0"], "steps = 0: expected at least 1", 2),
        (["--validation", "100000"], "--validation 100000: mnist has", 2),
        (["--data", "digits"], "give --labels: the paper's table has none for digits, but for mnist, cifar10", 2),
        (["--data", "ring", "--labels", "8"], "ring has points", 2),
        (["--data", "mnits", "--labels", "20"], "did you mean 'mnist'?", 3),
        (["--data", "photos", "--labels", "20"], "photos has no labels", 3),
        (["--outside", "digits"], "--outside digits: images are 8x8", 2),
        (["--out", "MNIST/raw/t10k-images-idx3-ubyte"], "cannot write", 3),
        (["--add", "nowhere.json"], "cannot read nowhere.json", 3),
        (["--result", "table.md"], "--result table.md: expected a .json file", 2),
        (["--collect"], "nothing of this table is finished", 3),
    ],
)
def test_mistakes_are_one_line_before_anything_is_trained(
    flags: list[str], message: str, code: int, lazy: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos").mkdir()
    for i in range(3):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(f"photos/{i}.png")
    assert message in mistake(capsys, "reproduce", "semi-supervised", *flags, code=code)
    assert not list(Path().glob("runs/**/rows"))


def test_another_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'semi-supervised'?" in mistake(capsys, "reproduce", "semisupervised", code=2)


def test_help_names_every_system_column_ablation_and_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    app(["reproduce", "--help"], result_action="return_value")
    names = {*re.findall(r"[\w-]+", capsys.readouterr().out)}
    assert {*REPRODUCTIONS, *cells.PRESET, *cells.COLUMNS, *ABLATIONS} <= names


def test_two_scores_tell_another_set() -> None:
    """Entropy and P(fake), as evaluate measures them."""
    np.savez("plain.npz", x=np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None], (60, 28, 28)))
    train(Cell(Terms("mnist", 4), "bayesgan", "best", 20, 0).run, "run")
    row = measured(Path("run"), "test", "plain.npz")
    there = evaluate(Path("run"), ["outside"], outside="plain.npz")["metrics"]["outside"]["value"]
    assert row["auroc_plain"] == pytest.approx(there["entropy"], abs=1e-6)
    assert row["auroc_fake_plain"] == pytest.approx(there["fake"], abs=1e-6)
    assert abs(row["auroc_fake_plain"] - 0.5) > 0.01 < abs(row["auroc_fake_plain"] - row["auroc_plain"])


def test_one_command_at_a_time_works_in_a_folder(lazy: None, capsys: pytest.CaptureFixture[str]) -> None:
    with Rows(Path("out")).alone():
        line = mistake(capsys, *TABLE, *QUICK, "--out", "out", code=3)
    assert "another command works in out; let it end, or choose another --out" in line
    assert [path.name for path in Path("out").iterdir()] == [".lock"]
    with Rows(Path("out")).alone():
        pass


def changed(flags: list[str], others: list[str]) -> list[str]:
    """Return flags in which one is another, or to which it is added."""
    name, value = others
    place = flags.index(name) if name in flags else len(flags)
    return [*flags[:place], name, value, *flags[place + 2 :]]


def test_a_result_with_more_rows_is_spared(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    few, there = [*TABLE[:5], "0", "--steps", "4"], ["--result", "table.json"]
    run(*TABLE, *QUICK, "--out", "out", *there)
    whole = Path("table.json").read_text()
    monkeypatch.setattr(cells, "train", lambda *_, **__: pytest.fail("trained before it was refused"))
    says = "table.json holds 2 rows that this table lacks, such as label_spreading 20 labels seed 1"
    for extra in ([], ["--add", "table.json"], ["--collect"]):
        assert says in mistake(capsys, *few, *QUICK, "--out", "other", *there, *extra, code=3)
    assert "holds 4 rows" in mistake(capsys, *TABLE, *QUICK, "--collect", "--out", "empty", *there, code=3)
    assert Path("table.json").read_text() == whole
    for flags, other in (
        (["--data", "fashion-mnist"], "mnist"),
        (["--steps", "3"], "runs of 4 iterations"),
        (["--validation", "9"], "0 validation images"),
    ):
        says = f"table.json is a table of {other}: choose another --result"
        assert says in mistake(capsys, *changed(TABLE, flags), *QUICK, "--out", "other", *there, code=3)
    assert Path("table.json").read_text() == whole
    run(*TABLE, *QUICK, "--out", "third", "--add", "table.json", *there)
    assert "4 of 4 cells are in table.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "old.json is not valid JSON; give another file"),
        ("[]", "old.json is not the result of a reproduction"),
        ('{"rows": []}', "its rows are not those of cells"),
        ('{"rows": [{"lever": "noise", "ms": 1.0}]}', "its rows are not those of cells"),
        ('{"rows": [{"config": {}}]}', "its rows are not those of cells"),
        ('{"rows": [{"preset": "p", "settings": "s"}]}', "its rows are not those of cells"),
    ],
)
def test_what_is_no_result_of_a_table_is_refused(
    content: str, says: str, lazy: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.json").write_text(content)
    for flag in ("--add", "--result"):
        assert says in mistake(capsys, *TABLE, *QUICK, "--out", "out", flag, "old.json", code=3)


def test_a_result_that_cannot_be_written_is_refused_first(lazy: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain").write_text("")
    Path("folder.json").mkdir()
    for path in ("plain/t.json", "folder.json"):
        line = mistake(capsys, *TABLE, *QUICK, "--out", "out", "--result", path, code=3)
        assert f"cannot write {path}: choose another --result" in line


def test_an_error_that_nobody_foresaw_leaves_the_table_of_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(cells, "train", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(*TABLE, *QUICK, "--out", "out")
    assert [row["system"] for row in result()["rows"]] == ["label_spreading"]


@pytest.mark.parametrize("flag", ["--jobs", "--steps", "--validation"])
def test_numbers_with_fractions_are_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{flag}: expected a whole number, not '1.7'" in mistake(capsys, *TABLE[:2], flag, "1.7", code=2)
