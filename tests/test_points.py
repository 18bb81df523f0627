"""Sets of points in many dimensions: presets, pictures, and the way from training to the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bayesgan import images, presets
from bayesgan.cli import main
from bayesgan.data.sets import load
from bayesgan.networks import MLP

SYSTEMS = sorted(presets.PRESETS.keys() - {"supervised"})


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 0


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("name", SYSTEMS)
def test_networks_of_the_paper(name: str, published: bool) -> None:
    made = presets.PRESETS[name]("synthetic", published=published)
    assert made.latent == 10 and made.augment is None
    assert {player.network for player in made.players.values()} == {MLP(1000, 1)}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_moves_on_points_of_many_dimensions(name: str, tmp_path: Path) -> None:
    run("train", name, "--data", "synthetic", "--steps", 4, "--out", tmp_path / "run")
    assert {path.suffix for path in (tmp_path / "run/samples").iterdir()} == {".png"}


def test_from_training_to_the_report(tmp_path: Path) -> None:
    run("train", "bayesgan", "--data", "synthetic", "--steps", 4, "--out", tmp_path / "run")
    run("sample", tmp_path / "run", "--out", tmp_path / "grid.png")
    run("sample", tmp_path / "run", "-n", 5, "--out", tmp_path / "points.npz")
    run("report", tmp_path / "run")
    assert (np.array(Image.open(tmp_path / "grid.png")) < 255).any()
    assert np.load(tmp_path / "points.npz")["images"].shape == (5, 100)
    assert "Each generator particle" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_the_plane_that_is_seen() -> None:
    points = torch.randn(50, 2)
    assert images.plane(points) is points and images.plane(points, "ring") is points
    x = torch.from_numpy(load("synthetic").train.images)
    known, unknown = images.plane(x, "synthetic"), images.plane(x)
    for seen in (known, unknown):
        assert seen.shape == (10_000, 2) and abs(seen[:, 0].std() - 1) < 0.05 and seen[:, 1].std() < seen[:, 0].std()
    # One set of axes for all samples, those of the data: what samples lack is seen to be lacking.
    torch.testing.assert_close(images.plane(x[:7], "synthetic"), known[:7])
    assert (images.scatter(known) < 255).mean() > 0.05
    assert images.plane(torch.zeros(3, 5)).tolist() == [[0, 0]] * 3
