"""What a run folder and its data go through: other folders, other classes, other names, odd images and values."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bayesgan.config import Run
from bayesgan.data.clean import write_clean
from bayesgan.data.decode import decode
from bayesgan.data.inspect import collect
from bayesgan.data.sets import load, located
from bayesgan.errors import DataError, UsageError
from bayesgan.files import atomic
from bayesgan.predict import Posterior
from bayesgan.report import comparison, name_apart
from bayesgan.store import Store
from bayesgan.training import train
from test_cli import SMALL, mistake, run
from test_docs import made_up_mnist
from test_training import tiny


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pets(folder: str = "pets", classes: tuple[str, ...] = ("cat", "dog"), count: int = 12) -> None:
    """Make a folder of classes, each of its own grey."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(classes):
        Path(folder, name).mkdir(parents=True)
        for i in range(count):
            grey = 60 + 120 * number + rng.integers(0, 20, (8, 8))
            Image.fromarray(grey.astype(np.uint8)).save(Path(folder, name, f"{i:02d}.png"))


def trained(out: str = "run", data: str = "pets") -> None:
    run("train", "supervised", "--data", data, "--labels", 4, "--steps", 2, "--out", out, *SMALL)


def test_other_classes_are_not_measured_by(capsys: pytest.CaptureFixture[str]) -> None:
    pets()
    trained()
    Path("pets/cat").rename("pets/feline")  # which comes after dog
    says = "the classes of the data have changed since the run: 'cat' there, 'dog' here"
    assert says in mistake(capsys, "evaluate", "run", "--metrics", "error", code=3)
    assert says in mistake(capsys, "train", "supervised", "--out", "run", "--resume", code=3)


def test_a_run_is_measured_from_any_folder_and_goes_on_where_its_data_have_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets()
    trained()
    assert Store.open("run").run().data == str(tmp_path / "pets")
    Path("other").mkdir()
    monkeypatch.chdir("other")
    pets(classes=("dog", "cat"))  # of the same name, and not the run's
    run("evaluate", "../run", "--metrics", "error")
    monkeypatch.chdir(tmp_path)
    Path("pets").rename("moved")
    for command in (["evaluate", "run"], ["doctor", "run"], ["report", "run"]):
        says = f"the data of run are no longer at {tmp_path / 'pets'}; where they have moved, "
        assert says + "bayesgan train supervised --out run --resume --data PLACE" in mistake(capsys, *command, code=3)
    run("train", "supervised", "--out", "run", "--resume", "--data", "moved")
    assert Store.open("run").run().data == str(tmp_path / "moved")
    run("evaluate", "run", "--metrics", "error")


