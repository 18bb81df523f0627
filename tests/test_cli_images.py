"""The command line with a user's own images, and with classes: reconstruct, interpolate, conditional runs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bayesgan.predict import Posterior, moments
from test_cli import SMALL, mistake, run

BRIEF = ["--steps", 4, *SMALL]
TWO = ["--set", "players.generator.particles=2", "--set", "players.encoder.particles=2", "--set", "thin=4"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return run folders by name."""
    root = tmp_path_factory.mktemp("runs")
    asked = {
        "VAE": ["vae", "--data", "digits"],
        "PAIRS": ["bayesian-alpha-gan", "--data", "digits", *TWO],
        "CLASSES": ["vae", "--data", "digits", "--conditional"],
        "GAN": ["dcgan", "--data", "digits", "--labels", 100, "--conditional"],
        "PLAIN": ["dcgan", "--data", "digits"],
        "POINTS": ["vae", "--data", "ring"],
    }
    for name, arguments in asked.items():
        run("train", *arguments, "--out", root / name, *BRIEF)
    return {name: root / name for name in asked}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a user's images by name: flat, in class folders, and what does not fit."""
    root, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    files = {"FLAT": [f"{i}.png" for i in range(20)], "ONE": ["0.png"], "SORTED": ["3/a.png", "3/b.png", "7/a.png"]}
    files |= {"STRANGE": ["cat/a.png", "dog/a.png"], "LARGE": ["0.png", "1.png"], "COLOUR": ["0.png", "1.png"]}
    for name, names in files.items():
        shape = {"LARGE": (9, 9), "COLOUR": (8, 8, 3)}.get(name, (8, 8))
        for file in names:
            (root / name / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(root / name / file)
    np.savez(root / "SOME.npz", images=rng.integers(0, 256, (3, 8, 8), np.uint8), labels=np.array([3, -1, 7]))
    return {name: root / name for name in files} | {"NPZ": root / "SOME.npz"}


def tiles(path: Path) -> np.ndarray:
    """Return the 8 by 8 images of a picture, ``(rows, columns, 8, 8)``, whatever the enlargement."""
    width, height = Image.open(path).size
    factor = next(f for f in range(480, 0, -1) if width % f == height % f == 0 and (width // f - 1) % 9 == 0)
    picture = np.asarray(Image.open(path))[::factor, ::factor][1:, 1:]
    rows, columns = (side // 9 for side in picture.shape)
    return picture.reshape(rows, 9, columns, 9).swapaxes(1, 2)[:, :, :8, :8]


def read(folder: Path) -> np.ndarray:
    """Return the images of a folder in [-1, 1], ``(B, 1, 8, 8)``."""
    files = sorted(folder.rglob("*.png"), key=lambda p: (p.parent.name, p.name))
    return np.stack([np.asarray(Image.open(p), np.float32)[None] / 127.5 - 1 for p in files])


def test_reconstruct_writes_originals_reconstructions_and_spread(
    runs: dict[str, Path], own: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("sample", runs["PAIRS"], "--reconstruct", own["FLAT"], "-n", 18, "--out", tmp_path / "a.npz")
    assert "18 reconstructions" in capsys.readouterr().out
    numbers = np.load(tmp_path / "a.npz")
    assert set(numbers) == {"originals", "reconstructions", "std", "codes", "codes_std"}
    x, posterior = read(own["FLAT"])[:18], Posterior.load(runs["PAIRS"])
    np.testing.assert_allclose(numbers["originals"], x, atol=1e-6)
    mean, std = moments(posterior.reconstruct_each(torch.from_numpy(x)))
    np.testing.assert_allclose(numbers["reconstructions"], mean, atol=1e-5)
    np.testing.assert_allclose(numbers["std"], std, atol=1e-5)
    codes, codes_std = moments(posterior.encode_each(torch.from_numpy(x)))
    np.testing.assert_allclose(numbers["codes"], codes, atol=1e-4)
    np.testing.assert_allclose(numbers["codes_std"], codes_std, atol=1e-4)
    run("sample", runs["PAIRS"], "--reconstruct", own["FLAT"], "-n", 18, "--out", tmp_path / "a.png")
    assert f"standard deviations from 0, black, to {std.max():.2g}, white" in capsys.readouterr().out
    shown, scaled = tiles(tmp_path / "a.png"), std[:16, 0].numpy() / std.max().item()
    assert shown.shape == (6, 16, 8, 8)
    for row, expected in ((0, (x[:16, 0] + 1) / 2), (1, (mean[:16, 0].numpy() + 1) / 2), (2, scaled)):
        np.testing.assert_allclose(shown[row] / 255, expected, atol=0.01)
    np.testing.assert_allclose(shown[3, :2] / 255, (x[16:, 0] + 1) / 2, atol=0.01)
    assert (shown[3:, 2:] == 255).all()
    run("sample", runs["VAE"], "--reconstruct", own["FLAT"] / "3.png", "--out", tmp_path / "b.png")
    assert "1 reconstructions: " in (line := capsys.readouterr().out) and "standard" not in line
    assert tiles(tmp_path / "b.png").shape[:2] == (2, 1)


def test_interpolate_writes_a_row_per_pair_of_neighbours(
    runs: dict[str, Path], own: dict[str, Path], tmp_path: Path
) -> None:
    run("sample", runs["VAE"], "--interpolate", own["FLAT"], "-n", 4, "--out", tmp_path / "a.png")
    shown = tiles(tmp_path / "a.png")
    assert shown.shape[:2] == (3, 10)
    np.testing.assert_allclose(shown[:, 0] / 127.5 - 1, read(own["FLAT"])[:3, 0], atol=0.01)
    np.testing.assert_allclose(shown[:, -1] / 127.5 - 1, read(own["FLAT"])[1:4, 0], atol=0.01)
    run("sample", runs["VAE"], "--interpolate", own["FLAT"], "-n", 4, "--out", tmp_path / "a.npz")
    run("sample", runs["VAE"], "--reconstruct", own["FLAT"], "-n", 4, "--out", tmp_path / "b.npz")
    paths, ends = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")["reconstructions"]
    assert paths["interpolations"].shape == (3, 8, 1, 8, 8)
    np.testing.assert_allclose(paths["originals"], read(own["FLAT"])[:4], atol=1e-6)
    np.testing.assert_allclose(paths["interpolations"][:, 0], ends[:-1], atol=1e-4)
    np.testing.assert_allclose(paths["interpolations"][:, -1], ends[1:], atol=1e-4)


def test_class_folders_are_the_classes_of_a_conditional_run(
    runs: dict[str, Path], own: dict[str, Path], tmp_path: Path
) -> None:
    run("sample", runs["CLASSES"], "--reconstruct", own["SORTED"], "--out", tmp_path / "a.npz")
    x, names = torch.from_numpy(read(own["SORTED"])), ["3", "3", "7"]
    made = np.load(tmp_path / "a.npz")
    np.testing.assert_allclose(
        made["reconstructions"], Posterior.load(runs["CLASSES"]).reconstruct(x, names), atol=1e-5
    )
    run("sample", runs["CLASSES"], "--interpolate", own["SORTED"], "--out", tmp_path / "b.npz")
    between = np.load(tmp_path / "b.npz")["interpolations"]
    np.testing.assert_allclose(between[:, -1], made["reconstructions"][1:], atol=1e-4)
    run("sample", runs["CLASSES"], "--reconstruct", "digits", "-n", 3, "--out", tmp_path / "c.png")
    assert tiles(tmp_path / "c.png").shape[:2] == (2, 3)


def test_samples_of_classes(runs: dict[str, Path], tmp_path: Path) -> None:
    for name in ("GAN", "CLASSES"):
        run("sample", runs[name], "-n", 4, "--classes", "3, 7", "--out", tmp_path / "a.npz")
        run("sample", runs[name], "-n", 2, "--classes", "3", "--particle", 0, "--out", tmp_path / "b.npz")
        run("sample", runs[name], "-n", 2, "--out", tmp_path / "c.npz")
        a, b = (np.load(tmp_path / f"{n}.npz")["images"].astype(int) for n in "ab")
        assert np.abs(a[0] - b[0]).max() <= 1
        assert np.abs(a[1] - b[1]).max() > 1


def test_conditional_runs_keep_all_labels_unless_told_and_go_on_without_the_flag(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {name: tomllib.loads((runs[name] / "config.toml").read_text()) for name in ("CLASSES", "GAN", "PLAIN")}
    assert {name: c["objective"]["conditional"] for name, c in written.items()} == {
        "CLASSES": True,
        "GAN": True,
        "PLAIN": False,
    }
    assert {name: c["labels"] for name, c in written.items()} == {"CLASSES": "all", "GAN": 100, "PLAIN": "none"}
    for name, system, flags in (("CLASSES", "vae", []), ("GAN", "dcgan", ["--conditional"])):
        run("train", system, "--out", runs[name], "--resume", *flags)
        run("train", system, "--config", runs[name] / "config.toml", "--dry-run", *flags)
        shown = tomllib.loads(capsys.readouterr().out.partition("run folder")[2].partition("\n")[2])
        assert shown == written[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "dcgan", "--out", "PLAIN", "--resume", "--conditional"], "is not conditional; leave out the flag"),
        (["train", "dcgan", "--config", "PLAIN/config.toml", "--conditional"], "config.toml is not conditional"),
        (
            ["train", "gan", "--data", "digits", "--conditional", "--set", "objective.conditional=false"],
            "the run of --set is not conditional",
        ),
        (
            ["train", "gan", "--data", "digits", "--conditional", "--set", "objective.kind=Hinge"],
            "leave out the flag, or add --set objective.conditional=true",
        ),
        (["train", "supervised", "--data", "digits", "--conditional"], "leave out --conditional"),
        (["train", "vae", "--data", "digits", "--labels", 10], "add --conditional"),
        (["train", "vae", "--set", "data=digits"], "--set data=...: the preset depends on it; give --data"),
        (["sample", "PLAIN", "--reconstruct", "FLAT"], "system 'dcgan' has no encoder; its players: discriminator"),
        (["sample", "PLAIN", "--interpolate", "FLAT"], "system 'dcgan' has no encoder"),
        (["sample", "PLAIN", "--classes", "3"], "does not know of classes; train it with --conditional"),
        (["sample", "GAN", "--classes", "33"], "unknown class '33'; did you mean '3'?"),
        (["sample", "GAN", "--classes", ""], "unknown class ''; choose from 0, 1"),
        (["sample", "POINTS", "--reconstruct", "FLAT"], "was trained on points"),
        (["sample", "VAE", "--interpolate", "FLAT", "-n", 1], "-n 1: --interpolate needs at least 2 images"),
        (
            ["sample", "VAE", "--interpolate", "FLAT", "--reconstruct", "FLAT"],
            "--reconstruct and --interpolate exclude",
        ),
        (["sample", "VAE", "--reconstruct", "FLAT", "--classes", "all"], "--reconstruct and --classes exclude"),
        (["sample", "VAE", "--interpolate", "FLAT", "--particle", 0], "--interpolate and --particle exclude"),
        (["sample", "VAE", "--reconstruct", "FLAT", "--seed", 3], "--reconstruct and --seed exclude"),
        (["sample", "CLASSES", "--reconstruct", "STRANGE"], "unknown class 'cat'; choose from 0, 1"),
    ],
)
def test_wrong_usage_ends_with_2(
    arguments: list[Any],
    message: str,
    runs: dict[str, Path],
    own: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in mistake(capsys, *[place(a, runs | own) for a in arguments], code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["VAE", "--reconstruct", "LARGE"], "images are 9x9 with 1 channel, the run was trained on 8x8 with 1 channel"),
        (
            ["VAE", "--reconstruct", "COLOUR"],
            "images are 8x8 with 3 channels, the run was trained on 8x8 with 1 channel",
        ),
        (["VAE", "--interpolate", "LARGE"], "images are 9x9 with 1 channel"),
        (["VAE", "--interpolate", "ONE"], "0.png holds 1 image; --interpolate needs at least 2"),
        (["VAE", "--reconstruct", "nowhere.png"], "no such file or folder: nowhere.png"),
        (["VAE", "--reconstruct", "ring"], "ring holds points, and the run was trained on images"),
        (["CLASSES", "--reconstruct", "FLAT"], "lacks classes, which a conditional run needs of every image"),
        (["CLASSES", "--reconstruct", "NPZ"], "lacks classes, which a conditional run needs of every image"),
    ],
)
def test_unusable_images_end_with_3(
    arguments: list[Any],
    message: str,
    runs: dict[str, Path],
    own: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = runs | own | {"ONE": own["ONE"] / "0.png"}
    assert message in mistake(capsys, "sample", *[place(a, places) for a in arguments], code=3)
    assert not list(tmp_path.iterdir())


def place(argument: Any, places: dict[str, Path]) -> Any:
    """Return an argument with the name of a place replaced by its path."""
    name, _, rest = str(argument).partition("/")
    return places[name] / rest if name in places else argument
