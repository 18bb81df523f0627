"""The command line as a user meets it: every command, every promise of a file, every mistake in one line."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bayesgan.cli import app, main
from bayesgan.predict import Posterior
from bayesgan.store import Store

SMALL = ["--set", "batch=8", "--set", "views_batch=8", "--set", "noise_batch=4"]


def run(*arguments: object, code: int = 0) -> None:
    """Run a command in this process and assert its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    assert stop.value.code == code


def mistake(capsys: pytest.CaptureFixture[str], *arguments: object, code: int) -> str:
    """Run a command that must fail with one line on standard error, and return that line."""
    run(*arguments, code=code)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bayesgan: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of a small Bayesian GAN on the digits."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    some = ["--set", "players.generator.particles=3", "--set", "burn_in=9", "--set", "thin=2", *SMALL]
    run("train", "bayesgan", "--data", "digits", "--labels", 100, "--steps", 12, "--out", folder, *some)
    run("evaluate", folder)
    return folder


def test_run_folder_holds_what_the_design_promises(trained: Path) -> None:
    assert tomllib.loads((trained / "config.toml").read_text())["players"]["generator"]["particles"] == 3
    environment = json.loads((trained / "env.json").read_text())
    assert {"bayesgan", "torch", "git", "device"} <= environment.keys()
    split = json.loads((trained / "split.json").read_text())
    assert len(set(split["labelled"])) == 100
    assert len(split["test"]) == 500
    assert not set(split["labelled"]) & set(split["test"])
    assert [json.loads(line)["step"] for line in (trained / "metrics.jsonl").read_text().splitlines()] == [
        *range(1, 13)
    ]
    assert (trained / "checkpoint.pt").exists()
    assert len(list((trained / "posterior").glob("??????.safetensors"))) == 2
    assert Image.open(trained / "samples" / "000012.png").size[0] > 100


def test_evaluation_has_every_number_with_its_protocol(trained: Path) -> None:
    result = json.loads((trained / "evaluation.json").read_text())
    assert {"error", "nll", "brier", "ece", "diversity", "baselines"} <= result["metrics"].keys()
    assert {"risk", "modes", "frechet", "kernel", "memorisation", "sliced"} <= result["metrics"].keys()
    assert not {"outside", "divergence", "reconstruction", "smoothness"} & result["metrics"].keys()
    assert all(entry["protocol"] for entry in result["metrics"].values())
    assert result["metrics"]["baselines"]["value"].keys() == {"logistic regression", "LabelSpreading"}
    assert sum(result["reliability"]["count"]) == 500