@pytest.mark.parametrize("folder", ["sets", "../sets"])
def test_a_run_remembers_where_named_sets_lie(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("here").mkdir()
    monkeypatch.chdir("here")
    made_up_mnist(Path(folder), "MNIST")
    run("train", "dcgan", "--data", "mnist", "--data-dir", folder, "--steps", 1, "--out", tmp_path / "run")
    assert Store.open(tmp_path / "run").run().data_dir == str(Path(folder).resolve())
    monkeypatch.chdir(tmp_path.parent)
    run("evaluate", tmp_path / "run", "--metrics", "diversity", "-n", 4)


def test_paths_may_be_given_as_paths() -> None:
    pets()
    posterior = train(replace(tiny("supervised", 2), data=Path("pets"), labels=4), "run")  # type: ignore[arg-type]
    assert posterior.run.data == str(Path("pets").resolve())


def test_a_folder_of_a_hub_is_remembered_in_full() -> None:
    pets()
    assert located("hf:pets") == f"hf:{Path('pets').resolve()}"
    for name in ("hf:owner/pets:small", "hf:", "", "pet", "mnist"):
        assert located(name) == name


def test_a_folder_named_like_a_set_is_read_where_it_is_written_as_a_path() -> None:
    pets("digits", ("3", "7"), 5)
    trained("run", "./digits")
    run("predict", "run", "./digits", "--out", "p.csv")
    rows = csv.DictReader(Path("p.csv").read_text().splitlines())
    assert [row["image"] for row in rows] == [f"digits/{name}/{i:02d}.png" for name in "37" for i in range(5)]
    vae = replace(tiny("vae", labels=None), data="digits")
    train(vae, "vae")
    run("sample", "vae", "--reconstruct", "./digits", "-n", 10, "--out", "r.npz")
    ours = load("./digits").train.images
    assert np.allclose(np.load("r.npz")["originals"], ours / 127.5 - 1, atol=1e-6)


def test_a_clean_copy_keeps_the_numbers_of_classes() -> None:
    rng = np.random.default_rng(0)
    np.savez("odd.npz", x=rng.integers(0, 256, (7, 8, 8), np.uint8), y=np.array([1, 2, 7, 1, 2, 7, -1]))
    write_clean(collect("odd.npz", None), Path("clean.npz"), None)
    assert np.load("clean.npz")["y_train"].tolist() == [1, 2, 7, 1, 2, 7, -1]
    assert load("clean.npz").classes == ("1", "2", "7")


def test_photographs_are_turned_as_their_camera_says() -> None:
    sideways = np.tile(np.linspace(0, 255, 24).astype(np.uint8), (10, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise puts it upright
    Image.fromarray(sideways).save("photo.jpg", exif=exif, quality=95)
    image = decode(Path("photo.jpg"))
    assert image.shape == (1, 24, 10) and np.abs(image[0].astype(int) - np.rot90(sideways, -1)).max() < 12


def test_a_photograph_whose_camera_said_nonsense_is_as_it_is() -> None:
    plain = np.tile(np.linspace(0, 255, 24).astype(np.uint8), (10, 1))
    Image.fromarray(plain).save("photo.jpg", exif=b"Exif\0\0" + bytes(9), dpi=(72, 72), quality=95)
    image = decode(Path("photo.jpg"))
    assert image.shape == (1, 10, 24) and np.abs(image[0].astype(int) - plain).max() < 12


def test_what_is_transparent_in_16_bits_is_white() -> None:
    grey = np.full((8, 8), 7 << 8, np.uint16)
    grey[2:5, 2:5] = 300
    Image.fromarray(grey).save("i.png", transparency=300)
    image = decode(Path("i.png"))
    assert image.shape == (1, 8, 8) and (image[0, 2:5, 2:5] == 255).all() and image.sum() == 9 * 255 + 55 * 7


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    drawn = np.zeros((8, 8, 4), np.uint8)
    drawn[2:5, 2:5, 3] = 255  # black on nothing
    picture = Image.fromarray(drawn)
    if mode == "P":
        picture = Image.fromarray((drawn[..., 3] > 0).astype(np.uint8), mode="P")
        picture.putpalette([9, 9, 9, 0, 0, 0])
    (picture if mode == "P" else picture.convert(mode)).save("i.png", **({"transparency": 0} if mode == "P" else {}))
    image = decode(Path("i.png"))
    assert len(image) == (1 if mode == "LA" else 3)
    assert (image[:, 2:5, 2:5] == 0).all() and image.sum() == 255 * len(image) * (64 - 9)


def test_runs_of_one_name_have_labels_of_their_own() -> None:
    runs: list[dict[str, Any]] = [
        {"name": name, "path": path, "data": "d", "run": Run("s", "d", None, {}), "metrics": error(value)}  # type: ignore[arg-type]
        for name, path, value in (("gan", "a/run", 1.0), ("gan", "b/run", 2.0), ("gan", "c", 3.0), ("vae", "run", 4.0))
    ]
    name_apart(runs)
    assert [r["label"] for r in runs] == ["gan (a/run)", "gan (b/run)", "gan (c)", "vae"]
    bars = comparison(runs)
    assert bars is not None and all(r["label"] in bars for r in runs)


def error(value: float) -> dict[str, Any]:
    return {"error": {"value": value, "protocol": {"split": 0}}}


def test_a_run_that_diverged_has_a_report() -> None:
    train(tiny(), "run")
    rows = Store.open("run").metrics()
    rows[-1]["energy"] = {name: [float("nan")] * len(values) for name, values in rows[-1]["energy"].items()}
    Path("run/metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[-1:]))
    run("report", "run", "--out", "report.html")
    assert Path("report.html").stat().st_size > 10_000


def test_errors_of_the_system_are_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny(), "run")
    assert "File name too long" in mistake(capsys, "evaluate", "a" * 300, code=3)
    with pytest.raises(DataError, match="it is a folder"), atomic(Path()):
        pass
    program = [sys.executable, "-c", "from bayesgan.cli import main; main()", "data", "check", "digits"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(timeout=60) == 0


def test_names_that_no_text_can_hold_are_written_escaped() -> None:
    pets()
    Path("pets/cat/00.png").rename(os.fsdecode(b"pets/cat/\xff.png"))
    trained()
    run("predict", "run", "pets", "--out", "p.csv")
    assert "\\udcff.png" in Path("p.csv").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("split = 5", "split = 5: expected str"),
        ('data = ["good"]', "data = ['good']: expected str"),
        ("data = 'digits'\nlabels = [3]", "labels = [3]: expected str or int"),
        ("data = 'digits'\n[players.discriminator.network]\nkind = ['a']", "kind = ['a']"),
    ],
)
def test_settings_of_a_wrong_type_are_named(text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.toml").write_text(text)
    assert says in mistake(capsys, "train", "gan", "--config", "c.toml", "--dry-run", code=2)


def test_what_a_command_says_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny(), "run")
    says = "says all settings already; leave it out"
    for flags in (["--config", "run/config.toml"], ["--out", "run", "--resume"]):
        assert says in mistake(capsys, "train", "bayesgan", *flags, "--preset", "published", code=2)
    line = mistake(capsys, "train", "gan", "--data", "ring", "--set", "system=foo", "--dry-run", code=2)
    assert "the system is the command's first word" in line


def test_values_that_are_no_image_are_refused_from_python() -> None:
    posterior = train(tiny(), "run")
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    found = posterior.predict_proba(images)
    assert torch.equal(posterior.predict_proba(images.numpy()), found)  # type: ignore[arg-type]
    assert torch.allclose(posterior.predict_proba(images / 127.5 - 1), found, atol=1e-5)
    for wrong in (images.long(), images.float(), images / 127.5 - 1 + torch.nan):
        with pytest.raises(DataError, match=r"expected uint8, or floats|not in \[-1, 1\]"):
            posterior.predict_proba(wrong)
    assert posterior.predict_proba(images[:0]).shape == (0, 10)


def test_a_run_that_no_file_could_hold_is_refused_before_it_trains() -> None:
    for change in ({"steps": 3.5}, {"device": "mps"}):
        with pytest.raises(UsageError, match=str(*change)):
            train(replace(tiny(), **change), "run")
    assert not Path("run").exists()
    train(tiny(), "run")
    with pytest.raises(UsageError, match="device = 'gpu'"):
        Posterior.load("run", device="gpu")  # type: ignore[arg-type]