def test_evaluate_can_be_asked_for_some_metrics(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("evaluate", trained, "--metrics", "error,ece", "-n", 10)
    out = capsys.readouterr().out
    assert "error" in out
    assert "n_real=500" in out
    assert "diversity" in json.loads((trained / "evaluation.json").read_text())["metrics"]


def test_sample_writes_pictures_and_numbers(trained: Path, tmp_path: Path) -> None:
    run("sample", trained, "-n", 7, "--out", tmp_path / "a.npz")
    run("sample", trained, "-n", 3, "--out", tmp_path / "b.npz")
    run("sample", trained, "-n", 3, "--particle", 1, "--out", tmp_path / "c.npz")
    run("sample", trained, "-n", 9, "--out", tmp_path / "grid.png")
    a, b, c = (np.load(tmp_path / f"{name}.npz")["images"] for name in "abc")
    assert a.shape == (7, 8, 8, 1)
    assert a.dtype == np.uint8
    assert np.abs(a[:3].astype(int) - b).max() <= 1
    assert np.abs(b.astype(int) - c).max() > 1
    assert Image.open(tmp_path / "grid.png").size[0] > 100


def test_predict_writes_a_row_per_image(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(np.full((8, 8), 80 * i, np.uint8)).save(folder / f"{i}.png")
    run("predict", trained, folder, "--out", tmp_path / "p.csv")
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert [Path(row["image"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    for row in rows:
        assert row["class"] in "0123456789"
        assert 0 <= float(row["mutual_information"]) <= float(row["predictive_entropy"]) <= np.log(10) + 1e-6
        assert 0.1 <= float(row["probability"]) <= 1
    x = torch.stack([torch.full((1, 8, 8), 80 * i, dtype=torch.uint8) for i in range(3)])
    real = Posterior.load(trained).realness(x)
    assert [float(row["realness"]) for row in rows] == pytest.approx(real.tolist(), abs=1e-6)
    run("predict", trained, folder / "2.png", "--out", tmp_path / "one.csv")
    (one,) = csv.DictReader((tmp_path / "one.csv").open())
    assert one["class"] == rows[2]["class"]
    np.savez(tmp_path / "x.npz", images=np.stack([np.full((8, 8), 80 * i, np.uint8) for i in range(3)]))
    run("predict", trained, tmp_path / "x.npz", "--out", tmp_path / "q.csv")
    assert [r["class"] for r in csv.DictReader((tmp_path / "q.csv").open())] == [r["class"] for r in rows]


def test_only_who_was_trained_on_fakes_says_what_is_real(tmp_path: Path) -> None:
    run("train", "supervised", "--data", "digits", "--labels", 20, "--steps", 2, "--out", tmp_path / "run", *SMALL)
    Image.fromarray(np.full((8, 8), 80, np.uint8)).save(tmp_path / "i.png")
    run("predict", tmp_path / "run", tmp_path / "i.png", "--out", tmp_path / "p.csv")
    (row,) = csv.DictReader((tmp_path / "p.csv").open())
    assert [*row] == ["image", "class", "probability", "predictive_entropy", "mutual_information"]


def test_report_is_one_self_contained_file(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "supervised"
    run("train", "supervised", "--data", "digits", "--labels", 100, "--steps", 4, "--out", other, *SMALL)
    run("report", trained)
    run("report", trained, other, "--out", tmp_path / "both.html")
    one, both = (trained / "report.html").read_text(), (tmp_path / "both.html").read_text()
    for page in (one, both):
        assert "<script" not in page
        assert 'src="http' not in page
        assert "LabelSpreading" in page
        assert "Reliability" in page
        assert page.count("samples of particle") == 3
        assert "most uncertain test images" in page
        assert f"bayesgan train bayesgan --config {trained / 'config.toml'}" in page
    assert "Side by side" in both
    assert "Side by side" not in one


def test_report_runs_again_with_the_command_it_names(trained: Path, tmp_path: Path) -> None:
    run("train", "bayesgan", "--config", trained / "config.toml", "--out", tmp_path / "again")
    first, second = (Store(p).json("split.json") for p in (trained, tmp_path / "again"))
    assert first == second
    a, b = ((p / "posterior" / "000012.safetensors").read_bytes() for p in (trained, tmp_path / "again"))
    assert a == b


def test_doctor_says_what_it_finds_and_ends_with_0(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("doctor", trained)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("too few samples: the bank has 2 weight samples of discriminator") for line in lines)
    assert any(line.startswith("generator: 3 x 2 draws at temperature 0.1; kinetic temperature ") for line in lines)
    assert json.loads((trained / "diagnosis.json").read_text())["lines"] == lines


def test_points_are_drawn_as_clouds(tmp_path: Path) -> None:
    run("train", "gan", "--data", "ring", "--steps", 4, "--out", tmp_path / "r", *SMALL)
    run("evaluate", tmp_path / "r")
    result = json.loads((tmp_path / "r" / "evaluation.json").read_text())["metrics"]
    assert not {"error", "diversity", "reconstruction", "baselines"} & result.keys()
    assert result["modes"]["of"] == 8
    run("report", tmp_path / "r")
    run("sample", tmp_path / "r", "--out", tmp_path / "r.png")
    assert "posterior predictive" in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("players.discriminator.inference.lr=-1.0", "players.discriminator.inference: SGHMC: lr must be positive"),
        ("players.generator.inference.temperature=-1.0", "players.generator.inference: SGHMC: temperature must not be"),
        ("players.generator.inference.eta=0.1", "players.generator.inference: SGHMC: give lr (and friction), or eta"),
        ("burn_in=0", "damping needs a burn-in"),
        ("burn_in=4000", "burn_in = 4000: expected at least 0 and less than steps = 4000"),
        ("players.teacher.inference.of=critic", "players.teacher.inference.of = 'critic': choose from"),
    ],
)
def test_dry_run_refuses_what_no_data_could_make_right(
    setting: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data", "mnist", "--labels", 100, "--set", setting, "--dry-run"]
    assert message in mistake(capsys, "train", "bayesgan", *flags, code=2)


def test_dry_run_prints_what_would_run_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("train", "bayesgan", "--data", "digits", "--labels", 100, "--steps", 400, "--dry-run")
    resolved = tomllib.loads(capsys.readouterr().out)
    assert resolved["steps"] == 400
    assert resolved["players"]["generator"]["inference"]["kind"] == "SGHMC"
    assert not list(tmp_path.iterdir())


def test_later_settings_win(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('data = "digits"\nseed = 3\nbatch = 5\n[players.generator]\nparticles = 4\n')
    run("train", "bayesgan", "--config", file, "--seed", 9, "--set", "batch=6", "--dry-run")
    resolved = tomllib.loads(capsys.readouterr().out)
    assert (resolved["seed"], resolved["batch"], resolved["players"]["generator"]["particles"]) == (9, 6, 4)
    run("train", "dcgan", "--data", "digits", "--labels", 10, "--preset", "published", "--dry-run")
    published = tomllib.loads(capsys.readouterr().out)
    assert published["objective"]["consistency"] == published["augment"] == "none"


def test_a_file_without_steps_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('data = "digits"\nsteps = 0\n')
    line = mistake(capsys, "train", "gan", "--config", tmp_path / "my.toml", "--steps", 100, code=2)
    assert line == "bayesgan: steps = 0: expected at least 1"


def test_default_run_folders_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run("train", "gan", "--data", "ring", "--steps", 2, *SMALL)
    assert sorted(p.name for p in Path("runs").iterdir()) == ["00000-gan-ring", "00001-gan-ring"]


def faulty(tmp_path: Path) -> dict[str, Any]:
    """Make broken data: name -> path."""
    made = {name: tmp_path / name for name in ("empty", "mixed", "channels", "broken", "few")}
    for path in made.values():
        path.mkdir()
    grey, small = Image.new("L", (8, 8)), Image.new("L", (9, 8))
    for folder, second in (("mixed", small), ("channels", Image.new("RGB", (8, 8)))):
        grey.save(made[folder] / "a.png")
        second.save(made[folder] / "b.png")
    grey.save(made["broken"] / "a.png")
    (made["broken"] / "b.png").write_bytes((made["broken"] / "a.png").read_bytes()[:40])
    for name, count in (("cat", 29), ("dog", 3)):
        (made["few"] / name).mkdir()
        for i in range(count):
            grey.save(made["few"] / name / f"{i}.png")
    return made


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        ("no/such/folder", None, "no such file or folder"),
        ("empty", None, "holds no images"),
        ("mixed", None, "b.png is 9x8 grey; expected 8x8 grey like a.png"),
        ("channels", None, "b.png is 8x8 colour; expected 8x8 grey"),
        ("broken", None, "b.png is broken, cut short or no image"),
        ("few", 20, "class 'dog' of"),
        ("mnits", None, "did you mean 'mnist'"),
        ("mnist", None, "train-images-idx3-ubyte"),
    ],
)
def test_unusable_data_end_with_3(
    data: str, labels: int | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = faulty(tmp_path).get(data, data)
    flags = ["--labels", labels] if labels else []
    out = tmp_path / "out"
    line = mistake(capsys, "train", "dcgan", "--data", spec, *flags, "--data-dir", tmp_path, "--out", out, code=3)
    assert message in line
    assert not out.exists()


def test_labels_of_data_without_labels_end_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(10):
        Image.new("L", (8, 8), i).save(tmp_path / f"{i}.png")
    assert "has no labels" in mistake(capsys, "train", "dcgan", "--data", tmp_path, "--labels", 10, code=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "bayesgna", "--data", "digits"], "unknown system 'bayesgna'; did you mean 'bayesgan'?"),
        (
            ["train", "bayesgan"],
            "give --data: digits, mnist, fashion-mnist, color-mnist, stacked-mnist, cifar10, svhn, celeba, ",
        ),
        (["train", "gan", "--data", "digits", "--set", "latnet=3"], "unknown key latnet; did you mean 'latent'?"),
        (["train", "gan", "--data", "digits", "--set", "latent=big"], "latent = 'big': expected int"),
        (["train", "gan", "--data", "digits", "--set", "latent"], "expected KEY=VALUE"),
        (["train", "gan", "--data", "digits", "--set", "players.generater.steps=2"], "did you mean 'generator'?"),
        (["train", "gan", "--data", "digits", "--labels", "15"], "the nearest multiples are 10 and 20"),
        (["train", "gan", "--data", "digits", "--labels", "-10"], "expected a whole number, 0 or more"),
        (["train", "gan", "--data", "digits", "--lables", "10"], "--labels"),
        (["train", "gan", "--data", "digits", "--steps", "0"], "steps"),
        (["train", "gan", "--data", "digits", "--set", "batch=0"], "batch = 0: expected at least 1"),
        (["train", "gan", "--data", "digits", "--set", "players.generator.particles=0"], "particles = 0"),
        (["train", "gan", "--data", "digits", "--set", "subset=2.0"], "subset = 2.0: expected"),
        (["train", "gan", "--data", "digits", "--resume"], "--resume needs --out RUN"),
        (["train", "gan", "--data", "ring", "--set", "players.generator.network=DCGAN"], "needs images"),
        (["train", "bayesgan", "--data", "digits", "--set", "players.generator.inference.damping=-1.0"], "damping"),
        (["trian"], "trian"),
        (["sample", "RUN", "-n", "0"], "-n 0: at least 1 image"),
        (["sample", "RUN", "--out", "a.jpg"], "expected a .png or an .npz"),
        (["sample", "RUN", "--particle", "x"], "expected a number from 0, or all"),
        (["sample", "RUN", "--particle", "3"], "particle 3: expected 0 to 2"),
        (["evaluate", "RUN", "--metrics", "eror"], "unknown metric 'eror'; did you mean 'error'?"),
        (["evaluate", "RUN", "--metrics", "divergence"], "metric 'divergence' needs a generator of points"),
        (["evaluate", "RUN", "-n", "1"], "-n 1: at least 2"),
        (["report"], "report"),
    ],
)
def test_wrong_usage_ends_with_2(
    arguments: list[str],
    message: str,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(trained.rglob("*"))
    assert message in mistake(capsys, *[str(trained) if a == "RUN" else a for a in arguments], code=2)
    assert not list(tmp_path.iterdir())
    assert sorted(trained.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "EMPTY"], "not a run folder"),
        (["evaluate", "nowhere"], "no run folder at nowhere"),
        (["doctor", "nowhere"], "no run folder at nowhere"),
        (["report", "RUN", "nowhere"], "no run folder at nowhere"),
        (["predict", "RUN", "nowhere.png"], "nowhere.png"),
        (["train", "bayesgan", "--data", "digits", "--out", "RUN"], "exists; continue it with --resume"),
        (["train", "bayesgan", "--out", "RUN", "--resume", "--seed", "5"], "another configuration: seed is 0 there, 5"),
        (["train", "bayesgan", "--config", "nowhere.toml"], "no such file: nowhere.toml"),
    ],
)
def test_unusable_folders_end_with_3(
    arguments: list[str], message: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(trained), "EMPTY": str(tmp_path)}
    assert message in mistake(capsys, *[places.get(a, a) for a in arguments], code=3)


def test_divergence_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--steps", 20, "--out", tmp_path / "r", *SMALL, "--set", "players.generator.inference.lr=1e30"]
    assert "diverged" in mistake(capsys, "train", "dcgan", "--data", "digits", *flags, code=4)


def test_resuming_another_system_or_changed_data_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is a run of 'bayesgan'" in mistake(capsys, "train", "dcgan", "--out", trained, "--resume", code=2)
    folder = tmp_path / "data"
    for c in "ab":
        (folder / c).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)).save(folder / c / f"{i}.png")
    out = tmp_path / "run"
    run("train", "dcgan", "--data", folder, "--labels", 4, "--steps", 2, "--out", out, *SMALL)
    (folder / "a" / "7.png").unlink()
    assert "changed since the run" in mistake(capsys, "evaluate", out, code=3)


def test_help_answers_without_torch() -> None:
    program = "import sys, bayesgan, bayesgan.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    heavy = "print(sorted({'torch', 'numpy', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program + heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Exit codes" in done.stdout


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("demo", "train", "sample", "predict", "evaluate", "report", "doctor", "reproduce"):
        app([name, "--help"], result_action="return_value")
        assert "Usage: bayesgan " + name in capsys.readouterr().out


def test_help_names_every_system_data_set_and_metric(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bayesgan.data.sets import SETS
    from bayesgan.evaluate import METRICS
    from bayesgan.presets import PRESETS

    monkeypatch.setenv("COLUMNS", "400")
    for command, names in (("train", [*PRESETS, *SETS]), ("evaluate", [*METRICS])):
        app([command, "--help"], result_action="return_value")
        assert {*names} <= {*re.findall(r"[\w-]+", capsys.readouterr().out)}
